package storetest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// outcomesOf makes an outcome of the test of each metric, and of some tests a second one. Some runs have none, like those
// of pytest-monitor.
func outcomesOf(records []*monitor.Record) (all []*monitor.Record) {
	random := rand.New(rand.NewPCG(66, 77))
	silent := make(map[string]bool)
	for _, rec := range records {
		if rec.Session != nil && isSilent(rec) {
			silent[rec.Project+rec.Session.SessionH] = true
		}
	}
	for i, rec := range records {
		if rec.Metric == nil || silent[rec.Project+rec.Metric.SessionH] {
			continue
		}
		for n := range 1 + i%2 {
			o := &monitor.Outcome{Metric: *rec.Metric, NodeID: fmt.Sprint(pick(random, syntax), i/3, n), Attempts: int64(1 + random.IntN(4)/3),
				Outcome:   pick(random, append(monitor.Outcomes[:], "passed", "passed", "passed")),
				SetupTime: random.Float64(), TeardownTime: math.NaN(), MemPeak: 30, MemTest: -0.5}
			again := *rec
			again.Metric, again.Outcome = nil, o
			all = append(all, &again)
		}
	}
	return append(all, flakyOutcomes(records, random)...)
}

// isSilent says whether a session has no outcomes. The sessions of a run have one description.
func isSilent(rec *monitor.Record) bool { return len(rec.Session.Description)%4 == 0 }

// flakyOutcomes makes outcomes of a few tests in many sessions. Some tests have one series, and some have the address of an
// object in their node ids.
func flakyOutcomes(records []*monitor.Record, random *rand.Rand) (all []*monitor.Record) {
	var sessions, contexts []*monitor.Record
	for _, rec := range records {
		if rec.Session != nil && !isSilent(rec) {
			sessions = append(sessions, rec)
		}
		if rec.Context != nil {
			contexts = append(contexts, rec)
		}
	}
	for i := range 600 {
		session, test := pick(random, sessions), random.IntN(25)
		at := session.Received.Add(time.Duration(i) * time.Millisecond)
		o := &monitor.Outcome{Attempts: 1, NodeID: pick(random, []string{"a", "b", fmt.Sprintf("c[<x at 0x%x>]", i)}) + fmt.Sprint(test),
			Outcome: pick(random, append(monitor.Outcomes[:], "passed", "passed", "passed", "passed"))}
		o.SessionH, o.ContextH, o.ItemStartTime = session.Session.SessionH, pick(random, contexts[:4]).Context.H, clock(at)
		o.Item, o.Kind, o.Component = fmt.Sprint("flaky_", test), "function", "of outcomes alone"
		switch {
		case test < 5: // never flaky
			o.Outcome = pick(random, []string{"passed", "skipped"})
		case random.IntN(30) == 0:
			o.Attempts = 2
		case i%8 == 0:
			o.SessionH = "unknown"
		}
		all = append(all, &monitor.Record{Project: session.Project, Received: at.Add(time.Second), Outcome: o})
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
			like := pick(s.random, s.world.outcomes)
			s.checkOutcomes(t, monitor.OutcomeQuery{Project: like.project, Where: s.matches(like, field, how)})
		}
	}
	for range 15 {
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
	same := want.NodeID == got.NodeID && want.Outcome == got.Outcome && want.Attempts == got.Attempts &&
		monitor.SameFloat(want.SetupTime, got.SetupTime) && monitor.SameFloat(want.TeardownTime, got.TeardownTime) &&
		monitor.SameFloat(want.MemPeak, got.MemPeak) && monitor.SameFloat(want.MemTest, got.MemTest)
	if !same {
		require.Failf(t, "another outcome", "want %.2000q\ngot  %.2000q", fmt.Sprint(*want), fmt.Sprint(*got))
	}
}
