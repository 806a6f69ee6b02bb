package judge_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

const cleared = "conspicuous in an earlier run of the commit, and cleared by a later one"

// job is a run of a commit: its branch, and the statuses of its tests in words such as "a:ok b:suspect".
type job struct{ branch, tests string }

// judgeJobs reports on a commit whose runs are these jobs. The report's results come back in the same words, by test. A test
// of a job may name its class of machine, as in "a@ci:ok". The machines have the status of their job's first test.
func judgeJobs(t *testing.T, jobs ...job) (*monitor.Report, string) {
	t.Helper()
	h, reports := &fakeHistory{}, map[string]monitor.Report{}
	for i, of := range jobs {
		id := fmt.Sprint("run", i)
		var r monitor.Report
		for _, one := range strings.Fields(of.tests) {
			name, status, _ := strings.Cut(one, ":")
			item, env, _ := strings.Cut(name, "@")
			for _, metric := range []string{"cpu_time", "total_time"} {
				has := result(item, metric, monitor.Status(status), 1)
				has.Env = env
				r.Results = append(r.Results, has)
			}
			if is := monitor.Status(status); len(r.Suite.Machines) == 0 {
				switch is {
				case monitor.StatusRegression:
					is = monitor.StatusSlowMachine
				case monitor.StatusLearning:
				default:
					is = monitor.StatusOK
				}
				r.Suite = monitor.Suite{Status: is, Machines: []monitor.Machine{{Env: env, Status: is, Tests: 1, TotalTime: 2, CPUTime: 3,
					Offset: map[string]monitor.Number{"cpu_time": monitor.Number(i)}}}}
			}
		}
		r.Arrange()
		reports[id] = r
		h.add(id, "c", of.branch, "ci")
	}
	detector := detect(func(c monitor.Comparison) *monitor.Report {
		r := reports[c.Judged().ID]
		r.Suite.Machines = slices.Clone(r.Suite.Machines)
		return &r
	})
	report, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c"})
	require.NoError(t, err)
	assert.Len(t, report.Runs, len(jobs))
	var got []string
	for _, r := range report.Results {
		if r.Metric == "cpu_time" {
			got = append(got, r.Item+":"+string(r.Status))
		}
	}
	slices.Sort(got)
	return report, strings.Join(got, " ")
}

// Two jobs may run the same tests in different ways. One cannot clear the other, nor hide that nothing is known of it.
func TestTheWorseOfTwoJobsCounts(t *testing.T) {
	t.Parallel()
	const ok, bad, suspect = monitor.StatusOK, monitor.StatusRegression, monitor.StatusSuspect
	const learning, unjudged, better = monitor.StatusLearning, monitor.StatusNotJudged, monitor.StatusImprovement
	for _, tc := range []struct{ first, last, branches, runs monitor.Status }{
		{bad, ok, bad, ok}, {ok, bad, bad, bad}, {suspect, bad, bad, bad}, {suspect, ok, suspect, ok}, {bad, better, bad, better},
		{ok, learning, learning, ok}, {learning, ok, learning, ok}, {ok, unjudged, unjudged, ok}, {unjudged, ok, unjudged, ok},
		{unjudged, learning, unjudged, learning}, {learning, unjudged, unjudged, learning}, {bad, unjudged, bad, bad},
		{better, ok, ok, ok}, {better, learning, learning, better}, {better, unjudged, unjudged, better},
	} {
		for branch, want := range map[string]monitor.Status{"job b": tc.branches, "job a": tc.runs} {
			report, got := judgeJobs(t, job{"job a", "test:" + string(tc.first)}, job{branch, "test:" + string(tc.last)})
			assert.Equal(t, "test:"+string(want), got, "%v in %s", tc, branch)
			if branch == "job b" {
				machine := report.Suite.Machines[0]
				assert.Equal(t, []float64{2, 4, 6}, []float64{float64(machine.Tests), machine.TotalTime, machine.CPUTime})
				assert.Equal(t, tc.first == bad || tc.last == bad, machine.Status == monitor.StatusSlowMachine, "%v", tc)
				assert.Equal(t, tc.first == bad || tc.last == bad, report.Suite.Status == monitor.StatusSlowMachine, "%v", tc)
				young := tc.first == learning || tc.last == learning
				assert.Equal(t, young && tc.first != bad && tc.last != bad, machine.Status == learning, "%v", tc)
			}
		}
	}
}

