package judge_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
)

// keeping returns a judge that finds the reports that are kept, and keeps the one on a run.
func keeping(t *testing.T, h *fakeHistory, run string) (*judge.Judge, *fakeReports) {
	t.Helper()
	j, reports := newJudge(h, detect(func(c monitor.Comparison) *monitor.Report {
		r := &monitor.Report{Project: "p", Run: c.Judged().ID, Results: []monitor.Result{result("a", "cpu_time", monitor.StatusSuspect, 2)}}
		r.Arrange()
		return r
	})), &fakeReports{}
	j.Answers, j.Rules = reports, func() string { return "rules" }
	r, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: run, All: true})
	require.NoError(t, err)
	require.NoError(t, reports.KeepReport(t.Context(), r))
	h.asked = nil
	return j, reports
}

// TestAKeptReportIsAnsweredWithoutJudging holds for which questions no measurement is read, and what makes the bridge judge again.
func TestAKeptReportIsAnsweredWithoutJudging(t *testing.T) {
	t.Parallel()
	other := "other"
	for name, tc := range map[string]struct {
		q      monitor.JudgeQuery
		change func(h *fakeHistory, j *judge.Judge)
		judged bool
	}{
		"the run":                       {monitor.JudgeQuery{Run: "m5"}, nil, false},
		"the run and its own branch":    {monitor.JudgeQuery{Run: "m5", Branch: branch("main")}, nil, false},
		"its commit":                    {monitor.JudgeQuery{ScmRef: "d"}, nil, false},
		"its commit and branch":         {monitor.JudgeQuery{ScmRef: "d", Head: branch("main")}, nil, false},
		"all results":                   {monitor.JudgeQuery{Run: "m5", All: true}, nil, true},
		"another branch to compare":     {monitor.JudgeQuery{Run: "m5", Branch: branch("feature")}, func(h *fakeHistory, _ *judge.Judge) { h.runs[5].Started = 0 }, true},
		"another run":                   {monitor.JudgeQuery{Run: "m6"}, nil, true},
		"a later run":                   {monitor.JudgeQuery{Run: "m5"}, func(h *fakeHistory, _ *judge.Judge) { h.add("m7", "z", "main", "ci") }, false},
		"other rules":                   {monitor.JudgeQuery{Run: "m5"}, func(_ *fakeHistory, j *judge.Judge) { j.Rules = func() string { return other } }, true},
		"no rules":                      {monitor.JudgeQuery{Run: "m5"}, func(_ *fakeHistory, j *judge.Judge) { j.Rules = nil }, true},
		"another limit":                 {monitor.JudgeQuery{Run: "m5"}, func(_ *fakeHistory, j *judge.Judge) { j.MaxTests++ }, true},
		"a late measurement of it":      {monitor.JudgeQuery{Run: "m5"}, func(h *fakeHistory, _ *judge.Judge) { h.runs[4].Tests++ }, true},
		"a late measurement before":     {monitor.JudgeQuery{Run: "m5"}, func(h *fakeHistory, _ *judge.Judge) { h.runs[0].Tests++ }, true},
		"a late end before":             {monitor.JudgeQuery{Run: "m5"}, func(h *fakeHistory, _ *judge.Judge) { h.runs[1].Completion = monitor.Complete }, true},
		"another class of machine":      {monitor.JudgeQuery{Run: "m5"}, func(h *fakeHistory, _ *judge.Judge) { h.runs[4].Environments = []string{"ci", "x"} }, true},
		"a context that may be found":   {monitor.JudgeQuery{Run: "m5"}, func(h *fakeHistory, _ *judge.Judge) { h.runs[1].Environments = []string{monitor.UnknownEnv} }, true},
		"a run of its commit":           {monitor.JudgeQuery{Run: "m5"}, func(h *fakeHistory, _ *judge.Judge) { h.add("m7", "d", "main", "ci") }, true},
		"a commit with more runs":       {monitor.JudgeQuery{ScmRef: "d"}, func(h *fakeHistory, _ *judge.Judge) { h.add("m7", "d", "main", "ci") }, true},
		"a commit of two branches, one": {monitor.JudgeQuery{ScmRef: "d", Head: branch("main")}, func(h *fakeHistory, _ *judge.Judge) { h.add("f3", "d", "feature", "ci") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := history()
			j, _ := keeping(t, h, "m5")
			if tc.change != nil {
				tc.change(h, j)
			}
			tc.q.Project = "p"
			r, err := j.Judge(t.Context(), tc.q)
			require.NoError(t, err)
			assert.Equal(t, 1, r.Summary.Suspects)
			assert.Equal(t, tc.judged, len(h.asked) > 0)
		})
	}
}

