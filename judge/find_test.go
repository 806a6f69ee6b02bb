package judge_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// An editor collects tests after each run. That must not hide the run.
func TestTheLastRunIsTheLastThatMeasuredSomething(t *testing.T) {
	t.Parallel()
	h := history()
	h.add("collected", "e", "main")
	h.add("collected for a branch", "y", "feature")
	for name, tc := range map[string]struct {
		q    monitor.JudgeQuery
		want []string // window
	}{
		"the last run of all":      {monitor.JudgeQuery{}, []string{"m4", "m5", "m6"}},
		"the last run of a commit": {monitor.JudgeQuery{ScmRef: "e"}, []string{"m4", "m5", "m6"}},
		"the last run of a branch": {monitor.JudgeQuery{Head: branch("feature")}, []string{"f1", "f2"}},
		"the run by its id":        {monitor.JudgeQuery{Run: "collected"}, []string{"m5", "m6", "collected"}},
	} {
		detector := &recorder{}
		tc.q.Project = "p"
		_, err := newJudge(h, detector).Judge(t.Context(), tc.q)
		require.NoError(t, err, name)
		assert.Equal(t, tc.want, ids(detector.comparison.Window), name)
	}
	h.add("m7", "z", "main", "ci")
	detector := &recorder{}
	_, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p"})
	require.NoError(t, err)
	assert.Equal(t, []string{"m5", "m6", "m7"}, ids(detector.comparison.Window), "an empty run confirms nothing")

	empty := &fakeHistory{}
	empty.add("collected", "e", "main")
	report, err := newJudge(empty, &recorder{}).Judge(t.Context(), monitor.JudgeQuery{Project: "p"})
	require.NoError(t, err)
	assert.Equal(t, "collected", report.Run, "there is no other, and its report says that it measured nothing")
}

// A commit that is never found would switch a gate off.
func TestACommitThatIsNotFoundHasAReason(t *testing.T) {
	t.Parallel()
	const refused = `, since git did not tell pytest one. Git refuses a checkout that belongs to another user until ` +
		`git config --global --add safe.directory DIRECTORY allows it. Otherwise git is not installed there, or it is no checkout`
	h := &fakeHistory{}
	h.add("m1", "a", "main", "ci")
	h.add("m2", "", "main", "ci")
	h.add("f1", "x", "feature", "ci")
	h.add("j1", "y", "job tests 1/2", "ci")
	h.add("t1", "w", "", "ci")
	h.add("n1", "", "", "ci")
	for name, tc := range map[string]struct {
		q     monitor.JudgeQuery
		words string
	}{
		"the newest run has no commit": {monitor.JudgeQuery{ScmRef: "z"},
			`project "p" has no run of commit "z"; the newest run has no commit` + refused},
		"the newest of the branch has none": {monitor.JudgeQuery{ScmRef: "z", Head: branch("main")},
			`project "p" has no run of commit "z" of branch "main"; the newest run of branch "main" has no commit` + refused},
		"the branch is unknown": {monitor.JudgeQuery{ScmRef: "z", Head: branch("new")},
			`project "p" has no run of commit "z" of branch "new"; the newest run has no commit` + refused},
		"the branch has commits": {monitor.JudgeQuery{ScmRef: "z", Head: branch("feature")},
			`project "p" has no run of commit "z" of branch "feature"`},
		"of a job": {monitor.JudgeQuery{ScmRef: "y", Head: branch("feature")},
			`project "p" has no run of commit "y" of branch "feature"; the newest run of this commit is of branch "job tests 1/2": ` +
				`pytest says the branch with --tag branch=NAME`},
		"of no branch": {monitor.JudgeQuery{ScmRef: "w", Head: branch("feature")},
			`project "p" has no run of commit "w" of branch "feature"; the newest run of this commit is of no branch: ` +
				`pytest says the branch with --tag branch=NAME`},
		"a run that is not there": {monitor.JudgeQuery{ScmRef: "a", Run: "m2"}, `project "p" has no run "m2" of commit "a"`},
	} {
		tc.q.Project = "p"
		_, err := newJudge(h, &recorder{}).Judge(t.Context(), tc.q)
		assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), name)
		assert.EqualError(t, err, tc.words, name)
	}
}

func TestModulesAreJudgedWhereTheyAreAllThereIs(t *testing.T) {
	t.Parallel()
	h := history()
	last := h.runs[len(h.runs)-1]
	for _, tc := range []struct {
		tests, modules int64
		want           monitor.Sort
		leftOut        []monitor.LeftOut
	}{
		{3, 0, monitor.Tests, []monitor.LeftOut{}},
		{0, 2, monitor.Modules, []monitor.LeftOut{}},
		{3, 2, monitor.Tests, []monitor.LeftOut{{Reason: "modules are judged only in runs without tests",
			Runs: []string{}, Branches: []string{}, Environments: []string{}, Modules: 2}}},
	} {
		h.sorts = nil
		last.Tests, last.Modules = tc.tests, tc.modules
		report, err := newJudge(h, &recorder{}).Judge(t.Context(), monitor.JudgeQuery{Project: "p"})
		require.NoError(t, err)
		require.NotEmpty(t, h.sorts)
		assert.Equal(t, []monitor.Sort{tc.want}, slices.Compact(h.sorts))
		assert.Equal(t, tc.leftOut, report.LeftOut)
	}
}
