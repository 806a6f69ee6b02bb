package judge_test

import (
	"iter"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// script is a detector that gives each run its results.
type script map[string][]monitor.Result

// Judge implements [monitor.Detector].
func (s script) Judge(l monitor.Comparison, _ iter.Seq2[monitor.Sample, error]) (*monitor.Report, error) {
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
	j := newJudge(h, detector)
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

// TestAReportOnACommitKeepsWhatIsKnownOfItsMachines holds that a few tests run again, which do not tell how fast the machine
// was, do not hide that it was slow; and that the classes of machine of all jobs are named.
func TestAReportOnACommitKeepsWhatIsKnownOfItsMachines(t *testing.T) {
	t.Parallel()
	machine := func(env string, status monitor.Status, ratio float64) monitor.Machine {
		return monitor.Machine{Env: env, Status: status, Offset: map[string]monitor.Number{"cpu_time": monitor.Number(ratio)}}
	}
	unknown := math.NaN()
	for name, tc := range map[string]struct {
		first, again, want []monitor.Machine
		status             monitor.Status
	}{
		"slow, then unknown": {
			[]monitor.Machine{machine("ci", monitor.StatusSlowMachine, 1.6)}, []monitor.Machine{machine("ci", monitor.StatusOK, unknown)},
			[]monitor.Machine{machine("ci", monitor.StatusSlowMachine, 1.6)}, monitor.StatusSlowMachine},
		"slow, then as usual": {
			[]monitor.Machine{machine("ci", monitor.StatusSlowMachine, 1.6)}, []monitor.Machine{machine("ci", monitor.StatusOK, 1)},
			[]monitor.Machine{machine("ci", monitor.StatusOK, 1)}, monitor.StatusOK},
		"another class": {
			[]monitor.Machine{machine("b", monitor.StatusSlowMachine, 1.6)}, []monitor.Machine{machine("c", monitor.StatusOK, 1)},
			[]monitor.Machine{machine("b", monitor.StatusSlowMachine, 1.6), machine("c", monitor.StatusOK, 1)}, monitor.StatusSlowMachine},
		"nothing measured": {nil, nil, nil, monitor.StatusLearning},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHistory{}
			h.add("first", "c", "main", "ci")
			h.add("again", "c", "main", "ci")
			suites := map[string][]monitor.Machine{"first": tc.first, "again": tc.again}
			j := newJudge(h, detect(func(l monitor.Comparison) *monitor.Report {
				r := &monitor.Report{Suite: monitor.Suite{Status: monitor.StatusLearning, Machines: suites[l.Judged().ID]}}
				for _, m := range r.Suite.Machines {
					r.Suite.Status, r.Suite.Offset = m.Status, m.Offset
				}
				return r
			}))
			report, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c"})
			require.NoError(t, err)
			assert.Equal(t, tc.want, report.Suite.Machines)
			assert.Equal(t, tc.status, report.Suite.Status)
		})
	}
}
