package judge_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
)

// fakeAcceptances keeps what was accepted.
type fakeAcceptances struct {
	all []monitor.Acceptance
	err error
}

func (f *fakeAcceptances) Accept(_ context.Context, a monitor.Acceptance) (monitor.Acceptance, error) {
	a.ID = int64(len(f.all) + 1)
	f.all = append(f.all, a)
	return a, f.err
}

func (f *fakeAcceptances) Acceptances(context.Context, string) ([]monitor.Acceptance, error) {
	return f.all, f.err
}

func (f *fakeAcceptances) AcceptedOn(_ context.Context, project, branch string, from time.Time) (found []monitor.Acceptance, err error) {
	for _, a := range f.all {
		if a.Project == project && a.Branch == branch && !a.Started.Before(from) {
			found = append(found, a)
		}
	}
	return found, f.err
}

func (f *fakeAcceptances) Unaccept(context.Context, string, int64) (monitor.Acceptance, error) {
	return f.all[0], f.err
}

// TestAcceptancesOfAComparison holds which acceptances count: those of the judged run's own branch in the same comparison, and those
// that the baseline's branch made for itself.
func TestAcceptancesOfAComparison(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	for _, id := range []string{"m1", "m2", "m3", "m4", "m5"} {
		h.add(id, id, "main", "ci")
	}
	h.add("f1", "f1", "feature", "ci")
	id := monitor.ResultID{TestID: monitor.TestID{Item: "test", Env: "ci"}, Metric: monitor.MetricCPUTime}
	store := &fakeAcceptances{}
	for _, of := range []struct{ branch, against string }{{"main", ""}, {"feature", "main"}, {"feature", ""}, {"feature", "other"}, {"other", ""}} {
		_, err := store.Accept(t.Context(), monitor.Acceptance{Project: "p", Branch: of.branch, Against: of.against, Started: time.Unix(0, 6),
			Results: []monitor.AcceptedResult{{ResultID: id, Since: 3, Ratio: 2}}})
		require.NoError(t, err)
	}
	old := store.all[0]
	old.ID, old.Started = 9, time.Unix(0, 0)
	store.all = append(store.all, old)
	main := "main"
	for _, c := range []struct {
		run     string
		against *string
		whole   map[int64]bool // by acceptance
	}{
		{"m5", nil, map[int64]bool{1: false}},
		{"f1", &main, map[int64]bool{1: false, 2: true}},
		{"f1", nil, map[int64]bool{3: false}},
	} {
		d := &recorder{}
		j := judge.New(h, d, 30, 3)
		j.Acceptances = store
		_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: c.run, Branch: c.against})
		require.NoError(t, err)
		got := map[int64]bool{}
		for _, step := range d.comparison.Accepted[id] {
			got[step.ID] = step.Whole
			assert.Equal(t, monitor.Number(2), step.Ratio)
			assert.Empty(t, step.Results, "reports refer to it")
		}
		assert.Equal(t, c.whole, got, c.run)
	}
	j := judge.New(h, &recorder{}, 30, 3)
	j.Acceptances = &fakeAcceptances{err: monitor.Errorf(monitor.EUnavailable, "busy")}
	_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m5"})
	assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err), "a report that does not know would be wrong")
}

