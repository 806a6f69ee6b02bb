package storetest

import (
	"math/rand/v2"
	"testing"

	"pymon-bridge/monitor"
)

// Open returns a store that holds the records, all readable, until the test ends. The records are in the order of
// acceptance, and must have been given to [monitor.Journal.Append], since what it decides is expected of the store.
type Open func(tb testing.TB, records []*monitor.Record) monitor.Store

// Run checks all that a store promises.
func Run(t *testing.T, open Open) { RunSome(t, open, 1) }

// RunSome does the same with every n-th of the questions only, for stores that take long to answer each.
func RunSome(t *testing.T, open Open, n int) {
	t.Run("empty", func(t *testing.T) { testEmpty(t, open(t, nil)) })
	records := newData(rand.New(rand.NewPCG(11, 22))).records()
	s := &suite{store: open(t, records), world: newWorld(records), random: rand.New(rand.NewPCG(33, 44)), every: n}
	s.world.require(t, records)
	t.Run("metrics", s.testMetrics)
	t.Run("top", s.testTop)
	t.Run("sessions", s.testSessions)
	t.Run("many tags", s.testManyTags)
	t.Run("contexts", s.testContexts)
	t.Run("names", s.testNames)
	t.Run("runs", s.testRuns)
	t.Run("endless", s.testEndless)
	t.Run("syntax", s.testSyntax)
	t.Run("consumers", s.testConsumers)
}

// suite is a store with what it has to say.
type suite struct {
	store  monitor.Store
	world  *world
	random *rand.Rand
	every  int // of how many questions one is asked
	asked  int
}

// ask runs the check of one question, unless it is one of those that are left out.
func (s *suite) ask(t *testing.T, name string, check func(t *testing.T)) {
	if s.asked++; s.asked%max(1, s.every) == 0 {
		t.Run(name, check)
	}
}

// pick returns one of some values.
func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
