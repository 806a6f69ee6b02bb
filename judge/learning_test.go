package judge_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

const (
	young     = "too few earlier runs on this class of machine"
	elsewhere = "as usual there, but another branch of the commit has too few earlier runs"
)

// The detector itself says what is learning: a class of machine that has other tests is known to it.
func TestTestsThatAreLearningAreNamed(t *testing.T) {
	t.Parallel()
	const known = 15
	for name, tc := range map[string]struct {
		runs []sharded // of the judged commit, after 15 runs of main with the old tests
		all  int
		want []monitor.LeftOut
	}{
		"only known tests": {[]sharded{{"main", "old"}}, 60, []monitor.LeftOut{}},
		"a new shard beside a known one": {[]sharded{{"main", "old"}, {"main", "new"}}, 110,
			[]monitor.LeftOut{{Reason: young, Runs: []string{}, Branches: []string{}, Environments: []string{"ci"}, Tests: 50}}},
		"new tests in a known run": {[]sharded{{"main", "both"}}, 110,
			[]monitor.LeftOut{{Reason: young, Runs: []string{}, Branches: []string{}, Environments: []string{"ci"}, Tests: 50}}},
		"only new tests, as the gate says": {[]sharded{{"main", "new"}}, 50, []monitor.LeftOut{}},
		"the commit on main and on a new branch": {[]sharded{{"main", "old"}, {"feature", "old"}}, 60,
			[]monitor.LeftOut{{Reason: elsewhere, Runs: []string{}, Branches: []string{"main"}, Environments: []string{}, Tests: 60}}},
		"the commit on a new branch and on main": {[]sharded{{"feature", "old"}, {"main", "old"}}, 60,
			[]monitor.LeftOut{{Reason: elsewhere, Runs: []string{}, Branches: []string{"main"}, Environments: []string{}, Tests: 60}}},
		"more on main than on a new branch": {[]sharded{{"main", "both"}, {"feature", "new"}}, 110,
			[]monitor.LeftOut{{Reason: young, Runs: []string{}, Branches: []string{}, Environments: []string{"ci"}, Tests: 50}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHistory{tests: map[string][]string{}}
			for i := range known {
				h.addShard(fmt.Sprint("commit", i), sharded{"main", "old"})
			}
			for _, run := range tc.runs {
				h.addShard("judged", run)
			}
			settings := regress.Defaults()
			detector, err := regress.New(settings)
			require.NoError(t, err)
			j := judge.New(h, detector, settings.EarlierRuns(), settings.WindowRuns)
			report, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "judged"})
			require.NoError(t, err)
			assert.Equal(t, tc.want, report.LeftOut)
			assert.Equal(t, tc.all, report.Summary.Tests)
			learning := 0
			for _, l := range tc.want {
				learning += int(l.Tests)
			}
			if len(tc.want) == 0 && report.Summary.OK == 0 {
				learning = tc.all
			}
			assert.Equal(t, learning, report.Summary.LearningTests)
		})
	}
}

// sharded is a run that has the old tests, the new ones, or both.
type sharded struct{ branch, tests string }

// addShard adds a run of its own session.
func (h *fakeHistory) addShard(commit string, run sharded) {
	id := fmt.Sprint("run", len(h.runs))
	h.add(id, commit, run.branch, "ci")
	h.runs[len(h.runs)-1].Sessions = []string{id}
	for name, n := range map[string]int{"old": 60, "new": 50} {
		if run.tests != name && run.tests != "both" {
			continue
		}
		for i := range n {
			h.tests[id] = append(h.tests[id], fmt.Sprint(name, i))
		}
	}
}
