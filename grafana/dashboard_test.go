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
	Tags          []string
	Inputs        any `json:"__inputs"`
	Panels        []panel
	Templating    struct{ List []variable }
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               datasource
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct {
		Defaults  struct{ Unit string }
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
	RefID, Query string
	Datasource   datasource
}

type variable struct {
	Name, Label, Type, Description, Query, Regex, AllValue string

	Multi, IncludeAll bool
	Datasource        datasource
}

// byVariable is the only data source that panels may have: the one that the person chose.
var byVariable = datasource{Type: "influxdb", UID: "${datasource}"}

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
		ids, titles := map[int]bool{}, map[string]bool{}
		for _, p := range d.Panels {
			assert.NotEmpty(t, p.Title)
			assert.False(t, ids[p.ID], "panel id %d is there twice", p.ID)
			assert.False(t, titles[p.Title], "two panels are called %q", p.Title)
			ids[p.ID], titles[p.Title] = true, true
			assert.Greater(t, len(p.Description), 40, "%s: a description that helps", p.Title)
			assert.NotEmpty(t, p.FieldConfig.Defaults.Unit, "%s: unit", p.Title)
			assert.Equal(t, byVariable, p.Datasource, p.Title)
			require.NotEmpty(t, p.Targets, p.Title)
			for _, target := range p.Targets {
				assert.NotEmpty(t, target.RefID, p.Title)
				assert.Equal(t, byVariable, target.Datasource, p.Title)
			}
		}
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
		sources := 0
		for _, v := range d.Templating.List {
			assert.NotEmpty(t, v.Label, v.Name)
			assert.NotEmpty(t, v.Description, v.Name)
			switch v.Type {
			case "datasource":
				sources++
				assert.Equal(t, "datasource", v.Name)
				assert.Equal(t, "influxdb", v.Query)
			case "query":
				assert.Equal(t, byVariable, v.Datasource, v.Name)
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
		known := map[string]variable{}
		check := func(where, query string) {
			for _, m := range used.FindAllStringSubmatch(query, -1) {
				v, ok := known[m[1]]
				require.True(t, ok, "%s: %s is no variable, or one further down, or not in braces", where, m[0])
				switch v.Type {
				case "custom", "textbox":
					assert.Equal(t, "raw", m[2], "%s: format of %s", where, m[0])
				default:
					assert.Equal(t, "regex", m[2], "%s: format of %s", where, m[0])
					assert.Contains(t, query, "=~ /^"+m[0]+"$/", "%s: %s must be a whole regular expression", where, m[0])
				}
			}
		}
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				check("variable "+v.Name, v.Query)
			}
			known[v.Name] = v
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				check(p.Title, target.Query)
			}
		}
	})
}

// Links from a panel name variables that exist, and lead back to this dashboard.
func TestLinksKeepVariables(t *testing.T) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		names := map[string]bool{"__url_time_range": true, "__value": true}
		for _, v := range d.Templating.List {
			names[v.Name] = true
		}
		links := 0
		for _, p := range d.Panels {
			for _, url := range linkURLs(p) {
				links++
				assert.True(t, strings.HasPrefix(url, "/d/"+d.UID+"?"), url)
				for _, m := range regexp.MustCompile(`\$\{(\w+)|[?&]var-(\w+)`).FindAllStringSubmatch(url, -1) {
					assert.True(t, names[m[1]+m[2]], "%s: %s is no variable", p.Title, m[0])
				}
			}
		}
		assert.Positive(t, links)
	})
}

// linkURLs returns the addresses of a panel's data links.
func linkURLs(p panel) []string {
	var urls []string
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			links, _ := property.Value.([]any)
			for _, link := range links {
				if url, ok := link.(map[string]any)["url"].(string); ok {
					urls = append(urls, url)
				}
			}
		}
	}
	return urls
}