// Of two regressions the greater one counts.
func TestTheGreaterChangeOfTwoJobsCounts(t *testing.T) {
	t.Parallel()
	for _, ratios := range [][]float64{{5, 1.2}, {1.2, 5}, {math.NaN(), 5}, {5, math.NaN()}} {
		h, n := &fakeHistory{}, 0
		h.add("a", "c", "job a", "ci")
		h.add("b", "c", "job b", "ci")
		report, err := newJudge(h, detect(func(monitor.Comparison) *monitor.Report {
			n++
			return &monitor.Report{Results: []monitor.Result{result("test", "cpu_time", monitor.StatusRegression, ratios[n-1])}}
		})).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c"})
		require.NoError(t, err)
		assert.EqualValues(t, 5, report.Results[0].Ratio, ratios)
	}
}

// A later run of a branch clears an earlier one only as a repeat of the same job. Otherwise it is another job, such as a shard.
func TestOnlyARepeatClearsAJob(t *testing.T) {
	t.Parallel()
	const a, b = "a1:suspect a2:suspect a3:ok a4:ok a5:ok", "b1:suspect b2:ok b3:ok b4:ok b5:ok"
	for name, tc := range map[string]struct {
		runs    []string // tests of each run
		want    string
		cleared int64
	}{
		"shards":                             {[]string{a, b}, a + " " + b, 0},
		"shards with a test of one id":       {[]string{"shared:regression " + a, "shared:ok " + b}, a + " " + b + " shared:regression", 0},
		"small shards with a test of one id": {[]string{"a:ok shared:regression", "b:ok shared:ok"}, "a:ok b:ok shared:regression", 0},
		"a retry of one of them": {[]string{"shared:regression " + a, "shared:suspect " + b,
			strings.ReplaceAll("shared:ok "+b, "suspect", "ok")}, a + " " + strings.ReplaceAll(b, "suspect", "ok") + " shared:regression", 2},
		"a retry of most of one of them": {[]string{"shared:regression " + a, "shared:suspect " + b, "shared:ok b1:ok b2:ok b3:ok"},
			a + " " + strings.ReplaceAll(b, "suspect", "ok") + " shared:regression", 2},
		"a retry that had fewer tests": {[]string{a, "a1:ok a2:ok a3:suspect"}, "a1:ok a2:ok a3:suspect a4:ok a5:ok", 2},
		"a whole run after a part":     {[]string{"a1:suspect", "a1:ok a2:ok a3:ok"}, "a1:ok a2:ok a3:ok", 1},
		"suspects of a shard":          {[]string{a, b, "a1:regression"}, strings.Replace(a, "a1:suspect", "a1:regression", 1) + " " + b, 0},
		"suspects of two shards": {[]string{a, b, "a1:ok a2:ok b1:ok"},
			strings.ReplaceAll(a+" "+b, "suspect", "ok"), 3},
		"suspects again, and more of them": {[]string{a, b, "a1:suspect", "a1:ok b1:ok"},
			strings.Replace(strings.Replace(a+" "+b, "a1:suspect", "a1:ok", 1), "b1:suspect", "b1:ok", 1), 2},
		"a regression that is a suspect now": {[]string{"a:regression", "a:suspect"}, "a:suspect", 0},
		"a suspect that is faster now":       {[]string{"a:suspect", "a:improvement"}, "a:improvement", 1},
		"what cannot be judged again":        {[]string{"a:regression b:suspect", "a:not_judged b:learning"}, "a:regression b:suspect", 0},
		"other classes of machine":           {[]string{"a@x:regression", "a@y:ok"}, "a:ok a:regression", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var jobs []job
			for _, tests := range tc.runs {
				jobs = append(jobs, job{"feature", tests})
			}
			report, got := judgeJobs(t, jobs...)
			assert.Equal(t, tc.want, got)
			if tc.cleared == 0 {
				assert.Empty(t, report.LeftOut)
				return
			}
			require.Len(t, report.LeftOut, 1)
			assert.Equal(t, monitor.LeftOut{Reason: cleared, Runs: []string{}, Branches: []string{}, Environments: []string{}, Tests: tc.cleared},
				report.LeftOut[0])
		})
	}
}

// A run that began before another one ended is no repeat of it, also where all their tests have equal ids: pytest-monitor leaves classes
// out, so shards with the classes of one module look alike.
func TestRunsAtOnceClearNothing(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lasts float64 // of the first run; the next begins a nanosecond after it
		waits int64   // of each run
		want  monitor.Status
	}{"at once": {2, 0, monitor.StatusRegression}, "one after the other": {1, 0, monitor.StatusOK},
		"at once, and the tests one after the other": {1, 1, monitor.StatusRegression}} {
		for _, statuses := range [][]monitor.Status{{monitor.StatusRegression, monitor.StatusOK}, {monitor.StatusRegression, monitor.StatusOK, monitor.StatusOK}} {
			h, of := &fakeHistory{waits: tc.waits, lasts: map[string]float64{"run0": tc.lasts}}, map[string]monitor.Status{}
			for i, status := range statuses {
				id := fmt.Sprint("run", i)
				h.add(id, "c", "main", "ci")
				of[id] = status
			}
			detector := detect(func(c monitor.Comparison) *monitor.Report {
				return &monitor.Report{Results: []monitor.Result{result("test", "cpu_time", of[c.Judged().ID], 2)}}
			})
			report, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c"})
			require.NoError(t, err)
			want := tc.want
			if len(statuses) == 3 { // a repeat of the first, which began when it had ended
				want = monitor.StatusOK
			}
			assert.Equal(t, want, report.Results[0].Status, "%s, %d runs", name, len(statuses))
		}
	}
}

