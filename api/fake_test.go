package api_test

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// owned is a value and its project.
type owned[T any] struct {
	project string
	v       T
}

// fakeStore is a simple [monitor.Store] over slices. The slices have the order that the contract requires.
type fakeStore struct {
	metrics  []owned[*monitor.Metric]
	outcomes []owned[*monitor.Outcome]
	sessions []owned[*monitor.Session]
	contexts []owned[*monitor.Context]
	runs     []owned[*monitor.Run]
	flaky    []owned[*monitor.FlakyTest]

	FailFn func(row int) error // called before every element, and with -1 before every count
	counts int                 // number of count calls
	asked  monitor.FlakyQuery  // the last question about flaky tests
	stop   int                 // number of elements that the last list returned
}

// list returns a page of the values that keep accepts.
func list[T any](ctx context.Context, s *fakeStore, all []owned[T], project string, p monitor.Page, keep func(owned[T]) bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		s.stop = 0
		found := int64(0)
		for _, o := range all {
			if project != "" && o.project != project || !keep(o) {
				continue
			}
			if found++; found <= p.Offset || p.Limit > 0 && found > p.Offset+p.Limit {
				continue
			}
			err := ctx.Err()
			if err == nil && s.FailFn != nil {
				err = s.FailFn(s.stop)
			}
			s.stop++
			if !yield(o.v, err) || err != nil {
				return
			}
		}
	}
}

func count[T any](ctx context.Context, s *fakeStore, all iter.Seq2[T, error]) (n int64, err error) {
	s.counts++
	if s.FailFn != nil {
		if err := s.FailFn(-1); err != nil {
			return 0, err
		}
	}
	fail := s.FailFn
	s.FailFn = nil
	defer func() { s.FailFn = fail }()
	for range all {
		n++
	}
	return n, ctx.Err()
}

func (s *fakeStore) Metrics(ctx context.Context, q monitor.MetricQuery, p monitor.Page) iter.Seq2[*monitor.Metric, error] {
	all := s.metrics
	if q.Top != nil {
		all = slices.SortedStableFunc(slices.Values(all), func(a, b owned[*monitor.Metric]) int {
			order := cmp.Compare(*b.v.Values()[q.Top.Of], *a.v.Values()[q.Top.Of])
			if q.Top.Smallest {
				return -order
			}
			return order
		})
	}
	return list(ctx, s, all, q.Project, p, func(o owned[*monitor.Metric]) bool {
		return !slices.ContainsFunc(q.Where, func(m monitor.Match) bool { return !s.matches(o, m) })
	})
}

func (s *fakeStore) CountMetrics(ctx context.Context, q monitor.MetricQuery) (int64, error) {
	return count(ctx, s, s.Metrics(ctx, q, monitor.Page{}))
}

func (s *fakeStore) Outcomes(ctx context.Context, q monitor.OutcomeQuery, p monitor.Page) iter.Seq2[*monitor.Outcome, error] {
	return list(ctx, s, s.outcomes, q.Project, p, func(o owned[*monitor.Outcome]) bool {
		return !slices.ContainsFunc(q.Where, func(m monitor.Match) bool {
			if m.Field == monitor.FieldOutcome {
				return !holds(m.How, o.v.Outcome, m.Text)
			}
			return !s.matches(owned[*monitor.Metric]{o.project, &o.v.Metric}, m)
		})
	})
}

func (s *fakeStore) CountOutcomes(ctx context.Context, q monitor.OutcomeQuery) (int64, error) {
	return count(ctx, s, s.Outcomes(ctx, q, monitor.Page{}))
}

func (s *fakeStore) matches(o owned[*monitor.Metric], m monitor.Match) bool {
	switch m.Field {
	case monitor.FieldScmRef, monitor.FieldRun, monitor.FieldPipeline, monitor.FieldPipelineBuild:
		i := slices.IndexFunc(s.sessions, func(f owned[*monitor.Session]) bool {
			return f.project == o.project && f.v.SessionH == o.v.SessionH
		})
		return i >= 0 && holds(m.How, sessionText(s.sessions[i].v, m.Field), m.Text)
	}
	texts := map[monitor.Field]string{
		monitor.FieldSessionH: o.v.SessionH, monitor.FieldContextH: o.v.ContextH, monitor.FieldItem: o.v.Item,
		monitor.FieldItemVariant: o.v.ItemVariant, monitor.FieldKind: o.v.Kind, monitor.FieldComponent: o.v.Component,
	}
	return holds(m.How, texts[m.Field], m.Text)
}

func sessionText(s *monitor.Session, f monitor.Field) string {
	switch f {
	case monitor.FieldRun:
		return s.Run
	case monitor.FieldPipeline:
		return s.Tag("pipeline_branch")
	case monitor.FieldPipelineBuild:
		return s.Tag("pipeline_build_no")
	default:
		return s.ScmRef.String
	}
}

func holds(how monitor.How, text, wanted string) bool {
	switch how {
	case monitor.HasPrefix:
		return strings.HasPrefix(text, wanted)
	case monitor.Contains:
		return strings.Contains(text, wanted)
	default:
		return text == wanted
	}
}

