package grafana_test

import (
	"fmt"
	"log/slog"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// columns returns the columns of a measurement with their types.
func columns(t *testing.T, db *harness.Influx, bucket, measurement string) map[string]string {
	t.Helper()
	types := map[string]string{}
	for _, point := range db.PointsBetween(bucket, measurement, from, to) {
		for name, value := range point {
			types[name] = fmt.Sprintf("%T", value)
		}
	}
	require.NotEmpty(t, types)
	return types
}

// TestMadeUpVerdictsHaveTheColumnsOfTheBridge checks that the points of these tests have the columns and types that the
// bridge writes.
func TestMadeUpVerdictsHaveTheColumnsOfTheBridge(t *testing.T) {
	db, h := harness.SharedInflux(t), realistic()
	made, _ := h.store(t, db)
	written, meta := db.NewBucket("pytest", 0), db.NewBucket("meta", 0)
	w, err := influx.Open(influx.Config{URL: db.URL, Token: db.Token, Org: db.Org, Bucket: written, MetaBucket: meta}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	offset := map[string]monitor.Number{monitor.MetricCPUTime: 1.5, monitor.MetricTotalTime: 1.5}
	v := w.DeliverReport(t.Context(), &monitor.Report{
		Project: project, Run: h.runs[0], Branch: "main", Against: "main", Started: h.starts[0],
		Suite: monitor.Suite{Status: monitor.StatusOK, Offset: offset, Machines: []monitor.Machine{{Env: mainEnv, Status: monitor.StatusOK, Offset: offset}}},
		Results: []monitor.Result{{TestID: monitor.TestID{ItemPath: "a", Item: "b", ItemVariant: "b", Kind: "function", Env: mainEnv},
			Metric: monitor.MetricCPUTime, Status: monitor.StatusSuspect, Baseline: 1, Limit: 1.2, Value: 2, Ratio: 2, Delta: 1, P: 0.5, Q: 0.5}},
	})
	require.Equal(t, monitor.Delivered, v.Kind, v.Message)
	for _, measurement := range []string{influx.RegressionMeasurement, influx.RunMeasurement, influx.MachineMeasurement} {
		assert.Equal(t, columns(t, db, written, measurement), columns(t, db, made, measurement), measurement)
	}
	levels := map[any]bool{}
	for _, p := range db.PointsBetween(made, influx.RegressionMeasurement, from, to) {
		levels[p["level"]] = true
	}
	for _, p := range db.PointsBetween(written, influx.RegressionMeasurement, from, to) {
		assert.True(t, levels[p["level"]], "a missing level is written in the same way: %v", p["level"])
	}
}

// TestQueriesReadOnlyWrittenColumns checks that the bridge writes every measurement and every field in the queries.
func TestQueriesReadOnlyWrittenColumns(t *testing.T) {
	db, h := harness.SharedInflux(t), realistic()
	bucket, _ := h.store(t, db)
	known := map[string]bool{}
	for _, measurement := range []string{"test_metrics", "test_outcomes", influx.RegressionMeasurement, influx.RunMeasurement, influx.MachineMeasurement} {
		known[measurement] = true
		for name := range columns(t, db, bucket, measurement) {
			known[name] = true
		}
	}
	all := allQueries(t)
	for _, r := range rules(t) {
		all = append(all, r.Data[0].Model.Query)
	}
	for _, query := range all {
		for _, m := range regexp.MustCompile(`r\._(?:field|measurement) == "(\w+)"`).FindAllStringSubmatch(query, -1) {
			assert.True(t, known[m[1]], "%s in %s", m[1], query)
		}
	}
}
