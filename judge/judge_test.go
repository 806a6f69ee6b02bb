package judge_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
)

// history is five runs of main, of which the fourth repeats a commit, then two of a branch, and one of main.
func history() *fakeHistory {
	h := &fakeHistory{}
	for i, commit := range []string{"a", "b", "c", "c", "d"} {
		h.add("m"+strconv.Itoa(i+1), commit, "main", "ci")
	}
	h.add("f1", "x", "feature", "ci")
	h.add("f2", "y", "feature", "ci")
	h.add("m6", "e", "main", "ci")
	return h
}

// newJudge returns a judge for a baseline of 30 runs and ten more, and a window of three.
func newJudge(history monitor.HistoryStore, detector monitor.Detector) *judge.Judge {
	return judge.New(history, detector, 40, 3)
}

func branch(name string) *string { return &name }

// TestComparison holds what a run is compared with.
func TestComparison(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		q                monitor.JudgeQuery
		window, baseline []string
		against          string
	}{
		"the last run of all": {monitor.JudgeQuery{}, []string{"m4", "m5", "m6"}, []string{"m1", "m2", "m3"}, "main"},
		"a run by its id":     {monitor.JudgeQuery{Run: "m5"}, []string{"m3", "m4", "m5"}, []string{"m1", "m2"}, "main"},
		"the last run of a commit": {monitor.JudgeQuery{ScmRef: "c"}, []string{"m2", "m3", "m4"}, []string{"m1"},
			"main"},
		"a branch by itself": {monitor.JudgeQuery{Run: "f2"}, []string{"f1", "f2"}, nil, "feature"},
		"a branch by another, up to the judged run": {monitor.JudgeQuery{Run: "f2", Branch: branch("main")}, []string{"f1", "f2"},
			[]string{"m1", "m2", "m3", "m4", "m5"}, "main"},
		"the own branch by its name": {monitor.JudgeQuery{Run: "m2", Branch: branch("main")}, []string{"m1", "m2"}, nil, "main"},
		"the last run of a branch":   {monitor.JudgeQuery{Head: branch("feature")}, []string{"f1", "f2"}, nil, "feature"},
		"a commit in a run":          {monitor.JudgeQuery{Run: "m1", ScmRef: "a"}, []string{"m1"}, nil, "main"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			detector := &recorder{}
			tc.q.Project = "p"
			report, err := newJudge(history(), detector).Judge(t.Context(), tc.q)
			require.NoError(t, err)
			assert.Equal(t, tc.window, ids(detector.comparison.Window))
			assert.Equal(t, tc.baseline, ids(detector.comparison.Baseline))
			assert.Equal(t, tc.against, detector.comparison.Branch)
			assert.Equal(t, tc.window[len(tc.window)-1], report.Run)
			assert.Equal(t, len(tc.window)+len(tc.baseline), detector.samples)
		})
	}
}

// TestWindow holds that a branch is divided as the detector needs it.
func TestWindow(t *testing.T) {
	t.Parallel()
	detector := &recorder{}
	_, err := judge.New(history(), detector, 40, 2).Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m5"})
	require.NoError(t, err)
	assert.Equal(t, []string{"m4", "m5"}, ids(detector.comparison.Window))
	assert.Equal(t, []string{"m1", "m2", "m3"}, ids(detector.comparison.Baseline))
}

// TestOwnRunsAreNoBaseline holds that the runs of a branch do not make up for those of the branch that it is compared with.
func TestOwnRunsAreNoBaseline(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	for i := range 30 {
		h.add(fmt.Sprint("m", i), fmt.Sprint("c", i), "main", []string{"fast", "slow"}[i%2])
	}
	for i := range 12 {
		h.add(fmt.Sprint("f", i), fmt.Sprint("x", i), "feature", "fast")
	}
	j := newJudge(h, &recorder{})
	j.Runs, j.LookBack = 10, 40
	_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Branch: branch("main")})
	require.NoError(t, err)
	assert.Len(t, slices.Concat(h.asked...), 12+10, "ten of main that are on the same class of machine")
}

