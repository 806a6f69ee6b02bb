package grafana_test

import (
	"encoding/json"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/grafana"
	"pymon-bridge/test/harness"
)

// dashboard has the parts of Grafana's JSON model that the tests check.
type dashboard struct {
	UID, Title    string
	ID            *int
	SchemaVersion int
	GraphTooltip  int
	Tags          []string
	Inputs        any `json:"__inputs"`
	Panels        []panel
	Templating    struct{ List []variable }
	Annotations   struct{ List []annotation }
	Links         []struct {
		Type                  string
		IncludeVars, KeepTime bool
	}
}

type annotation struct {
	Name       string
	BuiltIn    int
	Datasource datasource
	Target     target
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               datasource
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct {
		Defaults struct {
			Unit  string
			Links []any
		}
		Overrides []override
	}
	Options         map[string]any
	Targets         []target
	Transformations []struct {
		Options struct{ IndexByName map[string]int }
	}
}

type override struct {
	Matcher    struct{ ID, Options string }
	Properties []struct{ Value any }
}

type datasource struct{ Type, UID string }

type target struct {
	RefID, Query, Expr string
	Datasource         datasource
}

type variable struct {
	Name, Label, Type, Description, Query, Regex, AllValue string

	Multi, IncludeAll bool
	Datasource        datasource
}

// The only data sources that a panel may have. The user chooses them by a variable.
var (
	byVariable   = datasource{Type: "influxdb", UID: "${datasource}"}
	byPrometheus = datasource{Type: "prometheus", UID: "${prometheus}"}
)

// bridgeUID is the uid of the dashboard about the bridge itself. Its numbers are in Prometheus.
const bridgeUID = "pymon-bridge-state"

func sourceOf(d dashboard) datasource {
	if d.UID == bridgeUID {
		return byPrometheus
	}
	return byVariable
}

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	names, err := fs.Glob(grafana.Dashboards, "dashboards/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	all := map[string]dashboard{}
	for _, name := range names {
		content, err := grafana.Dashboards.ReadFile(name)
		require.NoError(t, err)
		var d dashboard
		require.NoError(t, json.Unmarshal(content, &d), name)
		all[name] = d
	}
	return all
}

func eachDashboard(t *testing.T, check func(t *testing.T, d dashboard)) {
	for name, d := range dashboards(t) {
		t.Run(path.Base(name), func(t *testing.T) { check(t, d) })
	}
}

// TestDashboardsCanBeInstalled: Grafana can provision and import a dashboard, and replace it by its uid.
func TestDashboardsCanBeInstalled(t *testing.T) {
	uids := map[string]bool{"pymon-bridge": true} // uid of the folder
	eachDashboard(t, func(t *testing.T, d dashboard) {
		assert.Regexp(t, `^pymon-[a-z0-9-]{1,34}$`, d.UID)
		assert.False(t, uids[d.UID], "the uid is taken")
		uids[d.UID] = true
		assert.NotEmpty(t, d.Title)
		assert.Nil(t, d.ID, "each Grafana server assigns its own ids")
		assert.Nil(t, d.Inputs, "provisioning does not use inputs")
		assert.Equal(t, 42, d.SchemaVersion)
		assert.Contains(t, d.Tags, "pymon-bridge")
	})
}

func TestPanelsAreComplete(t *testing.T) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		source := sourceOf(d)
		ids, titles := map[int]bool{}, map[string]bool{}
		for _, p := range d.Panels {
			assert.NotEmpty(t, p.Title)
			assert.False(t, ids[p.ID], "two panels have the id %d", p.ID)
			assert.False(t, titles[p.Title], "two panels have the title %q", p.Title)
			ids[p.ID], titles[p.Title] = true, true
			if p.Type == "row" {
				continue
			}
			assert.Greater(t, len(p.Description), 40, "%s: description", p.Title)
			assert.NotEmpty(t, p.FieldConfig.Defaults.Unit, "%s: unit", p.Title)
			assert.Equal(t, source, p.Datasource, p.Title)
			require.NotEmpty(t, p.Targets, p.Title)
			for _, target := range p.Targets {
				assert.NotEmpty(t, target.RefID, p.Title)
				assert.NotEmpty(t, target.Query+target.Expr, p.Title)
				assert.Equal(t, source, target.Datasource, p.Title)
			}
		}
	})
}

