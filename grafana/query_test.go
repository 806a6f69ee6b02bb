package grafana_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
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

// values are what a person chose: per variable, nil meaning all.
type values map[string][]string

// fill replaces variables in a query the way Grafana does: those of the dashboard in the frontend, by their format,
// then Flux's own in the backend.
func fill(query, bucket string, chosen values) string {
	query = used.ReplaceAllStringFunc(query, func(match string) string {
		m := used.FindStringSubmatch(match)
		value, format := chosen[m[1]], m[2]
		switch {
		case value == nil:
			return ".*" // a variable's allValue is not formatted
		case format == "raw":
			return strings.Join(value, ",")
		}
		escaped := make([]string, len(value))
		for i, v := range value {
			escaped[i] = regexp.MustCompile(`[\\^$*+?.()|[\]{}/]`).ReplaceAllString(v, `\$0`)
		}
		if len(escaped) == 1 {
			return escaped[0]
		}
		return "(" + strings.Join(escaped, "|") + ")"
	})
	return strings.NewReplacer("v.timeRangeStart", from.Format(time.RFC3339Nano), "v.timeRangeStop", to.Format(time.RFC3339Nano),
		"v.defaultBucket", fmt.Sprintf("%q", bucket), "v.windowPeriod", "1h0m0s").Replace(query)
}

// oddTests are tests whose ids, as tags hold them, mean something else where they are not quoted well.
var oddTests = []string{"test_render[${name}]", "test_render[^$]", "test_render[a|b]", "test_render[line%0Abreak]", "test_filter[a/b]",
	"test_filter[C:%5Cdir]", `test_filter[colour=red, size="L"]`, "test_filter[100%25]"}

// usual is what a person sees first who chooses the newest run of the main class of machine.
func usual(h *history) values {
	return values{"project": {project}, "env": {mainEnv}, "component": nil, "branch": nil, "kind": {"function"}, "search": {""},
		"run": {h.runs[runCount-1]}, "test": {slowTest}}
}

func with(v values, name string, value ...string) values {
	v = maps.Clone(v)
	v[name] = value
	return v
}

// Every panel gets rows of the shape that its kind of panel draws.
func TestPanelsShowRealisticData(t *testing.T) {
	all := map[string][]harness.Row{}
	eachDashboard(t, func(t *testing.T, d dashboard) {
		db, h := harness.SharedInflux(t), realistic()
		bucket, _ := h.store(t, db)
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				rows := db.Query(fill(target.Query, bucket, with(usual(h), "run", h.runs[slowSince])))
				require.NotEmpty(t, rows, p.Title)
				checkShape(t, p, rows)
				all[p.Title] = rows
			}
		}
	})
	if *results != "" {
		content, err := json.MarshalIndent(all, "", " ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(*results, content, 0o600))
	}
}

// checkShape holds rows against what Grafana makes of them. A table with `_value` and a time is one series: every
// column without a leading underscore labels it and must be text. Any other table is drawn column by column.
func checkShape(t *testing.T, p panel, rows []harness.Row) {
	t.Helper()
	types := columnTypes(t, p, rows)
	_, series := types["_value"]
	if series {
		assert.Equal(t, "timeseries", p.Type, "%s: only these panels have series", p.Title)
		assert.Equal(t, "time.Time", types["_time"], p.Title)
		assert.Equal(t, "float64", types["_value"], p.Title)
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
	for name := range overridden(p) {
		assert.Contains(t, types, name, "%s: an override without its column", p.Title)
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

// columnTypes returns the type of each column, which is the same in all rows.
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

// Whatever there is and whatever is chosen, no panel and no variable fails: not without any data, with one run alone,
// with ids that have a meaning in a query, nor with several values chosen.
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
		"unknown run":    {false, with(u, "run", "gone")},
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

// allQueries returns the queries of all panels and variables.
func allQueries(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				all = append(all, target.Query)
			}
		}
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				all = append(all, v.Query)
			}
		}
	}
	return all
}

// The panels say what the history holds: numbers, the test that became slow, the one that grew, and nothing of other
// machines, projects and branches.
func TestPanelsTellWhatHappened(t *testing.T) {
	db, h := harness.SharedInflux(t), realistic()
	bucket, _ := h.store(t, db)
	d := dashboards(t)["dashboards/test-suite-overview.json"]
	show := func(title string, chosen values) []harness.Row {
		t.Helper()
		for _, p := range d.Panels {
			if p.Title == title {
				return db.Query(fill(p.Targets[0].Query, bucket, chosen))
			}
		}
		t.Fatalf("no panel %q", title)
		return nil
	}
	u := usual(h)

	all, onMain := show("Runs", u), show("Runs", with(u, "branch", "main"))
	assert.Len(t, all, 24, "runs on this machine class")
	assert.Len(t, onMain, 20)
	newest := h.total(runCount - 1)
	assert.Equal(t, h.runs[runCount-1], all[0]["run"])
	assert.Equal(t, "1427", all[0]["build"])
	assert.InDelta(t, newest.seconds, all[0]["seconds"], 1e-6)
	assert.InDelta(t, newest.cpu, all[0]["cpu"], 1e-6)
	assert.InDelta(t, newest.memory, all[0]["memory"], 1e-9)
	assert.EqualValues(t, newest.tests, all[0]["tests"])
	assert.InDelta(t, newest.seconds-h.total(runCount-2).seconds, all[0]["change"], 1e-6)
	assert.WithinDuration(t, newest.start, all[0]["_time"].(time.Time), 2*time.Microsecond)

	slow := show("Largest changes in the chosen run", with(u, "run", h.runs[slowSince]))[0]
	assert.Equal(t, slowTest, slow["test"])
	assert.Greater(t, slow["ratio"], 0.9)
	assert.Equal(t, fatTest, show("Most memory in the chosen run", u)[0]["test"])
	slowest := show("Slowest tests of the chosen run", u)
	assert.Len(t, slowest, newest.tests)
	for _, row := range slowest {
		if row["test"] == slowTest {
			assert.Greater(t, row["ratio"], 0.5, "still slower than it used to be")
		}
	}
	counted := 0.0
	for _, row := range show("How long the tests of the chosen run took", u) {
		counted += row["tests"].(float64)
	}
	assert.EqualValues(t, newest.tests, counted, "every test is in one bar")
	assert.Len(t, show("Chosen test: memory", u), 24, "one measurement a run")
	assert.Len(t, show("Chosen test: memory", with(u, "test", oddTests...)), 24*len(oddTests), "each is found by its id")
	assert.Len(t, show("Slowest tests of the chosen run", with(u, "search", `PAY_BY.*\[visa`)), 1)
	assert.EqualValues(t, 1, show("Tests in each run", with(u, "component", "(none)"))[0]["tests"])
}