// TestOwnRunsOfABranch holds that more runs of a branch are read than confirm together, since each may be another job's, and
// of how many the commit is judged.
func TestOwnRunsOfABranch(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	for i := range 20 {
		h.add(fmt.Sprint("m", i), fmt.Sprint("c", i), "main", "ci")
	}
	for i := range 20 {
		h.add(fmt.Sprint("f", i), fmt.Sprint("x", i/5), "feature", "ci")
	}
	asked := map[string]int{}
	detector := detect(func(l monitor.Comparison) *monitor.Report {
		asked[l.Judged().ID] = len(l.Window) + len(l.Baseline)
		return &monitor.Report{}
	})
	for _, against := range []string{"main", "feature"} {
		clear(asked)
		_, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "x3", Branch: &against})
		require.NoError(t, err)
		want := map[string]int{"f19": 40, "f18": 39, "f17": 38, "f16": 37, "f15": 36}
		if against == "feature" {
			want = map[string]int{"f19": 20, "f18": 19, "f17": 18, "f16": 17, "f15": 16}
		}
		assert.Equal(t, want, asked, against)
	}
}

func TestWhatCannotBeJudgedIsNamed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		q     monitor.JudgeQuery
		words string
	}{
		"unknown project": {monitor.JudgeQuery{Project: "q"}, `project "q" has no runs`},
		"unknown run":     {monitor.JudgeQuery{Project: "p", Run: "z"}, `project "p" has no run "z"`},
		"unknown commit":  {monitor.JudgeQuery{Project: "p", ScmRef: "z"}, `project "p" has no run of commit "z"`},
		"short hash": {monitor.JudgeQuery{Project: "p", ScmRef: "896bae4"},
			`project "p" has no run of commit "896bae4": expected the whole hash, as git rev-parse prints it`},
		"whole hash": {monitor.JudgeQuery{Project: "p", ScmRef: "896bae4d24468d6c9d1ec657c48ca78fd5ca8669"},
			`project "p" has no run of commit "896bae4d24468d6c9d1ec657c48ca78fd5ca8669"`},
		"run of another commit": {monitor.JudgeQuery{Project: "p", Run: "m1", ScmRef: "b"},
			`project "p" has no run "m1" of commit "b"`},
		"commit of another branch": {monitor.JudgeQuery{Project: "p", ScmRef: "x", Head: branch("main")},
			`project "p" has no run of commit "x" of branch "main"; the newest run of this commit is of branch "feature"`},
		"no such head": {monitor.JudgeQuery{Project: "p", Head: branch("x")}, `project "p" has no runs of branch "x"`},
		"unknown branch": {monitor.JudgeQuery{Project: "p", Run: "f1", Branch: branch("mian")},
			`project "p" has no run of branch "mian" before run "f1" of commit "x" to compare with`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newJudge(history(), &recorder{}).Judge(t.Context(), tc.q)
			assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err))
			assert.EqualError(t, err, tc.words)
		})
	}
}

// TestBaselineIsLongEnoughForEveryMachine has two classes of machine take turns, and a third that is new.
func TestBaselineIsLongEnoughForEveryMachine(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		last  []string // classes of machine of the judged run
		asked int      // how many runs are read
	}{
		"one that half of the runs are on": {[]string{"fast"}, 3 + 10},
		"one that no other run was on":     {[]string{"new"}, 1},
		"one that is not known":            {[]string{monitor.UnknownEnv}, 3 + 40},
		"none":                             {nil, 3 + 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHistory{}
			for i := range 60 {
				h.add(fmt.Sprint(i), fmt.Sprint("c", i), "main", []string{"fast", "slow"}[i%2])
			}
			h.add("last", "c", "main", tc.last...)
			j := newJudge(h, &recorder{})
			j.Runs, j.LookBack = 10, 40
			_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "last"})
			require.NoError(t, err)
			read, seen := 0, map[string]bool{}
			for _, runs := range h.asked {
				for _, id := range runs {
					assert.False(t, seen[id], "run %s is read twice", id)
					seen[id] = true
					read++
				}
			}
			assert.Equal(t, tc.asked, read)
		})
	}
}