func (s *fakeStore) Sessions(ctx context.Context, q monitor.SessionQuery, p monitor.Page) iter.Seq2[*monitor.Session, error] {
	return list(ctx, s, s.sessions, q.Project, p, func(o owned[*monitor.Session]) bool {
		if !strings.HasPrefix(o.v.SessionH, q.HashPrefix) || q.ScmRef != nil && !holds(q.ScmRef.How, o.v.ScmRef.String, q.ScmRef.Text) {
			return false
		}
		matching := 0
		for _, tag := range q.Tags {
			if text := o.v.Tag(tag.Name); text != "" && (tag.Value == "" || text == tag.Value) {
				matching++
			}
		}
		return matching == len(q.Tags) || q.AnyTag && matching > 0
	})
}

func (s *fakeStore) CountSessions(ctx context.Context, q monitor.SessionQuery) (int64, error) {
	return count(ctx, s, s.Sessions(ctx, q, monitor.Page{}))
}

func (s *fakeStore) Contexts(ctx context.Context, q monitor.ContextQuery, p monitor.Page) iter.Seq2[*monitor.Context, error] {
	return list(ctx, s, s.contexts, q.Project, p, func(o owned[*monitor.Context]) bool {
		return strings.HasPrefix(o.v.H, q.HashPrefix)
	})
}

func (s *fakeStore) CountContexts(ctx context.Context, q monitor.ContextQuery) (int64, error) {
	return count(ctx, s, s.Contexts(ctx, q, monitor.Page{}))
}

func (s *fakeStore) Names(ctx context.Context, q monitor.NameQuery, p monitor.Page) iter.Seq2[string, error] {
	names := map[string]bool{}
	for _, o := range s.metrics {
		if q.Of == monitor.Components && (q.Project == "" || q.Project == o.project) && (o.v.Component != "" || !q.NonEmpty) {
			names[o.v.Component] = true
		}
	}
	for _, o := range s.sessions {
		if q.Of == monitor.Components || q.Project != "" && q.Project != o.project || !s.describes(o, q) {
			continue
		}
		name := map[monitor.Names]string{monitor.Pipelines: o.v.Tag("pipeline_branch"),
			monitor.PipelineBuilds: o.v.Tag("pipeline_build_no"), monitor.SessionHashes: o.v.SessionH}[q.Of]
		names[name] = name != ""
	}
	var sorted []owned[string]
	for name, ok := range names {
		if ok && strings.HasPrefix(name, q.Prefix) {
			sorted = append(sorted, owned[string]{v: name})
		}
	}
	slices.SortFunc(sorted, func(a, b owned[string]) int { return cmp.Compare(a.v, b.v) })
	return list(ctx, s, sorted, "", p, func(owned[string]) bool { return true })
}

func (s *fakeStore) describes(o owned[*monitor.Session], q monitor.NameQuery) bool {
	measured := func(m owned[*monitor.Metric]) bool {
		return m.project == o.project && m.v.SessionH == o.v.SessionH && m.v.Component == *q.Component
	}
	return (q.Component == nil || slices.ContainsFunc(s.metrics, measured)) &&
		(q.Pipeline == "" || q.Pipeline == o.v.Tag("pipeline_branch")) &&
		(q.Build == "" || q.Build == o.v.Tag("pipeline_build_no"))
}

func (s *fakeStore) CountNames(ctx context.Context, q monitor.NameQuery) (int64, error) {
	return count(ctx, s, s.Names(ctx, q, monitor.Page{}))
}

func (s *fakeStore) Runs(ctx context.Context, q monitor.RunQuery, p monitor.Page) iter.Seq2[*monitor.Run, error] {
	return list(ctx, s, s.runs, q.Project, p, func(o owned[*monitor.Run]) bool { return q.Run == "" || q.Run == o.v.ID })
}

func (s *fakeStore) CountRuns(ctx context.Context, q monitor.RunQuery) (int64, error) {
	return count(ctx, s, s.Runs(ctx, q, monitor.Page{}))
}

func (s *fakeStore) FlakyTests(ctx context.Context, q monitor.FlakyQuery, p monitor.Page) iter.Seq2[*monitor.FlakyTest, error] {
	s.asked = q
	if p.Total != nil {
		*p.Total = 0
		for range list(ctx, s, s.flaky, q.Project, monitor.Page{}, func(owned[*monitor.FlakyTest]) bool { return true }) {
			*p.Total++
		}
	}
	return list(ctx, s, s.flaky, q.Project, p, func(owned[*monitor.FlakyTest]) bool { return true })
}

func (s *fakeStore) CountFlakyTests(ctx context.Context, q monitor.FlakyQuery) (int64, error) {
	return count(ctx, s, s.FlakyTests(ctx, q, monitor.Page{}))
}

// fakeMetadata is a [monitor.MetadataStore] over slices. The first accepted context or session is the first.
type fakeMetadata struct {
	contexts []owned[*monitor.Context]
	sessions []owned[*monitor.Session]
	err      error // returned by every call if it is not nil
}

func (m *fakeMetadata) Context(_ context.Context, project, h string) (*monitor.Context, error) {
	return find(m, m.contexts, project, func(v *monitor.Context) bool { return v.H == h })
}

func (m *fakeMetadata) Session(_ context.Context, project, h string) (*monitor.Session, error) {
	return find(m, m.sessions, project, func(v *monitor.Session) bool { return v.SessionH == h })
}

func find[T any](m *fakeMetadata, all []owned[*T], project string, is func(*T) bool) (*T, error) {
	for _, o := range all {
		if m.err == nil && (project == "" || project == o.project) && is(o.v) {
			return o.v, nil
		}
	}
	return nil, cmp.Or(m.err, error(monitor.Errorf(monitor.ENotFound, "unknown")))
}
