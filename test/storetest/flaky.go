package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func (s *suite) testFlaky(t *testing.T) {
	require.Greater(t, len(s.world.flaky(monitor.FlakyQuery{})), 40)
	silent := func(r *monitor.Run) bool { return r.Outcomes == nil }
	require.True(t, slices.ContainsFunc(s.world.runs(monitor.RunQuery{}), silent))
	s.checkFlaky(t, monitor.FlakyQuery{})
	for _, project := range append(projects, "nothing", "shop' OR 'a'='a") {
		s.checkFlaky(t, monitor.FlakyQuery{Project: project})
		s.checkFlaky(t, monitor.FlakyQuery{Project: project, Last: 3})
	}
	for range 25 {
		like := pick(s.random, s.world.sessions)
		q := monitor.FlakyQuery{Project: pick(s.random, []string{"", like.Project}), Last: int64(s.random.IntN(6))}
		if s.random.IntN(2) == 0 {
			q.Branch = &like.Session.Branch
		}
		if s.random.IntN(2) == 0 {
			q.Since = like.Session.Start.UTC + int64(s.random.IntN(2))
		}
		s.checkFlaky(t, q)
	}
}

func (s *suite) checkFlaky(t *testing.T, q monitor.FlakyQuery) {
	t.Helper()
	s.ask(t, fmt.Sprintf("%.200q", fmt.Sprintf("%+v", q)), func(t *testing.T) {
		ask(q, s.store.FlakyTests, s.store.CountFlakyTests).check(t, s.random, s.world.flaky(q), nil, sameFlaky)
	})
}

func sameFlaky(t *testing.T, want, got *monitor.FlakyTest) {
	t.Helper()
	sameOutcome(t, want.Seen, got.Seen)
	a, b := *want, *got
	a.Seen, b.Seen = nil, nil
	require.Equal(t, a, b)
	require.InDelta(t, 0.5, got.PassRate(), 0.5)
}

// flaky answers a query for flaky tests.
func (w *world) flaky(q monitor.FlakyQuery) []*monitor.FlakyTest {
	type test struct {
		series monitor.Series
		node   string
	}
	outcomes := make(map[test][]*measured)
	for _, project := range projects {
		runs := w.runsWithOutcomes(project, q)
		for _, o := range w.outcomes { // in the order of time
			if o.project == project && o.session != nil && slices.Contains(runs, o.session.Run) &&
				slices.Contains([]string{"passed", "failed", "error"}, o.outcome.Outcome) {
				of := test{o.metric.Series(project), monitor.StableText(o.outcome.NodeID)}
				outcomes[of] = append(outcomes[of], o)
			}
		}
	}
	found := []*monitor.FlakyTest{}
	for of, all := range outcomes {
		if f := flakyOf(all); (q.Project == "" || q.Project == of.series.Project) && f != nil {
			f.Project = of.series.Project
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b *monitor.FlakyTest) int { return cmp.Compare(b.Seen.At.UTC, a.Seen.At.UTC) })
	return found
}

// runsWithOutcomes returns the ids of the runs that a query chooses.
func (w *world) runsWithOutcomes(project string, q monitor.FlakyQuery) (ids []string) {
	runs := w.runs(monitor.RunQuery{Project: project}) // the first comes first
	for _, r := range slices.Backward(runs) {
		if len(r.Outcomes) > 0 && (q.Branch == nil || r.Sessions[0].Branch == *q.Branch) && r.Started.UTC >= q.Since {
			ids = append(ids, r.ID)
		}
	}
	if q.Last > 0 {
		ids = ids[:min(int(q.Last), len(ids))]
	}
	return ids
}

// flakyOf returns the flaky test with these outcomes, nil when the test is not flaky.
func flakyOf(outcomes []*measured) *monitor.FlakyTest {
	f := &monitor.FlakyTest{}
	runs := make(map[string]bool)
	for i, o := range outcomes {
		runs[o.session.Run] = true
		passed := o.outcome.Outcome == "passed"
		shows := false
		if passed {
			f.Passed++
		} else {
			f.Failed++
		}
		if passed && o.outcome.Attempts > 1 {
			f.Retried++
			shows = true
		}
		before := outcomes[:i+1]
		shows = shows || slices.ContainsFunc(before, func(b *measured) bool { return o.like(b) && b.outcome.Outcome == "passed" }) &&
			slices.ContainsFunc(before, func(b *measured) bool { return o.like(b) && b.outcome.Outcome != "passed" })
		if shows {
			f.Seen, f.Run, f.ScmRef = o.outcome, o.session.Run, o.session.ScmRef.String
		}
	}
	if f.Runs = int64(len(runs)); f.Seen == nil {
		return nil
	}
	return f
}

// like says whether two outcomes are of one commit, one class of machine and one job.
func (m *measured) like(o *measured) bool {
	env := func(m *measured) string { return monitor.OriginOf("", m.context, m.session).Env }
	if (monitor.IsJob(m.session.Branch) || monitor.IsJob(o.session.Branch)) && m.session.Branch != o.session.Branch {
		return false
	}
	return m.session.ScmRef.String != "" && m.session.ScmRef.String == o.session.ScmRef.String && env(m) == env(o)
}
