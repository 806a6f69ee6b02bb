package journal_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"pymon-bridge/monitor"
)

// world is one random sequence of events: accepted records, replies of the destination, and crashes of the courier. It
// lives in a synctest bubble.
type world struct {
	*rig
	t *rapid.T

	mu       sync.Mutex
	replays  *fakeReplays
	poison   map[uint64]bool // records at fault
	expired  map[uint64]bool // delivered records that are at fault since then
	late     map[uint64]bool // records that the destination did not take alone
	replies  []monitor.Reply // the next replies of the destination, whatever the points are
	stores   []bool          // for each of replies: whether the destination stores the points
	failures []string        // operations of the journal that fail next
	ordered  uint64          // number of the last record that checkOrder checked
	wrong    []string
}

func newWorld(t *rapid.T) *world {
	w := &world{rig: newRig(), t: t, poison: map[uint64]bool{}, expired: map[uint64]bool{}, late: map[uint64]bool{}}
	w.BatchSize = rapid.IntRange(1, 40).Draw(t, "batch size")
	w.j.anyProject = rapid.Bool().Draw(t, "any project")
	w.replays = &fakeReplays{fakeJournal: w.j}
	w.Replays = w.replays
	w.sink.DeliverFn = w.deliver
	w.j.FailFn = w.fail
	return w
}

// trouble makes the destination fail in a random way, whatever the points are.
func (w *world) trouble() {
	reply := rapid.SampledFrom([]monitor.Reply{away, overload, denied, tooLarge, refused, failed, failed}).Draw(w.t, "reply")
	stores := rapid.Bool().Draw(w.t, "stores")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.replies, w.stores = append(w.replies, reply), append(w.stores, stores)
}

func (w *world) deliver(ctx context.Context, points []*monitor.Point) monitor.Reply {
	time.Sleep(10 * time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkOrder(points)
	poisoned := contains(points, w.poison) || contains(points, w.expired)
	if len(w.replies) > 0 {
		reply, stores := w.replies[0], w.stores[0]
		w.replies, w.stores = w.replies[1:], w.stores[1:]
		// The courier rightly buries a single point that is refused. So only several points get a wrong refusal.
		if reply.Kind != monitor.Refused || len(points) > 1 {
			if len(points) == 1 { // may be set aside
				w.late[points[0].Seq] = true
			}
			if stores && !poisoned {
				w.sink.store(points)
			}
			return reply
		}
	}
	switch {
	case ctx.Err() != nil:
		return monitor.Reply{Kind: monitor.Unavailable, Message: ctx.Err().Error()}
	case poisoned:
		return refused
	}
	return delivered
}

// checkOrder checks that a context or session is stored, at fault, or set aside, before any metric that was accepted after
// it.
func (w *world) checkOrder(points []*monitor.Point) {
	w.j.mu.Lock()
	recs := w.j.recs
	w.j.mu.Unlock()
	for _, p := range points {
		if p.Measured() == nil {
			return
		}
		for ; w.ordered < p.Seq; w.ordered++ {
			if seq := w.ordered + 1; recs[w.ordered].Measured() == nil && !w.sink.had(seq) && !w.poison[seq] &&
				!w.late[seq] {
				w.wrong = append(w.wrong, fmt.Sprintf("%d is sent before the metadata %d", p.Seq, seq))
			}
		}
	}
}

func (w *world) fail(op string) error {
	w.j.mu.Lock()
	defer w.j.mu.Unlock()
	if len(w.failures) > 0 && w.failures[0] == op {
		w.failures = w.failures[1:]
		return monitor.Errorf(monitor.EUnavailable, "%s fails", op)
	}
	return nil
}

// accept appends some records of few projects and hashes. So contexts and sessions are missing, late, or of another project.
func (w *world) accept() {
	for range rapid.IntRange(1, 60).Draw(w.t, "records") {
		project := rapid.SampledFrom([]string{"p", "q"}).Draw(w.t, "project")
		h := rapid.SampledFrom([]string{"1", "2", "3", "4", ""}).Draw(w.t, "hash")
		var rec *monitor.Record
		switch kind := rapid.IntRange(0, 9).Draw(w.t, "kind"); {
		case kind == 0 && h != "":
			rec = context1(project, h)
		case kind == 1 && h != "":
			rec = session1(project, h)
		default:
			rec = metric1(project, h, rapid.SampledFrom([]string{"1", "2"}).Draw(w.t, "session"))
			if kind%2 == 1 {
				rec = outcomeOf(rec)
			}
		}
		seq := w.j.add(rec)
		if rapid.IntRange(0, 9).Draw(w.t, "poison") == 0 {
			w.mu.Lock()
			w.poison[seq] = true
			w.mu.Unlock()
		}
	}
	w.Wake()
}

// replay asks for some delivered records, or for dead letters, again.
func (w *world) replay() {
	r := monitor.Replay{Project: rapid.SampledFrom([]string{"", "p"}).Draw(w.t, "replayed project")}
	if rapid.Bool().Draw(w.t, "dead letters") {
		r.Dead = &monitor.LetterQuery{}
	}
	w.replays.ask(r)
	for range rapid.IntRange(0, 4).Draw(w.t, "troubles") {
		w.trouble()
	}
}

// change changes what the destination takes: its retention becomes shorter, or is lifted.
func (w *world) change() {
	w.j.mu.Lock()
	defer w.j.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if rapid.Bool().Draw(w.t, "lift") {
		for seq := range w.j.dead {
			delete(w.poison, seq)
			w.late[seq] = true
		}
		clear(w.expired)
		return
	}
	for seq := uint64(1); seq <= w.j.cursor; seq++ {
		_, parked := w.j.parked[seq]
		if _, dead := w.j.dead[seq]; !dead && (!parked || w.j.again[seq]) && seq%3 == 0 {
			w.expired[seq] = true
		}
	}
}

// open opens the courier. Open reads the journal, which may fail once for each event.
func (w *world) open() {
	var err error
	for range 26 {
		if err = w.Open(context.Background()); err == nil {
			return
		}
	}
	w.t.Fatal(err)
}

// crash ends the courier at once. Its state in memory is lost.
func (w *world) crash() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Close(ctx); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) pass() {
	time.Sleep(time.Duration(rapid.SampledFrom([]int{1, 5, 50, 150, 1000, 30_000, 90_000}).Draw(w.t, "ms")) *
		time.Millisecond)
}

