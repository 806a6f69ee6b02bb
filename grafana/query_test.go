package grafana_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

var results = flag.String("results", "", "write the rows of every panel on realistic data to this JSON `file`, by title")

// values has the chosen values of each variable. nil means All.
type values map[string][]string

// fill replaces variables in a query as Grafana does, for the time of the history.
func fill(query, bucket string, chosen values) string {
	return harness.FillQuery(query, bucket, from, to, chosen)
}

// oddTests has tests whose ids, in the form of tags, would change a query if they were not quoted.
var oddTests = []string{"test_render[${name}]", "test_render[^$]", "test_render[a|b]", "test_render[line%0Abreak]", "test_filter[a/b]",
	"test_filter[C:%5Cdir]", `test_filter[colour=red, size="L"]`, "test_filter[100%25]"}

// oddModules has the modules of oddTests.
var oddModules = []string{"tests.catalog.test_template", "tests.catalog.test_listing"}

// usual returns the values at the start, with the newest run on the main class of machine.
func usual(h *history) values {
	return values{"project": {project}, "env": {mainEnv}, "component": nil, "branch": nil, "kind": {"function"}, "search": {""},
		"run": {h.runs[runCount-1]}, "base": {h.runs[runCount-2]}, "test": {slowTest}, "module": {"tests.checkout.test_payment"},
		"status": {"regression", "suspect", "improvement"}, "metric": {"cpu_time", "mem_usage", "total_time"}, "commit_url": {""}, "bridge_url": {""}}
}

func with(v values, name string, value ...string) values {
	v = maps.Clone(v)
	v[name] = value
	return v
}

// eachFlux calls check for every dashboard that uses InfluxDB.
func eachFlux(t *testing.T, check func(t *testing.T, d dashboard)) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		if d.UID != bridgeUID {
			check(t, d)
		}
	})
}

// TestPanelsShowRealisticData checks that every query returns rows in the form that its panel can draw.
func TestPanelsShowRealisticData(t *testing.T) {
	all := map[string]map[string][]harness.Row{}
	h := realistic()
	eachFlux(t, func(t *testing.T, d dashboard) {
		db := harness.SharedInflux(t)
		bucket, _ := h.store(t, db)
		all[d.UID] = map[string][]harness.Row{}
		chosen := usual(h)
		if d.UID == "pymon-machines" {
			chosen["env"] = []string{mainEnv, otherEnv}
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				rows := db.Query(fill(target.Query, bucket, chosen))
				require.NotEmpty(t, rows, "%s %s", p.Title, target.RefID)
				checkShape(t, p, rows)
				all[d.UID][p.Title] = append(all[d.UID][p.Title], rows...)
			}
		}
		for _, a := range d.Annotations.List {
			if a.BuiltIn == 0 {
				rows := db.Query(fill(a.Target.Query, bucket, chosen))
				require.NotEmpty(t, rows, a.Name)
				checkAnnotation(t, a, rows)
				all[d.UID]["annotation "+a.Name] = rows
			}
		}
	})
	file := cmp.Or(*results, filepath.Join(t.TempDir(), "results.json"))
	content, err := json.MarshalIndent(all, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, content, 0o600))
	checkDrawing(t, file)
}

// checkDrawing draws the pictures of the README into a temporary folder. It checks that draw.py can draw all kinds of
// panels and columns, and makes a picture for each dashboard with results.
func checkDrawing(t *testing.T, results string) {
	t.Helper()
	python := filepath.Join(harness.Root(t), ".cache", "py", "grafana", "bin", "python")
	require.FileExists(t, python, "make python installs the tools for this test")
	folder := t.TempDir()
	out, err := exec.Command(python, "testdata/draw.py", folder, results).CombinedOutput()
	require.NoError(t, err, string(out))
	pictures, err := filepath.Glob(filepath.Join(folder, "*.png"))
	require.NoError(t, err)
	assert.Len(t, pictures, len(dashboards(t))-1, "all except the dashboard about the bridge")
	for _, picture := range pictures {
		assert.FileExists(t, filepath.Join("../docs/images", filepath.Base(picture)), "pictures in the documentation")
	}
}

// checkAnnotation checks that rows have the columns that Grafana uses for annotations.
func checkAnnotation(t *testing.T, a annotation, rows []harness.Row) {
	t.Helper()
	for _, r := range rows {
		assert.IsType(t, time.Time{}, r["_time"], a.Name)
		for _, column := range []string{"title", "text", "tags"} {
			assert.IsType(t, "", r[column], "%s: %s", a.Name, column)
			assert.NotEmpty(t, r[column], "%s: %s", a.Name, column)
		}
		require.Len(t, r, 6, a.Name) // the two other columns are the name and the number of the table
	}
}

