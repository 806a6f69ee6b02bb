package judge_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// A failed test has no measurement, so a report that says nothing of it looks like one on a smaller suite.
func TestFailedTestsAreCounted(t *testing.T) {
	t.Parallel()
	const failed, all = "failed, and failed tests are not measured", "its tests failed, so it measured nothing"
	part := func(n int64) monitor.LeftOut {
		return monitor.LeftOut{Reason: failed, Runs: []string{}, Branches: []string{}, Environments: []string{}, Tests: n}
	}
	main := "main"
	for name, tc := range map[string]struct {
		q      monitor.JudgeQuery
		failed map[string]int64 // by run
		want   []monitor.LeftOut
	}{
		"none":              {monitor.JudgeQuery{ScmRef: "c"}, nil, []monitor.LeftOut{}},
		"some":              {monitor.JudgeQuery{ScmRef: "c"}, map[string]int64{"new": 20}, []monitor.LeftOut{part(20)}},
		"some of two runs":  {monitor.JudgeQuery{ScmRef: "c"}, map[string]int64{"new": 20, "job": 3}, []monitor.LeftOut{part(23)}},
		"of another commit": {monitor.JudgeQuery{ScmRef: "c"}, map[string]int64{"old": 20}, []monitor.LeftOut{}},
		"of another branch": {monitor.JudgeQuery{ScmRef: "c", Head: &main}, map[string]int64{"job": 3}, []monitor.LeftOut{
			{Reason: "of another branch than the one asked for", Runs: []string{"job"}, Branches: []string{"job lint"}, Environments: []string{}, Tests: 1}}},
		"all of a run": {monitor.JudgeQuery{ScmRef: "c"}, map[string]int64{"empty": 30}, []monitor.LeftOut{
			{Reason: all, Runs: []string{"empty"}, Branches: []string{"main"}, Environments: []string{}, Tests: 30}}},
		"all of the only run": {monitor.JudgeQuery{ScmRef: "broken"}, map[string]int64{"broken": 30}, []monitor.LeftOut{part(30)}},
	} {
		h := &fakeHistory{}
		h.add("old", "b", "main", "ci")
		h.add("job", "c", "job lint", "ci")
		h.add("new", "c", "main", "ci")
		if tc.failed["empty"] > 0 {
			h.add("empty", "c", "main")
		}
		if tc.failed["broken"] > 0 {
			h.add("broken", "broken", "main")
		}
		for _, run := range h.runs {
			run.Failed = tc.failed[run.ID]
		}
		tc.q.Project = "p"
		report, err := newJudge(h, &recorder{}).Judge(t.Context(), tc.q)
		require.NoError(t, err, name)
		assert.Equal(t, tc.want, report.LeftOut, name)
	}
}
