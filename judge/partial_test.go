package judge_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// partial marks runs as partial, for -k.
func (h *fakeHistory) partial(ids ...string) {
	for _, run := range h.runs {
		for _, id := range ids {
			if run.ID == id {
				run.Completion, run.Partial = monitor.Partial, "-k"
			}
		}
	}
}

func TestPartialRunsAreNoBaseline(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		q                monitor.JudgeQuery
		window, baseline []string
		partial          string
	}{
		"the last run of all":       {monitor.JudgeQuery{}, []string{"m3", "m4", "m6"}, []string{"m1"}, ""},
		"a partial run by its id":   {monitor.JudgeQuery{Run: "m5"}, []string{"m3", "m4", "m5"}, []string{"m1"}, "-k"},
		"a branch by another":       {monitor.JudgeQuery{Run: "f2", Branch: branch("main")}, []string{"f2"}, []string{"m1", "m3", "m4"}, ""},
		"a commit, run in part too": {monitor.JudgeQuery{ScmRef: "e"}, []string{"m5", "m6", "again"}, []string{"m1", "m3", "m4"}, "-k"},
		"a commit, run in part":     {monitor.JudgeQuery{ScmRef: "d"}, []string{"m3", "m4", "m5"}, []string{"m1"}, "-k"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, detector := history(), &recorder{}
			h.partial("m2", "m5", "f1")
			h.runs[slices.IndexFunc(h.runs, func(r *monitor.RunInfo) bool { return r.ID == "m2" })].Partial = "-x"
			if tc.q.ScmRef == "e" {
				h.add("again", "e", "main", "ci")
				h.partial("again")
			}
			tc.q.Project = "p"
			report, err := newJudge(h, detector).Judge(t.Context(), tc.q)
			require.NoError(t, err)
			assert.Equal(t, tc.window, ids(detector.comparison.Window))
			assert.Equal(t, tc.baseline, ids(detector.comparison.Baseline))
			assert.Equal(t, tc.partial, report.Partial)
			assert.Equal(t, tc.partial != "", report.Completion == monitor.Partial)
		})
	}
	h := history()
	h.partial("m6")
	report, err := newJudge(h, &recorder{}).Judge(t.Context(), monitor.JudgeQuery{Project: "p"})
	require.NoError(t, err)
	assert.Equal(t, "m6", report.Run, "the last run of all is never an older one without a word")
}

// TestRunsWithOneSelectionHaveABaseline holds that a job that always selects the same tests is judged by its own runs.
func TestRunsWithOneSelectionHaveABaseline(t *testing.T) {
	t.Parallel()
	h, detector := history(), &recorder{}
	h.partial("m1", "m2", "m3", "m4", "m5", "m6")
	report, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m6"})
	require.NoError(t, err)
	assert.Equal(t, 6, len(detector.comparison.Window)+len(detector.comparison.Baseline))
	assert.Equal(t, "-k", report.Partial)
	h.runs[len(h.runs)-1].Whole = true // its other session is complete
	_, err = newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: h.runs[len(h.runs)-1].ID})
	require.NoError(t, err)
	assert.Equal(t, []string{h.runs[len(h.runs)-1].ID}, append(ids(detector.comparison.Baseline), ids(detector.comparison.Window)...))
}

// TestPartialRunsOfACommitCount holds that tests which were run again to confirm or clear them do so, and that a report is
// partial only if a job of its commit did not run the whole suite at all.
func TestPartialRunsOfACommitCount(t *testing.T) {
	t.Parallel()
	ok := func(item string) monitor.Result { return result(item, "cpu_time", monitor.StatusOK, 1) }
	h, detector := &fakeHistory{}, script{
		"whole": {result("a", "cpu_time", monitor.StatusSuspect, 3), ok("b"), ok("c")},
		"again": {ok("a")},
		"job":   {ok("z")},
		"later": {ok("a"), ok("b"), ok("c")},
	}
	judged := func() *monitor.Report {
		report, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c"})
		require.NoError(t, err)
		return report
	}
	h.add("whole", "c", "main", "ci")
	h.add("again", "c", "main", "ci")
	h.partial("again")
	report := judged()
	assert.Equal(t, []string{"again", "whole"}, report.Runs)
	assert.Equal(t, monitor.Summary{Tests: 3, OK: 3}, report.Summary)
	assert.Equal(t, monitor.CompletionUnknown, report.Completion)

	h.add("job", "c", "job docs", "ci")
	h.partial("job")
	h.add("later", "c", "main", "ci")
	report = judged()
	assert.Equal(t, "later", report.Run)
	assert.Equal(t, monitor.Partial, report.Completion)
	assert.Equal(t, "-k", report.Partial)
}