// TestAKeptReportFollowsFromAcceptances holds that a report counts only with the same acceptances, whatever their numbers are.
func TestAKeptReportFollowsFromAcceptances(t *testing.T) {
	t.Parallel()
	first := monitor.Acceptance{ID: 1, Project: "p", Branch: "main", Note: "why", At: time.Unix(1e9, 0).UTC(), Regressions: 2}
	for name, change := range map[string]func(a *monitor.Acceptance){
		"the same": func(*monitor.Acceptance) {},
		"number":   func(a *monitor.Acceptance) { a.ID++ },
		"time":     func(a *monitor.Acceptance) { a.At = a.At.Add(1) },
		"scope":    func(a *monitor.Acceptance) { a.ItemPath, a.ItemVariant = "tests.a", "test_a" },
		"branch":   func(a *monitor.Acceptance) { a.Branch = "feature" },
		"against":  func(a *monitor.Acceptance) { a.Against = "main" },
		"results":  func(a *monitor.Acceptance) { a.Regressions-- },
	} {
		h := history()
		j, reports := keeping(t, h, "m5")
		store := &fakeAcceptances{all: []monitor.Acceptance{first}}
		j.Acceptances = store
		r, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m5", All: true})
		require.NoError(t, err)
		require.NoError(t, reports.KeepReport(t.Context(), r))
		change(&store.all[0])
		h.asked = nil
		_, err = j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m5"})
		require.NoError(t, err)
		assert.Equal(t, name != "the same", len(h.asked) > 0, name)
	}
}

// TestAKeptReportFollowsFromRollups holds that a report does not count when the history that slow growth is found in has changed.
func TestAKeptReportFollowsFromRollups(t *testing.T) {
	t.Parallel()
	h := history()
	j, reports := keeping(t, h, "m5")
	store := &fakeRollups{state: "5 runs"}
	j.Drift = slowGrowth(store, &growing{})
	r, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m5", All: true})
	require.NoError(t, err)
	require.NoError(t, reports.KeepReport(t.Context(), r))
	for _, c := range []struct {
		state  string
		judged bool
	}{{"5 runs", false}, {"6 runs", true}} {
		h.asked, store.state = nil, c.state
		_, err = j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m5"})
		require.NoError(t, err)
		assert.Equal(t, c.judged, len(h.asked) > 0, c.state)
	}
}

// TestAnAcceptanceWhileARunIsJudgedIsNotInItsBasis accepts and takes back while measurements are read. What is kept counts for what
// was accepted before.
func TestAnAcceptanceWhileARunIsJudgedIsNotInItsBasis(t *testing.T) {
	t.Parallel()
	one := monitor.Acceptance{ID: 1, Project: "p", Branch: "main", Started: time.Unix(0, 5), Results: []monitor.AcceptedResult{
		{ResultID: monitor.ResultID{TestID: monitor.TestID{Item: "a"}, Metric: monitor.MetricCPUTime}, Since: 3, Ratio: 2}}}
	for _, before := range [][]monitor.Acceptance{nil, {one}} {
		h := history()
		store, reports := &fakeAcceptances{all: before}, &fakeReports{}
		j := newJudge(h, detect(func(c monitor.Comparison) *monitor.Report {
			r := &monitor.Report{Project: "p", Branch: "main", Run: c.Judged().ID, Started: time.Unix(0, c.Judged().Started)}
			for id := range c.Accepted {
				r.Results = append(r.Results, monitor.Result{TestID: id.TestID, Metric: id.Metric, Status: monitor.StatusAccepted})
			}
			return r
		}))
		j.Acceptances, j.Answers, j.Rules = store, reports, func() string { return "rules" }
		h.before = func() { // the other of both
			if store.all = nil; before == nil {
				store.all = []monitor.Acceptance{one}
			}
		}
		r, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m5", All: true})
		require.NoError(t, err)
		assert.Len(t, r.Results, len(before))
		require.NoError(t, reports.KeepReport(t.Context(), r))
		h.before = nil
		kept, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m5"})
		require.NoError(t, err)
		assert.Len(t, kept.Results, len(store.all), "what was kept says what was accepted before")
		store.all, h.asked = before, nil
		_, err = j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m5"})
		require.NoError(t, err)
		assert.Empty(t, h.asked, "it is still the answer where that is accepted")
	}
}

// TestNothingIsKeptOfWhatIsNotSure holds that a report has no basis where it does not follow from the counts of the runs.
func TestNothingIsKeptOfWhatIsNotSure(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		q       monitor.JudgeQuery
		unknown bool
		want    bool
	}{
		"a run":                  {monitor.JudgeQuery{Run: "m5"}, false, true},
		"several runs":           {monitor.JudgeQuery{ScmRef: "c"}, false, false},
		"an unknown environment": {monitor.JudgeQuery{Run: "m5"}, true, false},
	} {
		h := history()
		if tc.unknown {
			h.runs[0].Environments = []string{monitor.UnknownEnv}
		}
		j, _ := keeping(t, h, "m5")
		tc.q.Project = "p"
		tc.q.All = true
		r, err := j.Judge(t.Context(), tc.q)
		require.NoError(t, err)
		assert.Equal(t, tc.want, r.Basis != "", name)
	}
}

// TestAKeptReportDoesNotWaitForJudging has a question about a kept report while another one is judged.
func TestAKeptReportDoesNotWaitForJudging(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, leave := history(), make(chan struct{})
		j, _ := keeping(t, h, "m5")
		h.before = func() { <-leave }
		go func() {
			_, err := j.Judge(context.WithoutCancel(t.Context()), monitor.JudgeQuery{Project: "p", Run: "m6"})
			assert.NoError(t, err)
		}()
		synctest.Wait()
		r, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m5"})
		require.NoError(t, err)
		assert.Equal(t, "m5", r.Run)
		close(leave)
		synctest.Wait()
	})
}
