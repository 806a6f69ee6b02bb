package judge_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
)

const tooMany = "more than are judged for one commit"

// Shards may be runs of one branch, more of them than confirm a change.
func TestEveryShardOfABranchCounts(t *testing.T) {
	t.Parallel()
	for _, against := range []string{"main", "feature"} {
		h, detector := &fakeHistory{}, script{}
		h.add("m", "m", "main", "ci")
		for commit := range 4 {
			for shard := range 32 {
				id := fmt.Sprint("c", commit, "s", shard)
				h.add(id, fmt.Sprint("c", commit), "feature", "ci")
				detector[id] = []monitor.Result{result(fmt.Sprint("test", shard), "cpu_time", monitor.StatusOK, 1)}
			}
		}
		detector["c3s0"][0] = result("test0", "cpu_time", monitor.StatusRegression, 5)
		report, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c3", Branch: &against})
		require.NoError(t, err)
		assert.Len(t, report.Runs, 32, against)
		assert.Equal(t, monitor.Summary{Tests: 32, OK: 31, Regressions: 1}, report.Summary, against)
		assert.Empty(t, report.LeftOut, against)
	}
}

// Each run of a commit is judged with the runs before it, also one that many runs of the branch came after.
func TestEachRunOfACommitHasItsOwnHistory(t *testing.T) {
	t.Parallel()
	for _, against := range []string{"main", "feature"} {
		h := &fakeHistory{}
		for i := range 50 {
			h.add(fmt.Sprint("m", i), fmt.Sprint("m", i), "main", "ci")
		}
		for i := range 500 {
			commit := fmt.Sprint("c", i)
			if i == 100 || i == 498 || i == 499 {
				commit = "x"
			}
			h.add(fmt.Sprint("f", i), commit, "feature", "ci")
		}
		windows := map[string]string{}
		j := newJudge(h, detect(func(c monitor.Comparison) *monitor.Report {
			windows[c.Judged().ID] = fmt.Sprintf("%d %s %d", len(c.Baseline), c.Window[0].ID, len(c.Window))
			return &monitor.Report{}
		}))
		_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "x", Branch: &against})
		require.NoError(t, err)
		want := map[string]string{"f499": "50 f468 32", "f498": "50 f467 32", "f100": "50 f69 32"}
		if against == "feature" {
			want = map[string]string{"f499": "160 f497 3", "f498": "160 f496 3", "f100": "98 f98 3"}
		}
		assert.Equal(t, want, windows)
	}
}

// A commit that is run again and again is not judged anew for each of its runs. The report counts all the others, also those
// that measured nothing.
func TestRunsOfACommitAreBoundedAndCounted(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	h.add("first", "x", "main", "ci")
	for i := range 1200 {
		h.add(fmt.Sprint("empty", i), "x", "main")
	}
	for i := range 39 {
		h.add(fmt.Sprint(i), "x", "main", "ci")
	}
	asked := 0
	j := newJudge(h, detect(func(monitor.Comparison) *monitor.Report { asked++; return &monitor.Report{} }))
	report, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "x"})
	require.NoError(t, err)
	assert.Equal(t, j.Commit, asked)
	assert.Len(t, report.Runs, j.Commit)
	require.Len(t, report.LeftOut, 2)
	assert.Len(t, report.LeftOut[0].Runs, 40-j.Commit)
	assert.Equal(t, tooMany, report.LeftOut[0].Reason)
	assert.EqualValues(t, 40-j.Commit, report.LeftOut[0].Tests)
	assert.True(t, report.LeftOut[0].Missing, "they were asked for")
	assert.Len(t, report.LeftOut[1].Runs, 1200)
	assert.False(t, report.LeftOut[1].Missing, "they have nothing to look at")
}

// Every branch of a commit is judged before any of them is judged twice, as far as there is room.
func TestTheRunsOfACommitAreSharedOutToItsBranches(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	for i := range 5 {
		for _, branch := range []string{"job a", "job b", "job c"} {
			h.add(fmt.Sprint(branch, i), "x", branch, "ci")
		}
	}
	for commit, want := range map[int][]string{
		2: {"job c4", "job b4"},
		4: {"job c4", "job c3", "job b4", "job a4"},
		7: {"job c4", "job c3", "job c2", "job b4", "job b3", "job a4", "job a3"},
		8: {"job c4", "job c3", "job c2", "job b4", "job b3", "job b2", "job a4", "job a3"},
	} {
		j := newJudge(h, &recorder{})
		j.Commit = commit
		report, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "x"})
		require.NoError(t, err)
		assert.Equal(t, want, report.Runs)
		require.Len(t, report.LeftOut, 1)
		assert.Len(t, report.LeftOut[0].Runs, 15-len(want))
	}
}

