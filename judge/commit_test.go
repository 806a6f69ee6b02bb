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
				r := &monitor.Report{Suite: monitor.Suite{Status: monitor.StatusLearning, Machines: suites[l.Judged().ID]},
					Results: []monitor.Result{result("test", "cpu_time", monitor.StatusOK, 1)}}
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

// GitLab's shards say the name of their job for a branch. Each has its own history, and all of them count.
func TestAReportOnACommitHasAllJobs(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	h.add("a1", "a", "job tests 1/2", "ci")
	h.add("a2", "a", "job tests 2/2", "ci")
	h.add("b1", "b", "job tests 1/2", "ci")
	h.add("b1 again", "b", "job tests 1/2", "ci")
	h.add("b2", "b", "job tests 2/2", "ci")
	slow := result("slow", "cpu_time", monitor.StatusRegression, 2)
	baselines := map[string][]string{}
	results := script{"b1": {slow, result("quick", "cpu_time", monitor.StatusOK, 1)}, "b1 again": {result("noise", "cpu_time", monitor.StatusSuspect, 1)},
		"b2": {result("shop", "cpu_time", monitor.StatusOK, 1)}}
	detector := detect(func(l monitor.Comparison) *monitor.Report {
		baselines[l.Judged().ID] = append(ids(l.Baseline), ids(l.Window)...)
		r, _ := results.Judge(l, nil)
		r.Branch, r.Against = l.Judged().Branch, l.Branch
		return r
	})
	report, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "b"})
	require.NoError(t, err)
	assert.Equal(t, monitor.Summary{Tests: 4, OK: 2, Suspects: 1, Regressions: 1}, report.Summary)
	assert.Equal(t, slow, report.Results[0])
	assert.Equal(t, []string{"b2", "b1 again", "b1"}, report.Runs)
	assert.Equal(t, []string{"job tests 2/2", "job tests 1/2"}, report.Branches)
	assert.Empty(t, report.Against, "each is compared with its own")
	assert.Equal(t, []monitor.LeftOut{}, report.LeftOut)
	assert.Equal(t, map[string][]string{"b2": {"a2", "b2"}, "b1 again": {"a1", "b1", "b1 again"}, "b1": {"a1", "b1"}}, baselines)
}

func TestAReportSaysWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	h.add("m0", "c", "job docs")
	h.add("early", "c", "job lint", "ci py3.12")
	h.add("m1", "c", "main", "ci py3.11", "ci py3.12")
	h.add("f1", "c", "feature", "ci py3.11")
	h.add("other", "d", "feature", "ci py3.13")
	main, feature := "main", "feature"
	for name, tc := range map[string]struct {
		q    monitor.JudgeQuery
		runs []string
		want []monitor.LeftOut
	}{
		"one run": {monitor.JudgeQuery{Run: "f1"}, []string{"f1"}, []monitor.LeftOut{
			{Reason: "the report is on one run, and not on all runs of its commit", Runs: []string{"m1", "early"}, Branches: []string{"main", "job lint"},
				Environments: []string{"ci py3.12"}, Tests: 3},
			{Reason: "measured nothing", Runs: []string{"m0"}, Branches: []string{"job docs"}, Environments: []string{}}}},
		"all branches": {monitor.JudgeQuery{ScmRef: "c"}, []string{"f1", "m1", "early"}, []monitor.LeftOut{
			{Reason: "measured nothing", Runs: []string{"m0"}, Branches: []string{"job docs"}, Environments: []string{}}}},
		"a branch": {monitor.JudgeQuery{ScmRef: "c", Head: &feature}, []string{"f1"}, []monitor.LeftOut{
			{Reason: "of another branch than the one asked for", Runs: []string{"m1", "early"}, Branches: []string{"main", "job lint"},
				Environments: []string{"ci py3.12"}, Tests: 3},
			{Reason: "measured nothing", Runs: []string{"m0"}, Branches: []string{"job docs"}, Environments: []string{}}}},
		"nothing to compare with": {monitor.JudgeQuery{ScmRef: "c", Branch: &main}, []string{"f1", "m1"}, []monitor.LeftOut{
			{Reason: "started before all runs of the branch to compare with", Runs: []string{"early"},
				Branches: []string{"job lint"}, Environments: []string{}, Tests: 1, Missing: true},
			{Reason: "measured nothing", Runs: []string{"m0"}, Branches: []string{"job docs"}, Environments: []string{}}}},
	} {
		tc.q.Project = "p"
		report, err := newJudge(h, &recorder{}).Judge(t.Context(), tc.q)
		require.NoError(t, err, name)
		assert.Equal(t, tc.runs, report.Runs, name)
		assert.Equal(t, tc.want, report.LeftOut, name)
	}
}

// A class of machine on which a run has only modules has no result, and so has one that only other runs have.
func TestAClassOfMachineWithOnlyModulesIsNamed(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	h.add("other", "c", "docs", "docs", "elsewhere")
	h.add("both", "c", "main", "ci", "docs")
	h.add("tests", "c", "main", "ci")
	h.runs[0].Tests, h.runs[0].Modules = 0, 4
	h.runs[1].Tests, h.runs[1].Modules = 1, 3
	detector := detect(func(monitor.Comparison) *monitor.Report {
		return &monitor.Report{Suite: monitor.Suite{Machines: []monitor.Machine{{Env: "ci", Status: monitor.StatusOK}}}}
	})
	report, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c", Head: branch("main")})
	require.NoError(t, err)
	assert.Equal(t, []monitor.LeftOut{
		{Reason: "modules are judged only in runs without tests", Runs: []string{}, Branches: []string{}, Environments: []string{"docs"}, Modules: 3},
		{Reason: "of another branch than the one asked for", Runs: []string{"other"}, Branches: []string{"docs"},
			Environments: []string{"docs", "elsewhere"}, Modules: 4},
	}, report.LeftOut)
}

// What the detector says of each run, such as that the times of a test were added up, is in the report on the commit once.
func TestWhatIsSaidOfRunsIsAddedUp(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	h.add("one", "c", "main", "ci")
	h.add("two", "c", "feature", "ci")
	h.add("three", "c", "main", "ci")
	says := map[string][]monitor.LeftOut{"one": {{Reason: "added up", Tests: 1}}, "two": {{Reason: "ran again", Tests: 2}, {Reason: "added up", Tests: 4}}}
	detector := detect(func(c monitor.Comparison) *monitor.Report { return &monitor.Report{LeftOut: says[c.Judged().ID]} })
	report, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c"})
	require.NoError(t, err)
	got := map[string]int64{}
	for _, l := range report.LeftOut {
		got[l.Reason] += l.Tests
		assert.NotNil(t, l.Runs)
	}
	assert.Len(t, report.LeftOut, 2)
	assert.Equal(t, map[string]int64{"added up": 5, "ran again": 2}, got)
}
