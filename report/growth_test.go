package report_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// grown is slow growth of half as much again.
func grown(first monitor.Number) monitor.Drift {
	return monitor.Drift{Since: monitor.RunMark{Run: "r1", ScmRef: "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d",
		Started: time.Date(2026, 3, 12, 10, 0, 0, 0, time.UTC)}, Runs: 43, First: first, Now: 1.5 * first, Ratio: 1.5, Rate: 0.0102,
		P: 1e-9, Q: 1e-6}
}

// growingReport is a report on a run in which one test grows slowly, and the suite and a folder do.
func growingReport() *monitor.Report {
	drift := grown(0.4)
	r := &monitor.Report{Project: "shop", Run: "r44", ScmRef: "c0ffee", Branch: "main", Against: "main", BaselineRuns: 30,
		Suite: monitor.Suite{Status: monitor.StatusOK, Machines: []monitor.Machine{{Env: "ci", Status: monitor.StatusOK}}},
		Results: []monitor.Result{
			{TestID: monitor.TestID{ItemPath: "tests.test_pay", Item: "test_card", ItemVariant: "test_card", Kind: "function", Env: "ci"},
				ItemFSLoc: "tests/test_pay.py", Metric: monitor.MetricCPUTime, Status: monitor.StatusDrift, Baseline: 0.58, Value: 0.61,
				Ratio: 1.05, Drift: &drift},
			{TestID: monitor.TestID{ItemPath: "tests.test_pay", Item: "test_fine", ItemVariant: "test_fine", Kind: "function", Env: "ci"},
				Metric: monitor.MetricCPUTime, Status: monitor.StatusOK, Value: 1},
		}}
	r.Suite.Drift = []monitor.PartDrift{{Kind: monitor.PartSuite, Env: "ci", Metric: monitor.MetricTotalTime, Drift: grown(40), Tests: 900,
		Growth: 20, FromNew: 12, FromSlower: 9, Machine: -1}}
	r.Parts = []monitor.PartDrift{{Kind: monitor.PartFolder, Part: "tests/|pay", Env: "ci", Metric: monitor.MetricCPUTime, Drift: grown(4), Tests: 90,
		Growth: 2, FromSlower: 2}}
	r.Arrange()
	return r
}

func written(t *testing.T, f report.Format, r *monitor.Report, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, report.Write(&b, f, r, o))
	return b.String()
}

func TestSlowGrowthIsSaidInEachFormat(t *testing.T) {
	t.Parallel()
	r := growingReport()
	text := written(t, report.Text, r, report.Options{})
	assert.Contains(t, text, "WARNING No regression; 1 measurement grows slowly.")
	assert.Contains(t, text, "SLOW GROWTH: 1 test\n↗ tests/test_pay.py::test_card\n")
	assert.Contains(t, text, "400 ms → 600 ms    ×1.50", "from the first level to the present one, and not the moving baseline")
	assert.Contains(t, text, "    about 1 % a run since 1a2b3c4d5e (12 March 2026)\n")
	assert.Contains(t, text, "wall time of the whole suite grew by about 1 % a run since 1a2b3c4d5e (12 March 2026): 40 s → 60 s (×1.50); "+
		"+20 s: +12 s new tests, +9 s slower tests, −1 s all tests alike, maybe the machine\n")
	assert.Contains(t, text, "CPU time of folder tests/|pay grew by about 1 % a run")
	assert.Contains(t, text, "1 ok, 1 slowly growing")

	markdown := written(t, report.Markdown, r, report.Options{})
	assert.Contains(t, markdown, "### ⚠️ No regression; 1 measurement grows slowly.")
	assert.Contains(t, markdown, "<details><summary>1 slow growth</summary>")
	assert.Contains(t, markdown, "| `tests/test_pay.py::test_card` | CPU time | 400 ms | 600 ms | ×1.50 | about 1 % a run since 1a2b3c4d5e (12 March 2026) |")
	assert.Contains(t, markdown, "- CPU time of folder <code>tests&#47;&#124;pay</code> grew by")

	github := written(t, report.GitHub, r, report.Options{})
	assert.Contains(t, github, "::notice file=tests/test_pay.py,title=Slow growth%3A CPU time ×1.50%3A 400 ms → 600 ms::"+
		"tests/test_pay.py::test_card, about 1 %25 a run since 1a2b3c4d5e (12 March 2026)")
	assert.Contains(t, github, "::notice title=Slow growth::wall time of the whole suite grew")

	junit := written(t, report.JUnit, r, report.Options{})
	assert.Contains(t, junit, `failures="0"`)
	assert.Contains(t, junit, `<skipped type="drift" message="CPU time ×1.50: 400 ms → 600 ms">`)
	assert.Contains(t, junit, "CPU time of folder tests/|pay grew by")

	var got monitor.Report
	require.NoError(t, json.Unmarshal([]byte(written(t, report.JSON, r, report.Options{})), &got))
	require.Len(t, got.Results, 1)
	assert.Equal(t, r.Results[0].Drift, got.Results[0].Drift)
	assert.Equal(t, r.Suite.Drift, got.Suite.Drift)
	assert.Equal(t, r.Parts, got.Parts)
}

func TestSlowGrowthFailsOnlyWhereItIsAskedFor(t *testing.T) {
	t.Parallel()
	for on, want := range map[report.FailOn]monitor.Gate{report.FailOnRegression: monitor.GatePass, report.FailOnSuspect: monitor.GatePass,
		report.FailOnSuite: monitor.GatePass, report.FailOnNever: monitor.GatePass, report.FailOnDrift: monitor.GateFail} {
		gate, sentence := report.Gate(growingReport(), on)
		assert.Equal(t, want, gate, on)
		if want == monitor.GateFail {
			assert.Equal(t, "No confirmed regression, but 1 measurement grows slowly, which is to fail.", sentence)
		}
	}
	assert.Contains(t, written(t, report.GitHub, growingReport(), report.Options{FailOn: report.FailOnDrift}), "::error file=tests/test_pay.py,")

	parts := growingReport()
	parts.Results = parts.Results[1:]
	parts.Arrange()
	gate, sentence := report.Gate(parts, report.FailOnDrift)
	assert.Equal(t, monitor.GatePass, gate, "of the suite the machine may be the cause")
	assert.Equal(t, "No regression in 1 test; the suite or a part of it grows slowly.", sentence)

	worse := growingReport()
	worse.Results[1].Status = monitor.StatusRegression
	worse.Arrange()
	gate, _ = report.Gate(worse, report.FailOnDrift)
	assert.Equal(t, monitor.GateFail, gate)
	assert.Equal(t, monitor.StatusRegression, worse.Results[0].Status, "a regression comes first")

	only := growingReport()
	only.Results = only.Results[:1]
	only.Arrange()
	gate, _ = report.Gate(only, report.FailOnRegression)
	assert.Equal(t, monitor.GatePass, gate, "a test that grows slowly was judged")
}

func TestGrowthWithoutACommitNamesTheDay(t *testing.T) {
	t.Parallel()
	d := grown(1)
	d.Since.ScmRef, d.Rate = "", 0.003
	assert.Equal(t, "grew by about 0.3 % a run since 12 March 2026: 1 s → 1.50 s (×1.50)", report.Growth(monitor.MetricCPUTime, &d))
}
