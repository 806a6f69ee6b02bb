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
)

// dashboard is what the tests look at of Grafana's JSON model.
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

// The only data sources that panels may have: those that the person chose.
var (
	byVariable   = datasource{Type: "influxdb", UID: "${datasource}"}
	byPrometheus = datasource{Type: "prometheus", UID: "${prometheus}"}
)

// bridgeUID is the dashboard about the bridge itself, whose numbers are in Prometheus.
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

// A dashboard that Grafana can provision, import and replace by its uid.
func TestDashboardsCanBeInstalled(t *testing.T) {
	uids := map[string]bool{}
	eachDashboard(t, func(t *testing.T, d dashboard) {
		assert.Regexp(t, `^pymon-[a-z0-9-]{1,34}$`, d.UID)
		assert.False(t, uids[d.UID], "the uid is taken")
		uids[d.UID] = true
		assert.NotEmpty(t, d.Title)
		assert.Nil(t, d.ID, "an id belongs to one Grafana")
		assert.Nil(t, d.Inputs, "provisioning does not fill in inputs")
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
			assert.False(t, ids[p.ID], "panel id %d is there twice", p.ID)
			assert.False(t, titles[p.Title], "two panels are called %q", p.Title)
			ids[p.ID], titles[p.Title] = true, true
			if p.Type == "row" {
				continue
			}
			assert.Greater(t, len(p.Description), 40, "%s: a description that helps", p.Title)
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

// Each dashboard leads to all others, with the chosen time and variables, and its graphs share a crosshair.
func TestDashboardsBelongTogether(t *testing.T) {
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
					require.Empty(t, taken[[2]int{x, y}], "%s lies on another panel", p.Title)
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
				assert.Equal(t, ".*", v.AllValue, "%s is used in regular expressions, which all values would make long", v.Name)
			}
		}
		assert.Equal(t, 1, sources, "data source variables")
	})
}

// used matches a variable in any notation of Grafana's, with its name and format.
var used = regexp.MustCompile(`\$\{([A-Za-z_]\w*)(?::(\w+))?\}|\$([A-Za-z_]\w*)|\[\[(\w+)`)

// Each query uses variables that are there, in a notation that keeps any value from changing the query's meaning.
func TestQueriesUseKnownVariables(t *testing.T) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		if d.UID == bridgeUID {
			return // see TestPromQL
		}
		known := map[string]variable{}
		check := func(where, query string) {
			for _, m := range used.FindAllStringSubmatch(query, -1) {
				v, ok := known[m[1]]
				require.True(t, ok, "%s: %s is no variable, or one further down, or not in braces", where, m[0])
				if !v.Multi && (v.Type == "custom" || v.Type == "textbox") {
					assert.Equal(t, "raw", m[2], "%s: format of %s", where, m[0])
					continue
				}
				assert.Equal(t, "regex", m[2], "%s: format of %s", where, m[0])
				assert.Contains(t, query, "/^"+m[0]+"$/", "%s: %s must be a whole regular expression", where, m[0])
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

// queries returns what panels and annotations ask InfluxDB.
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

// Links from a panel lead to a dashboard of ours, and name variables that exist here and there.
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
				uid, query, _ := strings.Cut(strings.TrimPrefix(url, "/d/"), "?")
				require.Contains(t, names, uid, url)
				assert.Contains(t, query, "${__url_time_range}", url)
				for _, m := range regexp.MustCompile(`\$\{(\w+):queryparam\}`).FindAllStringSubmatch(query, -1) {
					assert.True(t, names[d.UID][m[1]], "%s: %s is no variable here", p.Title, m[1])
					assert.True(t, names[uid][m[1]], "%s: %s is no variable there", p.Title, m[1])
				}
				for _, m := range regexp.MustCompile(`&var-(\w+)=`).FindAllStringSubmatch(query, -1) {
					assert.True(t, names[uid][m[1]], "%s: %s is no variable there", p.Title, m[1])
				}
				for _, m := range regexp.MustCompile(`\$\{__data\.fields\.(\w+)`).FindAllStringSubmatch(query, -1) {
					assert.Contains(t, order(p), m[1], "%s: no such column", p.Title)
				}
			}
		}
	})
	assert.Positive(t, links)
}

// order returns the columns of a table and their places.
func order(p panel) map[string]int {
	for _, tr := range p.Transformations {
		return tr.Options.IndexByName
	}
	return nil
}

// linkURLs returns the addresses of a panel's data links.
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
