package promql_test

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/grafana"
)

var results = flag.String("results", "", "write the results of every query on a made-up afternoon to this JSON `file`, by panel")

// board has the parts of the dashboard that the tests check.
type board struct {
	Panels []struct {
		Title   string
		Targets []struct{ RefID, Expr, LegendFormat string }
	}
	Templating struct {
		List []struct{ Name, Type, Query string }
	}
}

func dashboard(t *testing.T) board {
	t.Helper()
	content, err := grafana.Dashboards.ReadFile("dashboards/bridge.json")
	require.NoError(t, err)
	var b board
	require.NoError(t, json.Unmarshal(content, &b))
	return b
}

// fill replaces variables as Grafana does. instance is a regular expression.
func fill(expr, instance string) string {
	return strings.NewReplacer("$instance", instance, "$__rate_interval", "2m0s").Replace(expr)
}

func newEngine() *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute,
		Parser: parser.NewParser(parser.Options{})})
}

// evaluate runs a query over the afternoon, with one value per minute.
func evaluate(t *testing.T, engine *promql.Engine, from *scraped, expr string) promql.Matrix {
	t.Helper()
	query, err := engine.NewRangeQuery(t.Context(), from, nil, expr, from.start, from.start.Add(6*time.Hour), time.Minute)
	require.NoError(t, err, expr)
	defer query.Close()
	result := query.Exec(t.Context())
	require.NoError(t, result.Err, expr)
	matrix, err := result.Matrix()
	require.NoError(t, err, expr)
	return matrix
}

// drawn is a line in the form that the panel draws.
type drawn struct {
	Legend string       `json:"legend"`
	Points [][2]float64 `json:"points"` // seconds since 1970, value
}

// TestPromQL checks that every query returns lines with numbers, for all bridges and for one bridge, and that the legends
// of a query are different.
func TestPromQL(t *testing.T) {
	afternoon, engine := afternoon(t), newEngine()
	all := map[string][]drawn{}
	for _, p := range dashboard(t).Panels {
		for _, target := range p.Targets {
			matrix := evaluate(t, engine, afternoon, fill(target.Expr, ".*"))
			require.NotEmpty(t, matrix, "%s: %s", p.Title, target.Expr)
			names := map[string]bool{}
			for _, line := range matrix {
				d := draw(target.LegendFormat, line)
				assert.NotEmpty(t, d.Points, "%s: %s has no number", p.Title, d.Legend)
				assert.NotContains(t, d.Legend, "{{", p.Title)
				assert.False(t, names[d.Legend], "%s: two lines have the legend %s", p.Title, d.Legend)
				names[d.Legend] = true
				all[p.Title] = append(all[p.Title], d)
			}
			assert.NotEmpty(t, evaluate(t, engine, afternoon, fill(target.Expr, "bridge-2:8080")), "%s of one bridge", p.Title)
		}
	}
	if *results != "" {
		content, err := json.Marshal(all)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(*results, content, 0o600))
	}
}

// draw fills the labels of a line into its legend. It leaves out NaN and infinities.
func draw(legend string, line promql.Series) drawn {
	for _, name := range []string{"class", "reason", "code", "instance"} {
		if value := line.Metric.Get(name); value != "" {
			legend = strings.ReplaceAll(legend, "{{"+name+"}}", value)
		}
	}
	d := drawn{Legend: legend}
	for _, p := range line.Floats {
		if !math.IsNaN(p.F) && !math.IsInf(p.F, 0) {
			d.Points = append(d.Points, [2]float64{float64(p.T) / 1000, p.F})
		}
	}
	return d
}

// TestQueriesShowTheAfternoon checks some results against the events of the afternoon.
func TestQueriesShowTheAfternoon(t *testing.T) {
	afternoon, engine := afternoon(t), newEngine()
	last := func(expr string) float64 {
		matrix := evaluate(t, engine, afternoon, expr)
		require.Len(t, matrix, 1, expr)
		return matrix[0].Floats[len(matrix[0].Floats)-1].F
	}
	d := dashboard(t)
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			assert.Equal(t, "label_values(pymon_bridge_build_info, instance)", v.Query)
			assert.Len(t, evaluate(t, engine, afternoon, "group by (instance) (pymon_bridge_build_info)"), 2, "the label exists")
		}
	}
	byTitle := map[string]string{}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			byTitle[p.Title+": "+target.LegendFormat] = fill(target.Expr, ".*")
		}
	}
	assert.EqualValues(t, 2, last(byTitle["State: Bridges"]))
	assert.EqualValues(t, 2, last(byTitle["State: Dead letters"]), "one for each bridge")
	assert.Greater(t, last("max_over_time(("+byTitle["Waiting: not delivered"]+")[6h:1m])"), 500.0, "while InfluxDB was away")
}
