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

// kinds returns the columns of a measurement with their types.
func kinds(t *testing.T, db *harness.Influx, bucket, measurement string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, point := range db.PointsBetween(bucket, measurement, from, to) {
		for name, value := range point {
			found[name] = fmt.Sprintf("%T", value)
		}
	}
	require.NotEmpty(t, found)
	return found
}

// What these tests make up is what the bridge writes: the same columns of the same types.
func TestMadeUpVerdictsAreThoseOfTheBridge(t *testing.T) {
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
		assert.Equal(t, kinds(t, db, written, measurement), kinds(t, db, made, measurement), measurement)
	}
	levels := map[any]bool{}
	for _, p := range db.PointsBetween(made, influx.RegressionMeasurement, from, to) {
		levels[p["level"]] = true
	}
	for _, p := range db.PointsBetween(written, influx.RegressionMeasurement, from, to) {
		assert.True(t, levels[p["level"]], "how a missing level is written: %v", p["level"])
	}
}

// Every measurement of verdicts that the queries read is one that the bridge writes, and so is every field.
func TestQueriesReadWhatIsWritten(t *testing.T) {
	db, h := harness.SharedInflux(t), realistic()
	bucket, _ := h.store(t, db)
	known := map[string]bool{}
	for _, measurement := range []string{"test_metrics", influx.RegressionMeasurement, influx.RunMeasurement, influx.MachineMeasurement} {
		known[measurement] = true
		for name := range kinds(t, db, bucket, measurement) {
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