// accepter returns one whose report has three tests, and what it was asked for.
func accepter(t *testing.T) (a *judge.Accepter, store *fakeAcceptances, asked *monitor.JudgeQuery, again *[]string) {
	t.Helper()
	h := &fakeHistory{}
	h.add("r1", "c1", "main", "ci")
	h.add("r2", "", "feature", "ci")
	result := func(path, variant, file, component string, status monitor.Status) monitor.Result {
		return monitor.Result{TestID: monitor.TestID{ItemPath: path, ItemVariant: variant, Component: component}, ItemFSLoc: file,
			Metric: monitor.MetricCPUTime, Status: status, Baseline: 1, Value: 2, Ratio: 2, Since: 5}
	}
	asked, again, store = new(monitor.JudgeQuery), new([]string), &fakeAcceptances{}
	r := &monitor.Report{Project: "p", Run: "r1", Runs: []string{"r1", "r0"}, ScmRef: "c1", Branch: "main", Started: time.Unix(7, 0), Results: []monitor.Result{
		result("tests.a", "test_a", "tests/a/test_a.py", "shop", monitor.StatusRegression),
		result("tests.b", "test_b", "tests/b/test_b.py", "", monitor.StatusRegression),
		result("tests.b", "test_c", "tests/b/test_b.py", "", monitor.StatusSuspect),
		result("tests.b", "test_d", "tests/b/test_b.py", "", monitor.StatusAccepted),
		result("", "test_e", "doc.txt", "", monitor.StatusRegression)}}
	return &judge.Accepter{Judge: judged(func(q monitor.JudgeQuery) (*monitor.Report, error) {
		*asked = q
		return r, nil
	}), History: h, Store: store, Now: func() time.Time { return time.Unix(9, 0) },
		Turns: &turns.Queue{AtOnce: 1, MaxWaiting: 64}, Again: func(project, run string) { *again = append(*again, project+"/"+run) }}, store, asked, again
}

type judged func(q monitor.JudgeQuery) (*monitor.Report, error)

func (j judged) Judge(_ context.Context, q monitor.JudgeQuery) (*monitor.Report, error) { return j(q) }

func TestAcceptChoosesRegressions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scope monitor.AcceptedScope
		want  []string
	}{
		"all":         {monitor.AcceptedScope{}, []string{"test_a", "test_b", "test_e"}},
		"a test":      {monitor.AcceptedScope{ItemPath: "tests.b", ItemVariant: "test_b"}, []string{"test_b"}},
		"no path":     {monitor.AcceptedScope{ItemVariant: "test_e"}, []string{"test_e"}},
		"a suspect":   {monitor.AcceptedScope{ItemPath: "tests.b", ItemVariant: "test_c"}, nil},
		"a component": {monitor.AcceptedScope{Part: "shop"}, []string{"test_a"}},
		"a folder":    {monitor.AcceptedScope{Part: "tests/b/"}, []string{"test_b"}},
		"a file":      {monitor.AcceptedScope{Part: "tests/a/test_a.py"}, []string{"test_a"}},
	} {
		a, store, _, again := accepter(t)
		got, err := a.Accept(t.Context(), monitor.AcceptQuery{Project: "p", AcceptedScope: c.scope, Note: " why\n", By: "anna"})
		require.NoError(t, err, name)
		var variants []string
		for _, r := range got.Results {
			variants = append(variants, r.ItemVariant)
			assert.Equal(t, monitor.Number(2), r.Ratio)
			assert.EqualValues(t, 5, r.Since)
		}
		assert.Equal(t, c.want, variants, name)
		assert.Equal(t, len(c.want), got.Regressions, name)
		assert.Equal(t, []monitor.Acceptance{*got}, store.all, name)
		assert.Equal(t, []string{"p/r1", "p/r0"}, *again, name)
		assert.Equal(t, []any{"why", "anna", "main", "r1", time.Unix(9, 0).UTC()}, []any{got.Note, got.By, got.Branch, got.Run, got.At})
	}
}

func TestAcceptAsksForTheRunThatIsMeant(t *testing.T) {
	t.Parallel()
	main, feature := "main", "feature"
	for _, c := range []struct {
		q    monitor.AcceptQuery
		want monitor.JudgeQuery
	}{
		{monitor.AcceptQuery{}, monitor.JudgeQuery{Run: "r2"}},
		{monitor.AcceptQuery{Branch: &main}, monitor.JudgeQuery{ScmRef: "c1", Head: &main}},
		{monitor.AcceptQuery{Branch: &main, Against: "main"}, monitor.JudgeQuery{ScmRef: "c1", Head: &main}},
		{monitor.AcceptQuery{Run: "r1"}, monitor.JudgeQuery{Run: "r1"}},
		{monitor.AcceptQuery{Branch: &feature, Against: "main"}, monitor.JudgeQuery{Run: "r2", Branch: &main}},
	} {
		a, _, asked, _ := accepter(t)
		c.q.Project, c.want.Project, c.want.All, c.q.Note, c.q.By = "p", "p", true, "why", "anna"
		_, err := a.Accept(t.Context(), c.q)
		require.NoError(t, err)
		assert.Equal(t, c.want, *asked)
	}
}

func TestAcceptRefusesWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		q    monitor.AcceptQuery
		code monitor.Code
	}{
		"no note":          {monitor.AcceptQuery{Note: " \n", By: "anna"}, monitor.EInvalid},
		"a long note":      {monitor.AcceptQuery{Note: strings.Repeat("ü", 2001), By: "anna"}, monitor.EInvalid},
		"nobody":           {monitor.AcceptQuery{Note: "why"}, monitor.EInvalid},
		"test and part":    {monitor.AcceptQuery{Note: "why", By: "anna", AcceptedScope: monitor.AcceptedScope{ItemPath: "a", ItemVariant: "b", Part: "c"}}, monitor.EInvalid},
		"half a test":      {monitor.AcceptQuery{Note: "why", By: "anna", AcceptedScope: monitor.AcceptedScope{ItemPath: "tests.a"}}, monitor.EInvalid},
		"no such run":      {monitor.AcceptQuery{Note: "why", By: "anna", Run: "x"}, monitor.ENotFound},
		"no such test":     {monitor.AcceptQuery{Note: "why", By: "anna", AcceptedScope: monitor.AcceptedScope{Part: "tests/c"}}, monitor.ENotFound},
		"a part of a name": {monitor.AcceptQuery{Note: "why", By: "anna", AcceptedScope: monitor.AcceptedScope{Part: "tests/" + "a/test"}}, monitor.ENotFound},
	} {
		a, store, _, again := accepter(t)
		c.q.Project = "p"
		_, err := a.Accept(t.Context(), c.q)
		assert.Equal(t, c.code, monitor.ErrorCode(err), name)
		assert.Empty(t, store.all, name)
		assert.Empty(t, *again, name)
	}
}

// TestAcceptNeedsTheStartOfAChange holds that a change whose start is not known is not accepted, since nothing would come of it.
func TestAcceptNeedsTheStartOfAChange(t *testing.T) {
	t.Parallel()
	a, store, _, again := accepter(t)
	answer := a.Judge
	a.Judge = judged(func(q monitor.JudgeQuery) (*monitor.Report, error) {
		r, err := answer.Judge(t.Context(), q)
		r.Results[1].Since = 0
		return r, err
	})
	_, err := a.Accept(t.Context(), monitor.AcceptQuery{Project: "p", Note: "why", By: "anna"})
	assert.Equal(t, monitor.EInternal, monitor.ErrorCode(err))
	assert.Empty(t, store.all)
	assert.Empty(t, *again)
}

// TestWhatIsAcceptedTwiceAtOnceIsStoredOnce has two requests that wait together. The second sees what the first has accepted.
func TestWhatIsAcceptedTwiceAtOnceIsStoredOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, store, _, _ := accepter(t)
		answer := a.Judge
		a.Judge = judged(func(q monitor.JudgeQuery) (*monitor.Report, error) {
			r, err := answer.Judge(t.Context(), q)
			said := *r
			if said.Results = slices.Clone(r.Results); len(store.all) > 0 {
				for i := range said.Results {
					said.Results[i].Status = monitor.StatusAccepted
				}
			}
			time.Sleep(time.Second)
			return &said, err
		})
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				_, err := a.Accept(t.Context(), monitor.AcceptQuery{Project: "p", Note: "why", By: "anna"})
				assert.NoError(t, err)
			})
		}
		all.Wait()
		require.Len(t, store.all, 2)
		assert.Equal(t, []int{3, 0}, []int{store.all[0].Regressions, store.all[1].Regressions})
	})
}