// settled says that nothing is left to be done.
func (w *world) settled() bool {
	w.j.mu.Lock()
	defer w.j.mu.Unlock()
	return w.j.cursor == uint64(len(w.j.recs)) && len(w.j.parked) == 0
}

// settle waits until nothing is left to be done.
func (w *world) settle() {
	for minutes := 0; minutes < 240 && !(w.settled() && w.replays.ended()); minutes++ {
		time.Sleep(time.Minute)
		synctest.Wait()
	}
}

// check compares the final state with the accepted records.
func (w *world) check() {
	if wrong := append(append(w.wrong, w.j.wrong...), w.sink.wrong...); len(wrong) > 0 {
		w.t.Fatalf("wrong: %v", wrong)
	}
	for i := range w.j.recs {
		seq := uint64(i + 1)
		_, dead := w.j.dead[seq]
		stored := w.sink.has(seq)
		if dead != w.poison[seq] || stored == w.poison[seq] && !w.expired[seq] {
			w.t.Fatalf("%d: poisoned %t, expired %t, stored %t, dead %t", seq, w.poison[seq], w.expired[seq], stored, dead)
		}
	}
	if !w.replays.ended() {
		w.t.Fatalf("replays: %v", w.replays.all)
	}
	if w.j.cursor != uint64(len(w.j.recs)) || len(w.j.parked) != 0 {
		w.t.Fatalf("cursor %d of %d, %d parked", w.j.cursor, len(w.j.recs), len(w.j.parked))
	}
}

// Random events happen in any order: records are accepted, the destination and the journal fail, the courier dies, the
// destination loses everything or changes what it takes, and records are delivered again. After a last replay each record
// at fault is dead, unless it was delivered before it was at fault, and each other record is stored. The fakes check two more facts: the cursor passes no
// record that is not stored, buried or parked; and a record has the same origin in every attempt.
func TestCourierDeliversOrBuriesEachRecordWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var failure any
		synctest.Test(t, func(*testing.T) {
			// rapid fails by a panic, which must happen on rapid's own goroutine.
			defer func() { failure = recover() }()
			runEvents(rt)
		})
		if failure != nil {
			panic(failure)
		}
	})
}

// runEvents runs one random sequence of events, and checks the final state.
func runEvents(t *rapid.T) {
	w := newWorld(t)
	w.open()
	defer w.crash()
	for range rapid.IntRange(1, 25).Draw(t, "events") {
		switch rapid.IntRange(0, 9).Draw(t, "event") {
		case 0, 1:
			w.accept()
		case 2:
			w.trouble()
		case 3:
			w.pass()
		case 4:
			op := rapid.SampledFrom([]string{"next", "parked", "pin", "ack", "find", "stats", "replay"}).Draw(t, "fails")
			w.j.mu.Lock()
			w.failures = append(w.failures, op)
			w.j.mu.Unlock()
		case 5:
			w.crash()
			w.open()
		case 6, 7:
			w.replay()
		case 8:
			w.sink.lose()
		case 9:
			w.change()
		}
		synctest.Wait()
	}
	w.settle()
	w.replays.ask(monitor.Replay{})
	w.settle()
	w.check()
}
