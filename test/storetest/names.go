package storetest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

var kindsOfNames = []monitor.Names{monitor.Components, monitor.Pipelines, monitor.PipelineBuilds, monitor.SessionHashes, monitor.Projects}

func (s *suite) testNames(t *testing.T) {
	for _, of := range kindsOfNames {
		s.checkNames(t, monitor.NameQuery{Of: of})
		s.checkNames(t, monitor.NameQuery{Of: of, NonEmpty: true})
		empty := ""
		s.checkNames(t, monitor.NameQuery{Of: of, Component: &empty})
		for _, project := range append(projects, "nothing") {
			s.checkNames(t, monitor.NameQuery{Of: of, Project: project})
		}
		for range 20 {
			s.checkNames(t, s.nameQuery(of))
		}
	}
}

func (s *suite) nameQuery(of monitor.Names) monitor.NameQuery {
	q := monitor.NameQuery{Of: of, NonEmpty: s.random.IntN(2) == 0}
	like := pick(s.random, s.world.metrics)
	if s.random.IntN(3) == 0 {
		q.Project = pick(s.random, projects)
	}
	if of == monitor.Components {
		q.Prefix = s.part(like.metric.Component, monitor.HasPrefix)
		return q
	}
	if s.random.IntN(2) == 0 {
		q.Component = &like.metric.Component
	}
	if s.random.IntN(2) == 0 {
		q.Pipeline = like.text(monitor.FieldPipeline).String
	}
	if s.random.IntN(3) == 0 {
		q.Build = like.text(monitor.FieldPipelineBuild).String
	}
	if s.random.IntN(3) == 0 {
		names := s.world.names(q)
		if len(names) > 0 {
			q.Prefix = s.part(pick(s.random, names), monitor.HasPrefix)
		}
	}
	return q
}

func (s *suite) checkNames(t *testing.T, q monitor.NameQuery) {
	t.Helper()
	component := "any"
	if q.Component != nil {
		component = *q.Component
	}
	s.ask(t, fmt.Sprintf("%.200q", fmt.Sprintf("%+v %s", q, component)), func(t *testing.T) {
		ask(q, s.store.Names, s.store.CountNames).check(t, s.random, s.world.names(q), nil,
			func(t *testing.T, want, got string) { require.Equal(t, want, got) })
	})
}

// names answers a query for names.
func (w *world) names(q monitor.NameQuery) []string {
	found := make(map[string]bool)
	if q.Of == monitor.Components {
		for _, m := range w.metrics {
			if (q.Project == "" || m.project == q.Project) && (!q.NonEmpty || m.metric.Component != "") {
				found[m.metric.Component] = true
			}
		}
	} else {
		for _, rec := range w.sessions {
			if name := nameOf(rec, q.Of); hasProject(rec, q.Project) && name != "" && w.hasNames(rec, q) {
				found[name] = true
			}
		}
	}
	maps.DeleteFunc(found, func(name string, _ bool) bool { return !strings.HasPrefix(name, q.Prefix) })
	return slices.Sorted(maps.Keys(found))
}

func nameOf(rec *monitor.Record, of monitor.Names) string {
	s := rec.Session
	switch of {
	case monitor.Projects:
		return rec.Project
	case monitor.Pipelines:
		return tag(s, "pipeline_branch").String
	case monitor.PipelineBuilds:
		return tag(s, "pipeline_build_no").String
	default:
		return s.SessionH
	}
}

// hasNames says whether the query asks for the names of a session.
func (w *world) hasNames(rec *monitor.Record, q monitor.NameQuery) bool {
	if q.Pipeline != "" && tag(rec.Session, "pipeline_branch").String != q.Pipeline ||
		q.Build != "" && tag(rec.Session, "pipeline_build_no").String != q.Build {
		return false
	}
	return q.Component == nil || slices.ContainsFunc(w.metrics, func(m *measured) bool {
		return m.session == rec.Session && m.metric.Component == *q.Component
	})
}

func (s *suite) testRuns(t *testing.T) {
	s.checkRuns(t, monitor.RunQuery{})
	for _, project := range append(projects, "nothing") {
		s.checkRuns(t, monitor.RunQuery{Project: project})
	}
	for _, rec := range s.world.sessions {
		s.checkRuns(t, monitor.RunQuery{Run: rec.Session.Run})
		s.checkRuns(t, monitor.RunQuery{Project: rec.Project, Run: rec.Session.Run})
	}
}

