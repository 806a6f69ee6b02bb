package judge_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
)

// fakeRollups notes what it is asked for.
type fakeRollups struct {
	asked []monitor.RollupQuery
	state string
	began time.Time // of the earliest run
	runs  int
	added []string
	err   error
}

func (f *fakeRollups) RollupState(context.Context, monitor.RollupQuery) (string, error) {
	return f.state, f.err
}

func (f *fakeRollups) RollupsBegin(context.Context, monitor.RollupQuery) (time.Time, int, error) {
	return f.began, f.runs, f.err
}

func (f *fakeRollups) AddOlder(_ context.Context, q monitor.RollupQuery, runs []*monitor.RunValues) error {
	var ids []string
	for _, r := range runs {
		ids = append(ids, r.Run)
	}
	f.began, f.runs = runs[0].Started, f.runs+len(runs)
	f.added = append(f.added, q.Env+": "+strings.Join(ids, " "))
	return f.err
}

func (f *fakeRollups) Rollups(_ context.Context, q monitor.RollupQuery) (*monitor.Rollups, map[monitor.ResultID][]monitor.RunMark, error) {
	f.asked = append(f.asked, q)
	r := &monitor.Rollups{Project: q.Project, Branch: q.Branch, Env: q.Env, Stretches: []monitor.Stretch{{Last: q.Run.RunMark, Runs: 1}}, Tests: q.Run.Tests}
	return r, map[monitor.ResultID][]monitor.RunMark{{Metric: "step of " + q.Env}: nil}, f.err
}

// growing finds that the tests with these names grow slowly in CPU time, and the suite.
type growing struct {
	items    []string
	accepted []monitor.Acceptance
	steps    []string
}

func (g *growing) Drift(r *monitor.Rollups, steps map[monitor.ResultID][]monitor.RunMark, accepted []monitor.Acceptance) *monitor.Drifts {
	found := &monitor.Drifts{Tests: map[monitor.ResultID]monitor.Drift{}}
	g.accepted = accepted
	for step := range steps {
		g.steps = append(g.steps, step.Metric)
	}
	for _, test := range r.Tests {
		if slices.Contains(g.items, test.Item) {
			found.Tests[monitor.ResultID{TestID: test, Metric: "cpu_time"}] = monitor.Drift{Ratio: 1.5, Since: monitor.RunMark{ScmRef: "first"}}
		}
	}
	for i, kind := range []monitor.PartKind{monitor.PartSuite, monitor.PartFolder} {
		found.Parts = append(found.Parts, monitor.PartDrift{Kind: kind, Env: r.Env, Metric: "cpu_time", Growth: monitor.Number(i + len(r.Tests))})
	}
	return found
}

// slowGrowth looks back for 400 runs and 150 days.
func slowGrowth(store monitor.RollupStore, detector monitor.DriftDetector) *judge.Drift {
	return &judge.Drift{Rollups: store, Detector: detector, MaxRuns: 400, MaxAge: 150 * 24 * time.Hour}
}

func TestSlowGrowthIsLookedForAfterTheDetector(t *testing.T) {
	t.Parallel()
	statuses := []monitor.Status{monitor.StatusOK, monitor.StatusRegression, monitor.StatusSuspect, monitor.StatusImprovement, monitor.StatusNotJudged, monitor.StatusOK}
	h := &fakeHistory{}
	h.add("r", "c", "main", "ci", "laptop")
	h.runs[0].Partial, h.runs[0].Completion = "-k fast", monitor.Partial
	detector := detect(func(c monitor.Comparison) *monitor.Report {
		r := &monitor.Report{Project: "p", Run: "r", Branch: "main", ScmRef: "c", Started: time.Unix(1e9, 0)}
		for i, status := range statuses {
			one := result(fmt.Sprint("t", i), "cpu_time", status, 1)
			one.Env = []string{"ci", "laptop"}[i/5]
			r.Results = append(r.Results, one)
		}
		return r
	})
	store, finder := &fakeRollups{}, &growing{items: []string{"t0", "t1", "t2", "t3", "t4"}}
	j := newJudge(h, detector)
	j.Drift = slowGrowth(store, finder)
	j.Acceptances = &fakeAcceptances{all: []monitor.Acceptance{{ID: 1, Project: "p", Branch: "main", Started: time.Unix(9e8, 0)},
		{ID: 2, Project: "p", Branch: "other"}, {ID: 3, Project: "p", Branch: "main", Started: time.Unix(2e9, 0)}}}
	r, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "r"})
	require.NoError(t, err)
	got := map[string]monitor.Status{}
	for _, one := range r.Results {
		got[one.Item] = one.Status
	}
	assert.Equal(t, map[string]monitor.Status{"t0": monitor.StatusDrift, "t1": monitor.StatusRegression, "t2": monitor.StatusSuspect,
		"t3": monitor.StatusImprovement, "t4": monitor.StatusNotJudged, "t5": monitor.StatusOK}, got, "what is confirmed in this run goes first")
	assert.Equal(t, 1, r.Summary.Drifts)
	i := slices.IndexFunc(r.Results, func(one monitor.Result) bool { return one.Status == monitor.StatusDrift })
	assert.Equal(t, "first", r.Results[i].Drift.Since.ScmRef)
	assert.Equal(t, 2, i, "in the order of reports")
	assert.Len(t, r.Suite.Drift, 2, "of each class of machine")
	assert.Len(t, r.Parts, 2)
	assert.Equal(t, []monitor.Acceptance{{ID: 1, Project: "p", Branch: "main", Started: time.Unix(9e8, 0)}}, finder.accepted, "what is accepted later or elsewhere is nothing to the run")
	assert.Contains(t, finder.steps, "step of laptop")

	require.Len(t, store.asked, 2)
	q := store.asked[0]
	assert.Equal(t, []string{"p", "main", "ci", "-k fast"}, []string{q.Project, q.Branch, q.Env, q.Selection})
	assert.Equal(t, "r", q.Run.Run)
	assert.Len(t, q.Run.Tests, 5)
	assert.Equal(t, 400, q.MaxRuns)
	assert.Equal(t, 150*24*time.Hour, r.Started.Sub(q.Since))

	h.runs[0].Imported, store.asked = true, nil
	_, err = j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "r"})
	require.NoError(t, err)
	assert.Empty(t, store.asked, "rollups have live runs only")

	h.runs[0].Imported, store.err = false, monitor.Errorf(monitor.EUnavailable, "locked")
	_, err = j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "r"})
	assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err))
}

