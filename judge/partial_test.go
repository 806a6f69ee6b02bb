package judge_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// partial marks runs as partial.
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
		"a commit, run in part too": {monitor.JudgeQuery{ScmRef: "e"}, []string{"m3", "m4", "m6"}, []string{"m1"}, ""},
		"a commit, run in part":     {monitor.JudgeQuery{ScmRef: "d"}, []string{"m3", "m4", "m5"}, []string{"m1"}, "-k"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, detector := history(), &recorder{}
			h.partial("m2", "m5", "f1")
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

// TestPartialRunsOfACommitAreLeftOut holds that the report on a commit names them, also those of other branches.
func TestPartialRunsOfACommitAreLeftOut(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	h.add("whole", "c", "main", "ci")
	h.add("again", "c", "main", "ci")
	h.add("job", "c", "job tests", "ci")
	h.add("job again", "c", "job tests", "ci")
	h.partial("again", "job again")
	report, err := newJudge(h, &recorder{}).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c"})
	require.NoError(t, err)
	assert.Equal(t, "job", report.Run)
	assert.Equal(t, []string{"job", "whole"}, report.Runs)
	require.Len(t, report.LeftOut, 1)
	assert.Equal(t, monitor.LeftOut{Reason: "partial: did not run the whole suite", Runs: []string{"job again", "again"},
		Branches: []string{"job tests", "main"}, Environments: []string{}, Tests: 2}, report.LeftOut[0])
}
