package judge_test

import (
	"iter"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
)

// script is a detector that gives each run its results.
type script map[string][]monitor.Result

// Judge implements [monitor.Detector].
func (s script) Judge(l monitor.Lineage, _ iter.Seq2[monitor.Sample, error]) (*monitor.Report, error) {
	run := l.Judged()
	return &monitor.Report{Run: run.ID, Sessions: []string{"s" + run.ID}, Results: s[run.ID], BaselineRuns: len(l.Baseline)}, nil
}

func result(item, metric string, status monitor.Status, ratio float64) monitor.Result {
	return monitor.Result{TestID: monitor.TestID{Item: item}, Metric: metric, Status: status, Ratio: monitor.Number(ratio)}
}

func TestAReportOnACommitLeavesNothingOutThatWasNotRunAgain(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	h.add("base", "a", "main", "ci")
	h.add("other", "x", "feature", "ci")
	h.add("first", "c", "feature", "ci")
	h.add("again", "c", "feature", "ci")
	unknown := math.NaN()
	detector := script{
		"other": {result("never", "cpu_time", monitor.StatusRegression, 9)},
		"first": {
			result("big", "mem_usage", monitor.StatusRegression, 1.3),
			result("slow", "cpu_time", monitor.StatusSuspect, 2),
			result("noisy", "cpu_time", monitor.StatusSuspect, 1.5),
			result("left out", "cpu_time", monitor.StatusOK, 1),
			result("left out", "total_time", monitor.StatusSuspect, 1.2),
		},
		"again": {
			result("slow", "cpu_time", monitor.StatusRegression, 1.9),
			result("big", "mem_usage", monitor.StatusNotJudged, unknown),
			result("noisy", "cpu_time", monitor.StatusOK, 1.1),
		},
	}
	main := "main"
	j := judge.New(h, detector)
	report, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c", Branch: &main})
	require.NoError(t, err)
	var got []string
	for _, r := range report.Results {
		got = append(got, r.Item+" "+r.Metric+" "+string(r.Status))
	}
	assert.Equal(t, []string{"slow cpu_time regression", "big mem_usage regression", "left out total_time suspect",
		"noisy cpu_time ok", "left out cpu_time ok"}, got)
	assert.Equal(t, monitor.Summary{Tests: 4, OK: 2, Suspects: 1, Regressions: 2}, report.Summary)
	assert.Equal(t, "again", report.Run)
	assert.Equal(t, []string{"sagain", "sfirst"}, report.Sessions)

	report, err = j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "again", Branch: &main})
	require.NoError(t, err)
	assert.Len(t, report.Results, 3, "a run by its id is that run alone")
}
