package judge_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestAnImportedRunIsNotTheLast holds for runs that are dated later than each live one.
func TestAnImportedRunIsNotTheLast(t *testing.T) {
	t.Parallel()
	h := history() // the last run of main is m6, of commit e
	h.addImported("i1", "i", "main", "ci")
	h.addImported("i2", "e", "main", "ci")
	h.addImported("i3", "x", "old", "ci")
	for name, tc := range map[string]struct {
		q    monitor.JudgeQuery
		want string
	}{
		"of all":      {monitor.JudgeQuery{}, "m6"},
		"of a branch": {monitor.JudgeQuery{Head: branch("main")}, "m6"},
		"of a commit": {monitor.JudgeQuery{ScmRef: "e"}, "m6"},
		"by its id":   {monitor.JudgeQuery{Run: "i1"}, "i1"},
		"of a commit that only imported runs have": {monitor.JudgeQuery{ScmRef: "i"}, "i1"},
		"of a branch that only imported runs have": {monitor.JudgeQuery{Head: branch("old")}, "i3"},
	} {
		tc.q.Project = "p"
		report, err := newJudge(h, &recorder{}).Judge(t.Context(), tc.q)
		require.NoError(t, err, name)
		assert.Equal(t, tc.want, report.Run, name)
	}
	old := &fakeHistory{}
	old.addImported("i1", "a", "main", "ci")
	old.add("collected", "b", "main")
	report, err := newJudge(old, &recorder{}).Judge(t.Context(), monitor.JudgeQuery{Project: "p"})
	require.NoError(t, err)
	assert.Equal(t, "i1", report.Run, "no live run has measured anything")
}

// TestImportedRunsOfACommitSayNothingOfItsLiveRuns holds for those before and after a live run. They are history of other
// commits.
func TestImportedRunsOfACommitSayNothingOfItsLiveRuns(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	h.add("m1", "a", "main", "ci")
	h.addImported("i1", "b", "main", "ci")
	h.addImported("i2", "c", "main", "ci")
	h.add("live", "c", "main", "ci")
	h.addImported("i3", "c", "main", "ci")
	h.addImported("i4", "c", "other", "ci")
	for _, q := range []monitor.JudgeQuery{{ScmRef: "c"}, {Run: "live"}} {
		q.Project = "p"
		detector := &recorder{}
		report, err := newJudge(h, detector).Judge(t.Context(), q)
		require.NoError(t, err)
		assert.Equal(t, []string{"live"}, report.Runs)
		assert.Empty(t, report.LeftOut)
		assert.Equal(t, []string{"m1", "i1", "live"}, append(ids(detector.comparison.Baseline), ids(detector.comparison.Window)...))
	}
	h.add("later", "d", "main", "ci")
	detector := &recorder{}
	_, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "d"})
	require.NoError(t, err)
	assert.Equal(t, []string{"m1", "i1", "i2", "live", "i3", "later"},
		append(ids(detector.comparison.Baseline), ids(detector.comparison.Window)...), "they are history of a later commit")
	report, err := newJudge(h, &recorder{}).Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "i3"})
	require.NoError(t, err)
	assert.Equal(t, []string{"i3"}, report.Runs, "who asks for an imported run gets it")
}

// TestACommitOfImportedRunsIsJudgedTogether holds where no live run has measured anything of it.
func TestACommitOfImportedRunsIsJudgedTogether(t *testing.T) {
	t.Parallel()
	h := history()
	h.addImported("i1", "c9", "main", "ci")
	h.addImported("i2", "c9", "main", "ci")
	report, err := newJudge(h, &recorder{}).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c9"})
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"i1", "i2"}, report.Runs)
}
