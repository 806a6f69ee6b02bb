package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// This file decodes points by the documented data model, and does not use the code that encoded them.

// decodeText reverses the encoding of texts. It asserts that the text has no character that InfluxDB or its clients might
// change or lose.
func decodeText(t *testing.T, s string) string {
	t.Helper()
	assert.True(t, utf8.ValidString(s), "%.400q is no valid UTF-8", s)
	assert.False(t, strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }),
		"%.400q has characters that should be encoded", s)
	assert.NotEmpty(t, s)
	if s == "(none)" {
		return ""
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		require.GreaterOrEqual(t, len(after), 2, "a percent sign that encodes nothing")
		code, err := strconv.ParseUint(after[:2], 16, 8)
		require.NoError(t, err, "a percent sign that encodes nothing")
		b.WriteByte(byte(code))
		s = after[2:]
	}
}

// point is a row that was read from InfluxDB.
type point struct {
	t   *testing.T
	row harness.Row
}

func (p point) text(field string) string {
	p.t.Helper()
	s, ok := p.row[field].(string)
	require.True(p.t, ok, "the point has no text field %s: %v", field, p.row)
	return decodeText(p.t, s)
}

// tag returns the text that a tag stands for. When the tag was cut, the field beside it has the whole text.
func (p point) tag(name string) string {
	p.t.Helper()
	if raw, ok := p.row[name+"_raw"].(string); ok {
		return decodeText(p.t, raw)
	}
	s, ok := p.row[name].(string)
	require.True(p.t, ok, "the point has no tag %s: %v", name, p.row)
	return decodeText(p.t, s)
}

func (p point) float(field string) float64 {
	p.t.Helper()
	f, ok := p.row[field].(float64)
	require.True(p.t, ok, "the point has no float field %s: %v", field, p.row)
	return f
}

// metric returns the metric as the client sent it.
func (p point) metric() harness.PymonMetric {
	p.t.Helper()
	return harness.PymonMetric{
		SessionH: p.text("session_h"), ContextH: p.text("context_h"), ItemStartTime: p.text("item_start_time"),
		ItemPath: p.tag("item_path"), Item: p.tag("item"), ItemVariant: p.tag("item_variant"),
		ItemFSLoc: p.text("item_fs_loc"), Kind: p.tag("kind"), Component: p.tag("component"),
		TotalTime: p.float("total_time"), UserTime: p.float("user_time"), KernelTime: p.float("kernel_time"),
		CPUUsage: p.float("cpu_usage"), MemUsage: p.float("mem_usage"),
	}
}

// points reads all points of a bucket of metrics. It returns none when the bucket does not exist, because the bridge creates
// the bucket for its first points. The test fails when the bucket has points of another measurement.
func points(t *testing.T, influx *harness.Influx, bucket string) []point {
	t.Helper()
	if !influx.HasBucket(bucket) {
		return nil
	}
	measurements := map[any]bool{}
	for _, r := range influx.Query(fmt.Sprintf(`from(bucket: %q) |> range(start: 1970-01-01T00:00:00Z, stop: `+
		`2200-01-01T00:00:00Z) |> keep(columns: ["_measurement"]) |> distinct(column: "_measurement")`, bucket)) {
		measurements[r["_value"]] = true
	}
	assert.Subset(t, []any{"test_metrics"}, slices.Collect(maps.Keys(measurements)))
	var all []point
	for _, row := range influx.Points(bucket, "test_metrics") {
		all = append(all, point{t, row})
	}
	return all
}

// assertArrived asserts that each row is exactly one point, with equal bits and bytes, and that there is no other point.
func assertArrived(t *testing.T, rows []harness.PymonMetric, stored []point) {
	t.Helper()
	count := map[harness.PymonMetric]int{}
	for _, p := range stored {
		count[p.metric()]++
	}
	for _, r := range rows {
		assert.Equal(t, 1, count[r], "points of the row %.400q", fmt.Sprint(r))
		delete(count, r)
	}
	for r, n := range count {
		assert.Failf(t, "nobody measured this", "%d points of %.400q", n, fmt.Sprint(r))
	}
}
