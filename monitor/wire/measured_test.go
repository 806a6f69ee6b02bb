package wire_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// row is a row as this project's plugin sends it.
var row = strings.TrimSuffix(metricBody, "}") + `, "nodeid": "tests/test_a.py::test_ok[1-2]", "outcome": "passed", "attempts": 2, ` +
	`"setup_time": 0.5, "teardown_time": NaN, "mem_peak": null, "mem_test": 12.5}`

func TestARowOfMetricsHasItsOutcome(t *testing.T) {
	m, o, err := wire.DecodeMetric([]byte(row))
	require.NoError(t, err)
	plain, none, err := wire.DecodeMetric([]byte(metricBody))
	require.NoError(t, err)
	assert.Nil(t, none, "pytest-monitor sends no outcome")
	assert.Equal(t, plain, m)
	assert.Equal(t, fmt.Sprintf("%#v", monitor.Outcome{Metric: *plain, NodeID: "tests/test_a.py::test_ok[1-2]", Outcome: "passed", Attempts: 2,
		SetupTime: 0.5, TeardownTime: math.NaN(), MemPeak: math.NaN(), MemTest: 12.5}), fmt.Sprintf("%#v", *o))
	m, o, err = wire.DecodeMetric([]byte(with(t, row, `-55.78125`, `null`)))
	require.NoError(t, err, "memory cannot be measured everywhere")
	assert.True(t, math.IsNaN(m.MemUsage) && math.IsNaN(o.MemUsage))
	_, _, err = wire.DecodeMetric([]byte(with(t, metricBody, `-55.78125`, `null`)))
	assert.Error(t, err, "pytest-monitor always measures it")
	_, o, err = wire.DecodeMetric([]byte(with(t, row, `"passed"`, `null`)))
	require.NoError(t, err)
	assert.Nil(t, o)
}

func TestARowOfOutcomesMayLackMeasurements(t *testing.T) {
	body := with(t, with(t, row, `"passed", "attempts": 2`, `"error"`), `0.05405235290527344`, `null`)
	body = with(t, body, `-55.78125`, `NaN`)
	o, err := wire.DecodeOutcome([]byte(body))
	require.NoError(t, err)
	assert.Equal(t, "error", o.Outcome)
	assert.Equal(t, int64(1), o.Attempts, "a test that says nothing ran once")
	assert.True(t, math.IsNaN(o.TotalTime))
	assert.True(t, math.IsNaN(o.MemUsage))
	for _, outcome := range monitor.Outcomes {
		o, err := wire.DecodeOutcome([]byte(with(t, row, `"passed"`, `"`+outcome+`"`)))
		require.NoError(t, err)
		assert.Equal(t, outcome, o.Outcome)
	}
	short := with(t, row, `, "setup_time": 0.5, "teardown_time": NaN, "mem_peak": null, "mem_test": 12.5`, ``)
	o, err = wire.DecodeOutcome([]byte(short))
	require.NoError(t, err)
	assert.True(t, math.IsNaN(o.SetupTime))
}