// TestDashboardsLinkToEachOther checks that the links keep the time range and the variables. It also checks that the
// graphs of a dashboard share a crosshair.
func TestDashboardsLinkToEachOther(t *testing.T) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		require.Len(t, d.Links, 1)
		assert.Equal(t, "dashboards", d.Links[0].Type)
		assert.True(t, d.Links[0].IncludeVars && d.Links[0].KeepTime)
		assert.Equal(t, 1, d.GraphTooltip)
	})
}

func TestPanelsDoNotOverlap(t *testing.T) {
	const columns = 24
	eachDashboard(t, func(t *testing.T, d dashboard) {
		taken := map[[2]int]string{}
		for _, p := range d.Panels {
			g := p.GridPos
			require.Positive(t, g.W*g.H, p.Title)
			require.True(t, g.X >= 0 && g.Y >= 0 && g.X+g.W <= columns, "%s lies outside", p.Title)
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					require.Empty(t, taken[[2]int{x, y}], "%s overlaps another panel", p.Title)
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	})
}

func TestVariablesAreComplete(t *testing.T) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		source := sourceOf(d)
		sources := 0
		for _, v := range d.Templating.List {
			assert.NotEmpty(t, v.Label, v.Name)
			assert.NotEmpty(t, v.Description, v.Name)
			switch v.Type {
			case "datasource":
				sources++
				assert.Equal(t, source.UID, "${"+v.Name+"}")
				assert.Equal(t, source.Type, v.Query)
			case "query":
				assert.Equal(t, source, v.Datasource, v.Name)
			}
			if v.IncludeAll {
				assert.Equal(t, ".*", v.AllValue, "%s: a list of all values would make a regular expression too long", v.Name)
			}
		}
		assert.Equal(t, 1, sources, "data source variables")
	})
}

// TestQueriesUseKnownVariables checks that each variable exists, and that its format keeps its value from changing the
// rest of the query.
func TestQueriesUseKnownVariables(t *testing.T) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		if d.UID == bridgeUID {
			return // TestPromQL in test/promql checks it
		}
		known := map[string]variable{}
		check := func(where, query string) {
			for _, m := range harness.GrafanaVariable.FindAllStringSubmatch(query, -1) {
				v, ok := known[m[1]]
				require.True(t, ok, "%s: %s is unknown, or is defined later, or has no braces", where, m[0])
				if !v.Multi && (v.Type == "custom" || v.Type == "textbox") {
					assert.Equal(t, "raw", m[2], "%s: format of %s", where, m[0])
					continue
				}
				assert.Equal(t, "regex", m[2], "%s: format of %s", where, m[0])
				assert.Contains(t, query, "/^"+m[0]+"$/", "%s: %s must be a complete regular expression", where, m[0])
			}
		}
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				check("variable "+v.Name, v.Query)
			}
			known[v.Name] = v
		}
		for where, query := range queries(d) {
			check(where, query)
		}
	})
}

// queries returns the Flux queries of the panels and annotations of a dashboard.
func queries(d dashboard) map[string]string {
	all := map[string]string{}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all[p.Title+" "+target.RefID] = target.Query
		}
	}
	for _, a := range d.Annotations.List {
		if a.BuiltIn == 0 {
			all["annotation "+a.Name] = a.Target.Query
		}
	}
	return all
}

