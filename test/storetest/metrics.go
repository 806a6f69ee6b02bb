package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

var (
	fields = []monitor.Field{monitor.FieldSessionH, monitor.FieldContextH, monitor.FieldItem, monitor.FieldItemVariant,
		monitor.FieldKind, monitor.FieldComponent, monitor.FieldOutcome, monitor.FieldScmRef, monitor.FieldRun, monitor.FieldPipeline,
		monitor.FieldPipelineBuild}
	hows = []monitor.How{monitor.Equals, monitor.HasPrefix, monitor.Contains}
)

func (s *suite) testMetrics(t *testing.T) {
	s.checkMetrics(t, monitor.MetricQuery{})
	for _, project := range append(projects, "nothing") {
		s.checkMetrics(t, monitor.MetricQuery{Project: project})
	}
	for _, field := range fields {
		for _, how := range hows {
			s.checkMetrics(t, monitor.MetricQuery{Where: []monitor.Match{{Field: field, How: how}}})
			for range 3 {
				s.checkMetrics(t, s.metricQuery(pick(s.random, s.world.metrics), field, how))
			}
		}
	}
	for range 30 {
		s.checkMetrics(t, s.metricQuery(pick(s.random, s.world.metrics), pick(s.random, fields), pick(s.random, hows)))
	}
}

// metricQuery returns a query with random conditions. Most conditions hold for the metric m.
func (s *suite) metricQuery(m *measured, field monitor.Field, how monitor.How) monitor.MetricQuery {
	q := monitor.MetricQuery{Where: s.matches(m, field, how)}
	if s.random.IntN(3) == 0 {
		q.Project = pick(s.random, projects)
	}
	return q
}

// matches returns random conditions, most of which hold for m.
func (s *suite) matches(m *measured, field monitor.Field, how monitor.How) (where []monitor.Match) {
	for {
		where = append(where, monitor.Match{Field: field, How: how, Text: s.part(m.text(field).String, how)})
		if len(where) == 3 || s.random.IntN(2) == 0 {
			return where
		}
		field, how = pick(s.random, fields), pick(s.random, hows)
	}
}

// part returns a part of a text, or sometimes of another text. It cuts between any two bytes.
func (s *suite) part(text string, how monitor.How) string {
	if s.random.IntN(6) == 0 {
		text = pick(s.random, syntax)
	}
	if how == monitor.Equals || text == "" {
		return text
	}
	from, to := 0, 1+s.random.IntN(len(text))
	if how == monitor.Contains {
		from = s.random.IntN(to)
	}
	return text[from:to]
}

func (s *suite) checkMetrics(t *testing.T, q monitor.MetricQuery) {
	t.Helper()
	s.ask(t, fmt.Sprintf("%.200q", describe(q)), func(t *testing.T) {
		ask(q, s.store.Metrics, s.store.CountMetrics).check(t, s.random, s.world.list(q), arrange(q.Top), sameMetric)
	})
}

func describe(q monitor.MetricQuery) string {
	if q.Top == nil {
		return fmt.Sprintf("%s %v", q.Project, q.Where)
	}
	return fmt.Sprintf("%s %v %+v", q.Project, q.Where, *q.Top)
}

// arrange returns a function that sorts metrics whose order is the store's own.
func arrange(top *monitor.Top) func([]*monitor.Metric) {
	return arrangeBy(func(a, b *monitor.Metric) bool {
		return a.At.UTC == b.At.UTC && (top == nil || value(a, top) == value(b, top))
	}, bySeries)
}

// arrangeBy returns a function that sorts the items that are equal in the order of a list.
func arrangeBy[T any](equal func(a, b T) bool, order func(a, b T) int) func([]T) {
	return func(found []T) {
		for from := 0; from < len(found); {
			to := from + 1
			for to < len(found) && equal(found[to], found[from]) {
				to++
			}
			slices.SortFunc(found[from:to], order)
			from = to
		}
	}
}

func sameMetric(t *testing.T, want, got *monitor.Metric) {
	t.Helper()
	if !want.Same(got) {
		require.Failf(t, "another metric", "want %.2000q\ngot  %.2000q", fmt.Sprint(*want), fmt.Sprint(*got))
	}
	require.Equal(t, want.At, got.At)
}

func (s *suite) testTop(t *testing.T) {
	for _, of := range []monitor.Measurement{monitor.TotalTime, monitor.UserTime, monitor.KernelTime, monitor.CPUUsage,
		monitor.MemUsage} {
		for _, smallest := range []bool{false, true} {
			top := &monitor.Top{Of: of, Smallest: smallest}
			s.checkMetrics(t, monitor.MetricQuery{Top: top})
			field := pick(s.random, []monitor.Field{monitor.FieldComponent, monitor.FieldPipeline, monitor.FieldPipelineBuild})
			q := s.metricQuery(pick(s.random, s.world.metrics), field, monitor.Equals)
			q.Top = top
			s.checkMetrics(t, q)
		}
	}
}

// testSyntax asks for texts that no record has. A store that took them for syntax would find records or fail.
func (s *suite) testSyntax(t *testing.T) {
	for _, text := range append(syntax, "\xff", "\xf0\x9f", "\x00", "' OR ''='") {
		text += " is no name\"'\\"
		for _, field := range fields {
			q := monitor.MetricQuery{Where: []monitor.Match{{Field: field, How: pick(s.random, hows), Text: text}}}
			assert.Empty(t, all(t, s.store.Metrics(t.Context(), q, monitor.Page{})), "%q", text)
		}
		sessions := monitor.SessionQuery{Tags: []monitor.TagMatch{{Name: text}, {Name: "flag", Value: text}}, AnyTag: true}
		assert.Empty(t, all(t, s.store.Sessions(t.Context(), sessions, monitor.Page{})), "%q", text)
		assert.Empty(t, all(t, s.store.Sessions(t.Context(), monitor.SessionQuery{HashPrefix: text}, monitor.Page{})), "%q", text)
		assert.Empty(t, all(t, s.store.Contexts(t.Context(), monitor.ContextQuery{HashPrefix: text}, monitor.Page{})), "%q", text)
		assert.Empty(t, all(t, s.store.Runs(t.Context(), monitor.RunQuery{Run: text}, monitor.Page{})), "%q", text)
		for _, of := range kindsOfNames {
			assert.Empty(t, all(t, s.store.Names(t.Context(), monitor.NameQuery{Of: of, Prefix: text}, monitor.Page{})), "%q", text)
		}
		for _, project := range []string{text, "shop' OR 'a'='a"} {
			assert.Empty(t, all(t, s.store.Metrics(t.Context(), monitor.MetricQuery{Project: project}, monitor.Page{})))
		}
	}
	s.checkMetrics(t, monitor.MetricQuery{})
}