// The largest run of each branch is judged first, then other large runs, and always the last run at all.
func TestTheLargestRunsOfACommitAreJudged(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	for _, run := range []struct {
		id, branch     string
		tests, modules int64
	}{
		{"a whole", "a", 900, 0}, {"a half", "a", 450, 0}, {"b whole", "b", 0, 30}, {"b again", "b", 0, 1}, {"a again", "a", 2, 0}, {"c", "c", 1, 0},
		{"last", "d", 1, 0},
	} {
		h.add(run.id, "x", run.branch, "ci")
		added := h.runs[len(h.runs)-1]
		added.Tests, added.Modules = run.tests, run.modules
	}
	for commit, want := range map[int][]string{
		1: {"last"},
		2: {"last", "a whole"},
		3: {"last", "b whole", "a whole"},
		4: {"last", "c", "b whole", "a whole"},
		5: {"last", "c", "b whole", "a half", "a whole"},
		7: {"last", "c", "a again", "a half", "a whole", "b again", "b whole"},
	} {
		j := newJudge(h, &recorder{})
		j.Commit = commit
		report, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "x"})
		require.NoError(t, err)
		assert.Equal(t, want, report.Runs)
	}
}

// A run that is not judged is not missing where later runs of its branch measured all its tests again.
func TestARepeatedRunIsNotMissing(t *testing.T) {
	t.Parallel()
	const again = "later runs of the branch measured all of it again"
	for name, tc := range map[string]struct {
		change func(h *fakeHistory, j *judge.Judge)
		want   map[string][]string // ids of runs, by reason
	}{
		"one commit again and again": {func(*fakeHistory, *judge.Judge) {}, map[string][]string{again: {"r2", "r1", "r0"}}},
		"a test that was not repeated": {func(h *fakeHistory, _ *judge.Judge) { h.tests["r1"] = []string{"a", "shard"} },
			map[string][]string{again: {"r2", "r0"}, tooMany: {"r1"}}},
		"another class of machine": {func(h *fakeHistory, _ *judge.Judge) { h.envs["r1"] = []string{"ci", "old"} },
			map[string][]string{again: {"r2", "r0"}, tooMany: {"r1"}}},
		"runs at once": {func(h *fakeHistory, _ *judge.Judge) { h.lasts = map[string]float64{"r0": 5, "r1": 2} },
			map[string][]string{again: {"r2", "r1"}, tooMany: {"r0"}}},
		"another branch": {func(h *fakeHistory, _ *judge.Judge) { h.runs[3].Branch, h.runs[4].Branch = "job", "job" },
			map[string][]string{again: {"r3", "r1", "r0"}}},
		"modules": {func(h *fakeHistory, _ *judge.Judge) { h.runs[0].Tests, h.runs[0].Modules = 0, 1 },
			map[string][]string{again: {"r2", "r1", "r0"}}},
		"one that came later": {func(h *fakeHistory, _ *judge.Judge) {
			h.runs[2].Tests = 2
			h.tests["r4"] = []string{"b"}
		}, map[string][]string{again: {"r1", "r0"}, tooMany: {"r3"}}},
		"more than are looked at": {func(h *fakeHistory, j *judge.Judge) {
			for _, run := range h.runs {
				run.Tests = 40
			}
			j.MaxSamples = 100
		},
			map[string][]string{again: {"r2", "r1"}, tooMany: {"r0"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHistory{tests: map[string][]string{}}
			for i := range 5 {
				id := fmt.Sprint("r", i)
				h.add(id, "x", "main", "ci")
				h.tests[id] = []string{"a", "b"}
			}
			detector := detect(func(c monitor.Comparison) *monitor.Report {
				r := &monitor.Report{}
				for _, item := range h.tests[c.Judged().ID] {
					of := result(item, "cpu_time", monitor.StatusOK, 1)
					of.Env, of.Occurrence = "ci", len(r.Results)
					r.Results = append(r.Results, of)
				}
				return r
			})
			j := newJudge(h, detector)
			j.Commit = 2
			tc.change(h, j)
			report, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "x"})
			require.NoError(t, err)
			got := map[string][]string{}
			for _, l := range report.LeftOut {
				got[l.Reason] = l.Runs
				assert.Equal(t, l.Reason == tooMany, l.Missing)
			}
			assert.Equal(t, tc.want, got)
		})
	}
}

// The whole run of the last run's branch is judged even where there are more other branches than there is room for.
func TestTheWholeRunBehindTheLastOneIsJudged(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	h.add("whole", "x", "main", "ci")
	h.runs[0].Tests = 900
	for i := range 40 {
		h.add(fmt.Sprint("job", i), "x", fmt.Sprint("job ", i), "ci")
	}
	h.add("suspects again", "x", "main", "ci")
	report, err := newJudge(h, &recorder{}).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "x"})
	require.NoError(t, err)
	assert.Equal(t, []string{"suspects again", "whole", "job39"}, report.Runs[:3])
}

// With a commit, a run by its id is still that run alone, and has to be of the commit.
func TestARunOfACommitIsOneRun(t *testing.T) {
	t.Parallel()
	report, err := newJudge(history(), &recorder{}).Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m4", ScmRef: "c"})
	require.NoError(t, err)
	assert.Equal(t, []string{"m4"}, report.Runs)
	require.Len(t, report.LeftOut, 1)
	assert.Equal(t, "the report is on one run, and not on all runs of its commit", report.LeftOut[0].Reason)
	assert.Equal(t, []string{"m3"}, report.LeftOut[0].Runs)
}