func TestSlowGrowthOfSeveralJobsIsJoined(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	h.add("one", "c", "main", "ci")
	h.add("two", "c", "main", "ci")
	detector := detect(func(c monitor.Comparison) *monitor.Report {
		r := &monitor.Report{Project: "p", Run: c.Judged().ID, Branch: "main"}
		tests := []string{"a", "b", "shared"}
		if r.Run == "two" {
			tests = []string{"shared", "x", "y", "z", "v"}
		}
		for _, test := range tests {
			one := result(test, "cpu_time", monitor.StatusOK, 1)
			one.Env = "ci"
			r.Results = append(r.Results, one)
		}
		return r
	})
	j := newJudge(h, detector)
	j.Drift = slowGrowth(&fakeRollups{}, &growing{items: []string{"a", "x"}})
	r, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c"})
	require.NoError(t, err)
	assert.Equal(t, 2, r.Summary.Drifts, "of both jobs")
	require.Len(t, r.Suite.Drift, 1)
	assert.EqualValues(t, 5, r.Suite.Drift[0].Growth, "of one class of machine the greater growth counts")
	require.Len(t, r.Parts, 1)
	assert.EqualValues(t, 6, r.Parts[0].Growth)
}

func TestSlowGrowthIsNewsOnceADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := &monitor.Report{Run: "slow", Branch: "main"}
		slow.Results = []monitor.Result{{TestID: monitor.TestID{ItemPath: "pkg", ItemVariant: "test_a"}, Metric: "cpu_time",
			Status: monitor.StatusDrift, Drift: &monitor.Drift{Ratio: 1.5, Since: monitor.RunMark{ScmRef: "c0ffee"}}}}
		slow.Arrange()
		fine := &monitor.Report{Run: "fine"}
		whole := &monitor.Report{Run: "whole", Suite: monitor.Suite{Drift: []monitor.PartDrift{{}}}}
		for _, r := range []*monitor.Report{slow, fine, whole} {
			r.Project = "p"
		}
		other := *slow
		other.Project = "q"
		j := &fakeJudge{give: map[string]*monitor.Report{"slow": slow, "fine": fine, "whole": whole, "other": &other}}
		w, log := openWorker(t, j, &fakeReports{})
		news := func() (n int) {
			synctest.Wait()
			return len(slices.Collect(linesWith(log.String(), "tests grow slowly")))
		}
		w.Ended("p", "fine")
		assert.Equal(t, 0, news())
		w.Ended("p", "slow")
		assert.Equal(t, 1, news())
		assert.Contains(t, log.String(), "drifts=1 parts=0 worst=pkg.test_a metric=cpu_time ratio=1.5 since=c0ffee")
		time.Sleep(23 * time.Hour)
		w.Ended("p", "slow")
		w.Ended("p", "whole")
		assert.Equal(t, 1, news())
		w.Ended("q", "other")
		assert.Equal(t, 2, news(), "of each project")
		time.Sleep(time.Hour)
		w.Ended("p", "whole")
		assert.Equal(t, 3, news())
	})
}

func linesWith(text, part string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if strings.Contains(line, part) && !yield(line) {
				return
			}
		}
	}
}