// TestWrongRowsNameTheField holds for both routes: a row that only one of them takes names the field too.
func TestWrongRowsNameTheField(t *testing.T) {
	const metrics, outcomes = "metrics", "outcomes"
	for name, tt := range map[string]struct {
		route, old, new, field, problem string
	}{
		"a failed test as a metric": {metrics, `"passed"`, `"failed"`, "outcome",
			"expected passed or xpassed (POST /outcomes/ takes the others), got \"failed\""},
		"a long unknown outcome as a metric": {metrics, `"passed"`, `"` + strings.Repeat("\\n", 99) + `"`, "outcome",
			`expected passed or xpassed (POST /outcomes/ takes the others), got "` + strings.Repeat(`\n`, 40) + `… (99 bytes)"`},
		"a number as outcome":     {metrics, `"passed"`, `1`, "outcome", "expected a text, got 1"},
		"no node id":              {metrics, `"nodeid"`, `"other"`, "nodeid", "expected a text, but it is missing"},
		"a measurement as a text": {metrics, `1e-05`, `"x"`, "kernel_time", "expected a number, got a text"},
		"no attempt":              {metrics, `"attempts": 2`, `"attempts": 0`, "attempts", "expected a whole number of at least 1, got 0"},
		"half an attempt":         {outcomes, `"attempts": 2`, `"attempts": 1.5`, "attempts", "expected a whole number of at least 1, got 1.5"},
		"attempts as a text":      {outcomes, `"attempts": 2`, `"attempts": "2"`, "attempts", "expected a whole number of at least 1, got a text"},
		"a text as time":          {outcomes, `"setup_time": 0.5`, `"setup_time": "x"`, "setup_time", "expected a number, got a text"},
		"no outcome":              {outcomes, `"outcome"`, `"other"`, "outcome", "expected a text, but it is missing"},
		"an unknown outcome":      {outcomes, `"passed"`, `"PASSED"`, "outcome", "expected one of passed, failed, error, skipped, xfailed, xpassed"},
		"an empty node id":        {outcomes, `"tests/test_a.py::test_ok[1-2]"`, `""`, "nodeid", "expected a non-empty text"},
		"a missing measurement":   {outcomes, `"kernel_time": 1e-05, `, ``, "kernel_time", "expected a number, but it is missing"},
		"no date":                 {outcomes, `2026-11-22T16`, `x`, "item_start_time", "expected an ISO 8601 date such as 2026-01-31T12:00:00.123456"},
	} {
		t.Run(name, func(t *testing.T) {
			body := []byte(with(t, row, tt.old, tt.new))
			_, _, err := wire.DecodeMetric(body)
			if tt.route == outcomes {
				_, err = wire.DecodeOutcome(body)
			}
			var e *monitor.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, map[string]string{tt.field: tt.problem}, e.Fields)
		})
	}
}

func TestOutcomesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, err := wire.DecodeOutcome([]byte(row))
		require.NoError(t, err)
		float := floats()
		o.NodeID = texts().Filter(func(s string) bool { return s != "" }).Draw(t, "nodeid")
		o.Outcome = rapid.SampledFrom(monitor.Outcomes[:]).Draw(t, "outcome")
		o.Attempts = rapid.Int64Range(1, math.MaxInt64).Draw(t, "attempts")
		o.SetupTime, o.TeardownTime = float.Draw(t, "setup"), float.Draw(t, "teardown")
		o.MemPeak, o.MemTest, o.TotalTime = float.Draw(t, "peak"), float.Draw(t, "test"), float.Draw(t, "total")
		got, err := wire.DecodeOutcome(wire.AppendOutcome(nil, o))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%#v", *o), fmt.Sprintf("%#v", *got))
	})
}

func TestRowsOfAList(t *testing.T) {
	rows, err := wire.Rows([]byte(" [ {\"a\": [1]} ,\n2, \"]\" ] "))
	require.NoError(t, err)
	assert.Equal(t, [][]byte{[]byte(`{"a": [1]}`), []byte(`2`), []byte(`"]"`)}, rows)
	for _, body := range []string{`{"a": []}`, ``, `1`, `x`} {
		rows, err := wire.Rows([]byte(body))
		require.NoError(t, err)
		assert.Nil(t, rows, "not a list")
	}
	list := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("1,", n), ",") + "]" }
	rows, err = wire.Rows([]byte(list(wire.MaxRows)))
	require.NoError(t, err)
	assert.Len(t, rows, wire.MaxRows)
	for body, problem := range map[string]string{
		`[]`: "invalid list; : expected 1 to 100 rows, got 0", list(101): "invalid list; : expected 1 to 100 rows, got 101",
		`[1] 2`:   "invalid list: the body is not JSON: expected the end of the text at byte 4",
		`[1,`:     "invalid list: the body is not JSON: expected a value at byte 3",
		"[1]\x00": "invalid list: the body is not JSON: expected the end of the text at byte 3",
	} {
		_, err := wire.Rows([]byte(body))
		assert.EqualError(t, err, problem)
		assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
	}
}
