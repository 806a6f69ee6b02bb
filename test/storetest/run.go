package storetest

import (
	"math/rand/v2"
	"testing"

	"pymon-bridge/monitor"
)

// Open returns a store that has the records, until the test ends. The records are in the order of acceptance. Open must
// pass the records to [monitor.Journal.Append], since the suite compares the store with the decisions of Append.
type Open func(tb testing.TB, records []*monitor.Record) monitor.Store

// Run checks all promises of [monitor.Store], with every n-th question.
func Run(t *testing.T, open Open, n int) {
	t.Run("empty", func(t *testing.T) { testEmpty(t, open(t, nil)) })
	records := newData(rand.New(rand.NewPCG(11, 22))).records()
	records = append(records, outcomesOf(records)...)
	s := &suite{store: open(t, records), world: newWorld(records), random: rand.New(rand.NewPCG(33, 44)), every: n}
	s.world.require(t, records)
	t.Run("metrics", s.testMetrics)
	t.Run("top", s.testTop)
	t.Run("outcomes", s.testOutcomes)
	t.Run("sessions", s.testSessions)
	t.Run("many tags", s.testManyTags)
	t.Run("contexts", s.testContexts)
	t.Run("names", s.testNames)
	t.Run("runs", s.testRuns)
	t.Run("flaky", s.testFlaky)
	t.Run("endless", s.testEndless)
	t.Run("syntax", s.testSyntax)
	t.Run("consumers", s.testConsumers)
}

// suite is a store with the data that it must have.
type suite struct {
	store  monitor.Store
	world  *world
	random *rand.Rand
	every  int // n when every n-th question is asked
	asked  int
}

// ask runs the check of a question, unless Run leaves the question out.
func (s *suite) ask(t *testing.T, name string, check func(t *testing.T)) {
	if s.asked++; s.asked%max(1, s.every) == 0 {
		t.Run(name, check)
	}
}

// pick returns a random value of a list.
func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