// TestBaselineIsLongEnoughForEveryShard has shards that are runs of one branch. Only a run of the same tests is one to compare
// with, also where a few tests have moved.
func TestBaselineIsLongEnoughForEveryShard(t *testing.T) {
	t.Parallel()
	const shards = 4
	h := &fakeHistory{tests: map[string][]string{}}
	for i := range 60 {
		for shard := range shards {
			id := fmt.Sprint(i, "-", shard)
			h.add(id, fmt.Sprint("c", i), "main", "ci")
			h.tests[id] = []string{fmt.Sprint(shard, "a"), fmt.Sprint(shard, "b"), "moved"}
		}
	}
	j := newJudge(h, &recorder{})
	j.Runs, j.LookBack = 10, 100
	_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p"})
	require.NoError(t, err)
	same := 0
	for _, id := range slices.Concat(h.asked...) {
		if strings.HasSuffix(id, fmt.Sprint("-", shards-1)) {
			same++
		}
	}
	assert.GreaterOrEqual(t, same, 1+j.Runs, "the judged run and its baseline")
	assert.LessOrEqual(t, len(slices.Concat(h.asked...)), 3+50, "and not much more")
}

func TestErrorsOfTheStoreAreNotVerdicts(t *testing.T) {
	t.Parallel()
	away := monitor.Errorf(monitor.EUnavailable, "InfluxDB is away")
	for name, h := range map[string]*fakeHistory{
		"finding runs":    {err: away},
		"reading samples": {fail: away},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.runs, h.envs = history().runs, history().envs
			_, err := newJudge(h, &recorder{}).Judge(t.Context(), monitor.JudgeQuery{Project: "p"})
			assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err))
			assert.ErrorContains(t, err, "InfluxDB is away")
		})
	}
}

// TestRunsThatAreTooLargeAreRefused holds that no run, however many measurements somebody sends, takes all memory.
func TestRunsThatAreTooLargeAreRefused(t *testing.T) {
	t.Parallel()
	h := history()
	h.envs["m6"] = slices.Repeat([]string{"ci"}, 5)
	for name, tc := range map[string]struct {
		tests, samples int
		refused        string
	}{
		"as many as may be":       {5, 10, ""},
		"too many in the run":     {4, 10, `run "m6" has more than 4 measurements`},
		"too many in all of them": {5, 9, `run "m6" and those that it is judged by have more than 9 measurements`},
	} {
		j := newJudge(h, &recorder{})
		j.MaxTests, j.MaxSamples = tc.tests, tc.samples
		_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p"})
		if tc.refused == "" {
			require.NoError(t, err, name)
			continue
		}
		require.Error(t, err, name)
		assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
		assert.Contains(t, err.Error(), tc.refused)
	}
}

// TestABranchIsComparedWithWhatItCouldTakeOver has the other branch go on between two runs of a pull request: what is
// usual there by now is not the doing of the second.
func TestABranchIsComparedWithWhatItCouldTakeOver(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	h.add("m1", "a", "main", "ci")
	h.add("f1", "x", "feature", "ci")
	h.add("m2", "b", "main", "ci")
	h.add("f2", "y", "feature", "ci")
	h.add("m3", "c", "main", "ci")
	detector := &recorder{}
	_, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "f2", Branch: branch("main")})
	require.NoError(t, err)
	assert.Equal(t, []string{"m1", "m2"}, ids(detector.comparison.Baseline))
	assert.Equal(t, []string{"f1", "f2"}, ids(detector.comparison.Window))
}