// checkShape checks that rows have the form that Grafana needs for a panel. A table with `_value` and a time is one
// series. Each of its columns without a leading underscore is a label and must be text. In other tables each column is
// drawn separately.
func checkShape(t *testing.T, p panel, rows []harness.Row) {
	t.Helper()
	types := columnTypes(t, p, rows)
	_, series := types["_value"]
	if series {
		value, drawn := map[string]string{"timeseries": "float64", "state-timeline": "string", "status-history": "string"}[p.Type]
		assert.True(t, drawn, "%s: only these panels have series", p.Title)
		assert.Equal(t, "time.Time", types["_time"], p.Title)
		assert.Equal(t, value, types["_value"], p.Title)
		for name, kind := range types {
			if !strings.HasPrefix(name, "_") && name != "table" {
				assert.Equal(t, "string", kind, "%s: label %s", p.Title, name)
			}
		}
		return
	}
	for _, r := range rows {
		require.Equal(t, rows[0]["table"], r["table"], "%s: one table", p.Title)
	}
	delete(types, "result")
	delete(types, "table")
	if len(p.Targets) == 1 {
		for name := range overridden(p) {
			assert.Contains(t, types, name, "%s: an override without a column", p.Title)
		}
	}
	switch kinds := slices.Sorted(maps.Values(types)); p.Type {
	case "barchart":
		x, _ := p.Options["xField"].(string)
		assert.Equal(t, "string", types[x], "%s: x axis", p.Title)
		assert.Contains(t, kinds, "float64", p.Title)
	case "timeseries", "stat":
		assert.Equal(t, "time.Time", types["_time"], p.Title)
		assert.Contains(t, kinds, "float64", p.Title)
		assert.NotContains(t, kinds, "string", "%s: a text would become a value", p.Title)
	case "state-timeline":
		assert.Equal(t, []string{"string", "time.Time"}, kinds, p.Title)
	case "bargauge":
		assert.Equal(t, []string{"float64", "string"}, kinds, p.Title)
	case "table":
		for _, tr := range p.Transformations {
			assert.ElementsMatch(t, slices.Collect(maps.Keys(types)), slices.Collect(maps.Keys(tr.Options.IndexByName)), "%s: order of columns", p.Title)
		}
	default:
		assert.Fail(t, "no shape is known for panels of type "+p.Type)
	}
}

func overridden(p panel) map[string]bool {
	names := map[string]bool{}
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.ID == "byName" {
			names[o.Matcher.Options] = true
		}
	}
	return names
}

// columnTypes returns the type of each column. It checks that the type is the same in all rows.
func columnTypes(t *testing.T, p panel, rows []harness.Row) map[string]string {
	t.Helper()
	types := map[string]string{}
	for _, r := range rows {
		for name, value := range r {
			kind := fmt.Sprintf("%T", value)
			if types[name] == "" {
				types[name] = kind
			}
			require.Equal(t, types[name], kind, "%s: column %s", p.Title, name)
		}
	}
	return types
}

// TestQueriesNeverFail runs the queries of all panels and variables in unusual cases.
func TestQueriesNeverFail(t *testing.T) {
	h := realistic()
	u := usual(h)
	cases := map[string]struct {
		empty  bool
		chosen values
	}{
		"nothing stored": {true, u},
		"nothing chosen": {true, with(with(with(with(u, "project", ""), "env", ""), "run", ""), "test", "")},
		"a single run":   {false, with(with(u, "project", "billing"), "run", h.runs[runCount])},
		"the first run":  {false, with(u, "run", h.runs[0])},
		"unknown runs":   {false, with(with(u, "run", "gone"), "base", "gone")},
		"modules":        {false, with(with(u, "kind", "module"), "test", "test_payment")},
		"several values": {false, with(with(u, "component", "cart", "(none)"), "branch", "main", "feature/checkout-speed")},
		"search":         {false, with(u, "search", `pay_by.*\[visa`)},
		"ids that mean something in Flux, regular expressions and line protocol": {false, with(u, "test", oddTests...)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			db := harness.SharedInflux(t)
			bucket := db.NewBucket("empty", 0)
			if !c.empty {
				bucket, _ = h.store(t, db)
			}
			for _, query := range allQueries(t) {
				db.Query(fill(query, bucket, c.chosen))
			}
		})
	}
}

// TestQueriesNeedNoOptionalNumbers: a point lacks a number that is unknown. For example, the first runs have no baseline.
// If all points in the time range lack a number, the result has no such column.
func TestQueriesNeedNoOptionalNumbers(t *testing.T) {
	db, h := harness.SharedInflux(t), realistic()
	bucket := db.NewBucket("pytest", 0)
	optional := regexp.MustCompile(`\b(offset_\w+|baseline|limit|value|delta|ratio|p|q)=[-0-9.e+]+,`)
	without := optional.ReplaceAllString(h.metrics.String(), "")
	require.Less(t, len(without), h.metrics.Len())
	db.Write(bucket, without)
	for _, query := range allQueries(t) {
		db.Query(fill(query, bucket, usual(h)))
	}
	for _, r := range rules(t) {
		r.rowsAt(t, db, bucket, h.starts[runCount].Add(time.Hour))
	}
}

// allQueries returns the Flux queries of all panels, annotations and variables.
func allQueries(t *testing.T) []string {
	t.Helper()
	unique := map[string]bool{}
	for _, d := range dashboards(t) {
		if d.UID == bridgeUID {
			continue
		}
		for _, query := range queries(d) {
			unique[query] = true
		}
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				unique[v.Query] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(unique))
}