// TestLinksKeepVariables checks that a link of a panel leads to one of our dashboards, and that both dashboards have the
// variables in the link.
func TestLinksKeepVariables(t *testing.T) {
	names := map[string]map[string]bool{}
	for _, d := range dashboards(t) {
		names[d.UID] = map[string]bool{}
		for _, v := range d.Templating.List {
			names[d.UID][v.Name] = true
		}
	}
	links := 0
	eachDashboard(t, func(t *testing.T, d dashboard) {
		for _, p := range d.Panels {
			for _, url := range linkURLs(p) {
				links++
				if strings.HasPrefix(url, "${commit_url:raw}") {
					assert.True(t, names[d.UID]["commit_url"], p.Title)
					continue
				}
				if strings.HasPrefix(url, "${bridge_url:raw}/p/${project:raw}/") {
					assert.True(t, names[d.UID]["bridge_url"], p.Title)
					assertFilled(t, p, url, names[d.UID])
					continue
				}
				uid, query, _ := strings.Cut(strings.TrimPrefix(url, "/d/"), "?")
				require.Contains(t, names, uid, url)
				assert.Contains(t, query, "${__url_time_range}", url)
				for _, m := range regexp.MustCompile(`\$\{(\w+):queryparam\}`).FindAllStringSubmatch(query, -1) {
					assert.True(t, names[d.UID][m[1]], "%s: this dashboard has no variable %s", p.Title, m[1])
					assert.True(t, names[uid][m[1]], "%s: the other dashboard has no variable %s", p.Title, m[1])
				}
				for _, m := range regexp.MustCompile(`&var-(\w+)=`).FindAllStringSubmatch(query, -1) {
					assert.True(t, names[uid][m[1]], "%s: the other dashboard has no variable %s", p.Title, m[1])
				}
				assert.Contains(t, query, "${bridge_url:queryparam}", "the address of the bridge is typed once")
				assertFilled(t, p, url, names[uid])
			}
		}
	})
	assert.Positive(t, links)
}

// assertFilled checks that a link takes its values from columns that the panel has, and from variables that there are.
func assertFilled(t *testing.T, p panel, url string, variables map[string]bool) {
	t.Helper()
	for _, m := range regexp.MustCompile(`\$\{__data\.fields\.(\w+)`).FindAllStringSubmatch(url, -1) {
		assert.Contains(t, order(p), m[1], "%s: no such column", p.Title)
	}
	for _, m := range regexp.MustCompile(`\$\{([a-z]\w*):(raw|percentencode)\}`).FindAllStringSubmatch(url, -1) {
		assert.True(t, variables[m[1]], "%s: no variable %s", p.Title, m[1])
	}
}

// TestTablesLeadToPages checks that each name of a test and each id of a run leads to its page of the bridge, and that graphs
// about one test do.
func TestTablesLeadToPages(t *testing.T) {
	tests, runs, graphs := 0, 0, 0
	eachDashboard(t, func(t *testing.T, d dashboard) {
		for _, p := range d.Panels {
			urls := strings.Join(linkURLs(p), " ")
			_, hasTest := order(p)["test"]
			_, hasRun := order(p)["run"]
			if hasTest {
				tests++
				assert.Contains(t, urls, "${bridge_url:raw}/p/${project:raw}/test?path=${__data.fields.module:percentencode}&name=${__value.raw:percentencode}", p.Title)
			}
			if hasRun {
				runs++
				assert.Contains(t, urls, "${bridge_url:raw}/p/${project:raw}/runs/${__value.raw:percentencode}", p.Title)
			}
			if d.UID == "pymon-test" && p.Type == "timeseries" {
				graphs++
				assert.Contains(t, urls, "${bridge_url:raw}/p/${project:raw}/test?path=${module:percentencode}&name=${test:percentencode}&env=${", p.Title)
			}
		}
	})
	assert.GreaterOrEqual(t, tests, 8)
	assert.Equal(t, 4, runs)
	assert.Equal(t, 6, graphs)
}

// order returns the columns of a table with their positions.
func order(p panel) map[string]int {
	for _, tr := range p.Transformations {
		return tr.Options.IndexByName
	}
	return nil
}

// linkURLs returns the addresses of the data links of a panel.
func linkURLs(p panel) []string {
	var urls []string
	add := func(links []any) {
		for _, link := range links {
			if url, ok := link.(map[string]any)["url"].(string); ok {
				urls = append(urls, url)
			}
		}
	}
	add(p.FieldConfig.Defaults.Links)
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if links, ok := property.Value.([]any); ok {
				add(links)
			}
		}
	}
	return urls
}