// A test is cleared only when nothing of it is conspicuous any more.
func TestATestIsClearedAsAWhole(t *testing.T) {
	t.Parallel()
	for last, want := range map[monitor.Status]int{monitor.StatusOK: 1, monitor.StatusSuspect: 0, monitor.StatusRegression: 0, monitor.StatusNotJudged: 0} {
		h, detector := &fakeHistory{}, script{
			"first": {result("a", "cpu_time", monitor.StatusRegression, 2), result("a", "mem_usage", monitor.StatusSuspect, 2)},
			"again": {result("a", "cpu_time", monitor.StatusOK, 1), result("a", "mem_usage", last, 2)},
		}
		h.add("first", "c", "main", "ci")
		h.add("again", "c", "main", "ci")
		report, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c"})
		require.NoError(t, err)
		assert.Len(t, report.LeftOut, want, last)
	}
}

// A slow machine of one shard is not hidden by another shard of the branch, and the shards' tests are added up.
func TestASlowShardOfABranchIsKept(t *testing.T) {
	t.Parallel()
	for _, order := range [][]job{
		{{"main", "a:regression"}, {"main", "b:ok"}, {"main", "c:ok"}}, {{"main", "b:ok"}, {"main", "c:ok"}, {"main", "a:regression"}},
	} {
		report, _ := judgeJobs(t, order...)
		assert.Equal(t, monitor.StatusSlowMachine, report.Suite.Status)
		require.Len(t, report.Suite.Machines, 1)
		assert.Equal(t, monitor.StatusSlowMachine, report.Suite.Machines[0].Status)
		assert.Equal(t, 3, report.Suite.Machines[0].Tests)
	}
}

// A job that has too few earlier runs is named beside one that is fine, also on the same class of machine.
func TestALearningJobIsNamed(t *testing.T) {
	t.Parallel()
	of := func(n int64) monitor.LeftOut {
		return monitor.LeftOut{Reason: young, Runs: []string{}, Branches: []string{}, Environments: []string{"ci"}, Tests: n}
	}
	fine := monitor.LeftOut{Reason: elsewhere, Runs: []string{}, Branches: []string{"job b"}, Environments: []string{}, Tests: 2}
	for name, tc := range map[string]struct {
		jobs []job
		want []monitor.LeftOut
	}{
		"same tests":            {[]job{{"job a", "a@ci:learning b@ci:learning"}, {"job b", "a@ci:ok b@ci:improvement c@ci:ok"}}, []monitor.LeftOut{of(2), fine}},
		"other tests":           {[]job{{"job a", "a@ci:learning b@ci:learning"}, {"job b", "c@ci:ok"}}, []monitor.LeftOut{of(2)}},
		"another class":         {[]job{{"job a", "a@ci:learning b@ci:learning"}, {"job b", "a@x:ok"}}, []monitor.LeftOut{of(2)}},
		"a shard of the branch": {[]job{{"main", "a@ci:learning b@ci:learning"}, {"main", "c@ci:ok d@ci:ok"}}, []monitor.LeftOut{of(2)}},
		"two new classes": {[]job{{"job a", "a@ci:learning"}, {"job b", "a@ci2:learning"}, {"job b", "a@x:ok"}},
			[]monitor.LeftOut{{Reason: young, Runs: []string{}, Branches: []string{}, Environments: []string{"ci", "ci2"}, Tests: 2}}},
		"a new test":            {[]job{{"main", "a@ci:ok b@ci:learning"}}, []monitor.LeftOut{of(1)}},
		"behind what is worse":  {[]job{{"job a", "a@ci:learning"}, {"job b", "a@ci:suspect"}}, []monitor.LeftOut{}},
		"all, as the gate says": {[]job{{"job a", "a@ci:learning"}, {"job b", "a@x:learning"}}, []monitor.LeftOut{}},
	} {
		report, _ := judgeJobs(t, tc.jobs...)
		assert.Equal(t, tc.want, report.LeftOut, name)
	}
}
