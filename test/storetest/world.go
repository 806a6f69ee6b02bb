package storetest

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// world has all accepted records, without repeats. It answers questions by looking at all of them.
type world struct {
	metrics  []*measured
	outcomes []*measured
	sessions []*monitor.Record
	contexts []*monitor.Record
}

// measured is a metric or an outcome with its session and its context. The session is of the same project. The context is of the same
// project, or else of the project that was the first to have it. Both are nil when there is none.
type measured struct {
	project  string
	received time.Time
	metric   *monitor.Metric
	outcome  *monitor.Outcome // nil for a metric
	session  *monitor.Session
	context  *monitor.Context
}

func newWorld(records []*monitor.Record) *world {
	w := &world{}
	for _, rec := range records {
		switch {
		case rec.Repeat:
		case rec.Context != nil:
			w.contexts = append(w.contexts, rec)
		case rec.Session != nil:
			w.sessions = append(w.sessions, rec)
		case rec.Outcome != nil:
			w.outcomes = append(w.outcomes, &measured{project: rec.Project, received: rec.Received, metric: rec.Measured(), outcome: rec.Outcome})
		default:
			w.metrics = append(w.metrics, &measured{project: rec.Project, received: rec.Received, metric: rec.Metric})
		}
	}
	for _, m := range slices.Concat(w.metrics, w.outcomes) {
		for _, rec := range w.sessions {
			if rec.Project == m.project && rec.Session.SessionH == m.metric.SessionH {
				m.session = rec.Session
			}
		}
		for _, rec := range w.contexts { // in the order of acceptance
			if rec.Context.H == m.metric.ContextH && (rec.Project == m.project || m.context == nil) {
				m.context = rec.Context
			}
		}
	}
	slices.SortFunc(w.metrics, byTime)
	slices.SortFunc(w.outcomes, byTime)
	slices.SortFunc(w.sessions, func(a, b *monitor.Record) int {
		return cmp.Or(cmp.Compare(a.Session.Start.UTC, b.Session.Start.UTC),
			cmp.Compare(a.Session.SessionH, b.Session.SessionH), cmp.Compare(a.Project, b.Project))
	})
	slices.SortFunc(w.contexts, func(a, b *monitor.Record) int {
		return cmp.Or(cmp.Compare(a.Context.H, b.Context.H), cmp.Compare(a.Project, b.Project))
	})
	return w
}

// require checks that the data has all cases that the suite is for.
func (w *world) require(t *testing.T, records []*monitor.Record) {
	t.Helper()
	require.Greater(t, len(w.metrics), 300)
	require.Greater(t, len(w.outcomes), 300)
	require.Greater(t, len(w.sessions), 20)
	require.Greater(t, len(w.contexts), 10)
	repeats := 0
	for _, rec := range records {
		if rec.Repeat {
			repeats++
		}
	}
	require.Positive(t, repeats)
	ties := 0
	for i := 1; i < len(w.metrics); i++ {
		if w.metrics[i].metric.At.UTC == w.metrics[i-1].metric.At.UTC {
			ties++
		}
	}
	require.Equal(t, 2, ties)
}

func byTime(a, b *measured) int {
	return cmp.Or(cmp.Compare(a.metric.At.UTC, b.metric.At.UTC), bySeries(a.metric, b.metric))
}

// bySeries orders metrics of one nanosecond. A store may have another order.
func bySeries(a, b *monitor.Metric) int {
	return cmp.Or(cmp.Compare(a.Item, b.Item), cmp.Compare(a.ItemVariant, b.ItemVariant),
		cmp.Compare(a.ItemPath, b.ItemPath), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Component, b.Component))
}

// list answers a query for metrics.
func (w *world) list(q monitor.MetricQuery) []*monitor.Metric {
	found := []*monitor.Metric{}
	for _, m := range w.metrics {
		if m.chosen(q.Project, q.Where) {
			found = append(found, m.metric)
		}
	}
	if q.Top == nil {
		return found
	}
	found = slices.DeleteFunc(found, func(m *monitor.Metric) bool { return math.IsNaN(value(m, q.Top)) })
	slices.SortStableFunc(found, func(a, b *monitor.Metric) int {
		if order := cmp.Compare(value(a, q.Top), value(b, q.Top)); q.Top.Smallest {
			return order
		} else {
			return -order
		}
	})
	return found
}

func value(m *monitor.Metric, top *monitor.Top) float64 { return *m.Values()[top.Of] }

func (m *measured) chosen(project string, where []monitor.Match) bool {
	if project != "" && project != m.project {
		return false
	}
	for _, match := range where {
		if text := m.text(match.Field); text.Null || !compares(text.String, match.How, match.Text) {
			return false
		}
	}
	return true
}

func (m *measured) text(f monitor.Field) monitor.Text {
	switch f {
	case monitor.FieldSessionH:
		return monitor.Text{String: m.metric.SessionH}
	case monitor.FieldContextH:
		return monitor.Text{String: m.metric.ContextH}
	case monitor.FieldItem:
		return monitor.Text{String: m.metric.Item}
	case monitor.FieldItemVariant:
		return monitor.Text{String: m.metric.ItemVariant}
	case monitor.FieldKind:
		return monitor.Text{String: m.metric.Kind}
	case monitor.FieldComponent:
		return monitor.Text{String: m.metric.Component}
	case monitor.FieldOutcome:
		if m.outcome == nil {
			return monitor.Text{Null: true}
		}
		return monitor.Text{String: m.outcome.Outcome}
	}
	switch {
	case m.session == nil:
		return monitor.Text{Null: true}
	case f == monitor.FieldScmRef:
		return m.session.ScmRef
	case f == monitor.FieldRun:
		return monitor.Text{String: m.session.Run}
	case f == monitor.FieldPipeline:
		return tag(m.session, "pipeline_branch")
	default:
		return tag(m.session, "pipeline_build_no")
	}
}

// tag returns the value of a tag, null when the session does not have it.
func tag(s *monitor.Session, name string) monitor.Text {
	for _, t := range s.Tags {
		if t.Name == name {
			return t.Value
		}
	}
	return monitor.Text{Null: true}
}

func compares(text string, how monitor.How, with string) bool {
	switch how {
	case monitor.Equals:
		return text == with
	case monitor.HasPrefix:
		return strings.HasPrefix(text, with)
	default:
		return strings.Contains(text, with)
	}
}