func (s *suite) checkRuns(t *testing.T, q monitor.RunQuery) {
	t.Helper()
	s.ask(t, fmt.Sprintf("%.200q", fmt.Sprintf("%+v", q)), func(t *testing.T) { s.compareRuns(t, q) })
}

func (s *suite) compareRuns(t *testing.T, q monitor.RunQuery) {
	t.Helper()
	ask(q, s.store.Runs, s.store.CountRuns).check(t, s.random, s.world.runs(q), nil, sameRun)
}

// testEndless asks for a run with a metric that would end after the last moment of an [monitor.Instant]. A metric has
// ended when it arrives.
func (s *suite) testEndless(t *testing.T) {
	i := slices.IndexFunc(s.world.metrics, func(m *measured) bool { return m.metric.TotalTime == math.MaxFloat64 })
	require.GreaterOrEqual(t, i, 0)
	m := s.world.metrics[i]
	q := monitor.RunQuery{Project: m.project, Run: m.session.Run}
	require.Equal(t, int64(math.MaxInt64), m.metric.At.Plus(m.metric.TotalTime).UTC)
	s.compareRuns(t, q)
}

// runs answers a query for runs.
func (w *world) runs(q monitor.RunQuery) []*monitor.Run {
	found := []*monitor.Run{}
	for _, rec := range w.sessions { // in the order of time
		if !hasProject(rec, q.Project) || q.Run != "" && rec.Session.Run != q.Run {
			continue
		}
		i := slices.IndexFunc(found, func(r *monitor.Run) bool { return r.Project == rec.Project && r.ID == rec.Session.Run })
		if i < 0 {
			i = len(found)
			found = append(found, &monitor.Run{Project: rec.Project, ID: rec.Session.Run})
		}
		found[i].Sessions = append(found[i].Sessions, rec.Session)
	}
	slices.SortFunc(found, func(a, b *monitor.Run) int {
		return cmp.Or(cmp.Compare(a.Sessions[0].Start.UTC, b.Sessions[0].Start.UTC), cmp.Compare(a.ID, b.ID),
			cmp.Compare(a.Project, b.Project))
	})
	for _, r := range found {
		w.measure(r)
	}
	return found
}

// measure adds up the metrics of a run.
func (w *world) measure(r *monitor.Run) {
	r.Started = r.Sessions[0].Start
	r.Ended = monitor.Instant{UTC: -1}
	environments := make(map[string]bool)
	for _, m := range w.metrics {
		if m.project != r.Project || m.session == nil || m.session.Run != r.ID {
			continue
		}
		if m.metric.Kind == "function" {
			r.Tests++
			r.TotalTime += orZero(m.metric.TotalTime)
			r.UserTime += orZero(m.metric.UserTime)
			r.KernelTime += orZero(m.metric.KernelTime)
		} else {
			r.Modules++
		}
		environments[monitor.OriginOf(m.metric.SessionH, m.context, m.session).Env] = true
		if end := monitor.EndOf(m.metric.At, m.metric.TotalTime, m.received); end.UTC > r.Ended.UTC {
			r.Ended = end
		}
	}
	for _, o := range w.outcomes {
		if o.project == r.Project && o.session != nil && o.session.Run == r.ID {
			if r.Outcomes == nil {
				r.Outcomes = make(map[string]int64)
			}
			r.Outcomes[o.outcome.Outcome]++
		}
	}
	if r.Ended.UTC < 0 {
		r.Ended = r.Started
	}
	r.Environments = slices.Sorted(maps.Keys(environments))
}

func orZero(f float64) float64 {
	if f != f {
		return 0
	}
	return f
}

func sameRun(t *testing.T, want, got *monitor.Run) {
	t.Helper()
	a, b := *want, *got
	for _, f := range [][2]*float64{{&a.TotalTime, &b.TotalTime}, {&a.UserTime, &b.UserTime}, {&a.KernelTime, &b.KernelTime}} {
		require.InDelta(t, *f[0], *f[1], 1e-6) // a store may add them up in another order
		*f[1] = *f[0]
	}
	require.InDelta(t, a.Ended.UTC, b.Ended.UTC, 2000)
	b.Ended.UTC = a.Ended.UTC
	require.Equal(t, a, b)
}
