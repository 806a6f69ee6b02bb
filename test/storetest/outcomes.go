package storetest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// outcomesOf makes an outcome of the test of each metric, and of some tests a second one.
func outcomesOf(records []*monitor.Record) (all []*monitor.Record) {
	random := rand.New(rand.NewPCG(66, 77))
	for i, rec := range records {
		if rec.Metric == nil {
			continue
		}
		for n := range 1 + i%2 {
			o := &monitor.Outcome{Metric: *rec.Metric, NodeID: fmt.Sprint(pick(random, syntax), i/3, n), Attempts: int64(1 + random.IntN(2)),
				Outcome:   pick(random, append(monitor.Outcomes[:], "passed", "passed", "passed")),
				SetupTime: random.Float64(), TeardownTime: math.NaN(), MemPeak: 30, MemTest: -0.5}
			again := *rec
			again.Metric, again.Outcome = nil, o
			all = append(all, &again)
		}
	}
	return all
}

func (s *suite) testOutcomes(t *testing.T) {
	s.checkOutcomes(t, monitor.OutcomeQuery{})
	for _, project := range append(projects, "nothing") {
		s.checkOutcomes(t, monitor.OutcomeQuery{Project: project})
	}
	for _, outcome := range append(monitor.Outcomes[:], "fail") {
		where := []monitor.Match{{Field: monitor.FieldOutcome, Text: outcome}}
		s.checkOutcomes(t, monitor.OutcomeQuery{Where: where})
		s.checkOutcomes(t, monitor.OutcomeQuery{Where: where, Project: "shop"})
		run := monitor.Match{Field: monitor.FieldRun, Text: pick(s.random, s.world.sessions).Session.Run}
		s.checkOutcomes(t, monitor.OutcomeQuery{Where: append(where, run)})
	}
	for _, field := range fields {
		for _, how := range hows {
			s.checkOutcomes(t, monitor.OutcomeQuery{Where: []monitor.Match{{Field: field, How: how}}})
			for range 3 {
				like := pick(s.random, s.world.outcomes)
				s.checkOutcomes(t, monitor.OutcomeQuery{Project: like.project, Where: s.matches(like, field, how)})
			}
		}
	}
	for range 30 {
		where := s.matches(pick(s.random, s.world.outcomes), pick(s.random, fields), pick(s.random, hows))
		s.checkOutcomes(t, monitor.OutcomeQuery{Where: where})
	}
}

func (s *suite) checkOutcomes(t *testing.T, q monitor.OutcomeQuery) {
	t.Helper()
	want := []*monitor.Outcome{}
	for _, m := range s.world.outcomes {
		if m.chosen(q.Project, q.Where) {
			want = append(want, m.outcome)
		}
	}
	s.ask(t, fmt.Sprintf("%.200q", fmt.Sprintf("%s %v", q.Project, q.Where)), func(t *testing.T) {
		ask(q, s.store.Outcomes, s.store.CountOutcomes).check(t, s.random, want, arrangeBy(sameStart, bySeriesOfOutcome), sameOutcome)
	})
}

func sameStart(a, b *monitor.Outcome) bool { return a.At.UTC == b.At.UTC }

func bySeriesOfOutcome(a, b *monitor.Outcome) int {
	return cmp.Or(bySeries(&a.Metric, &b.Metric), cmp.Compare(a.NodeID, b.NodeID))
}

func sameOutcome(t *testing.T, want, got *monitor.Outcome) {
	t.Helper()
	sameMetric(t, &want.Metric, &got.Metric)
	if a, b := fmt.Sprintf("%q", fmt.Sprint(*want)), fmt.Sprintf("%q", fmt.Sprint(*got)); a != b {
		require.Failf(t, "another outcome", "want %.2000s\ngot  %.2000s", a, b)
	}
}
