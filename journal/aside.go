package journal

import (
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// aside are the records that the destination does not take now, although it takes others: something before it takes no
// request of their size, or it fails at them. They are parked in the journal, and tried again one by one, so that they
// delay nothing else. After a start of the bridge they come back with the other parked records.
type aside struct {
	queue []setAside // the next to try again first
	next  time.Time  // when to try again; zero for at once

	mu   sync.Mutex
	ever map[uint64]bool // every record set aside since Open; the reader leaves them alone
}

// setAside is a record that waits for its next try.
type setAside struct {
	seq    uint64
	origin monitor.Origin // the origin of every delivery
	fault  string
}

func (a *aside) add(s setAside) {
	if len(a.queue) == 0 || a.next.IsZero() {
		a.next = time.Now().Add(slowRetry)
	}
	a.queue = append(a.queue, s)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ever == nil {
		a.ever = map[uint64]bool{}
	}
	a.ever[s.seq] = true
}

// has says whether a record was set aside since Open. Any goroutine may call it.
func (a *aside) has(seq uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ever[seq]
}

// due returns a channel that is ready when a record has to be tried again, and never when there is none.
func (a *aside) due() <-chan time.Time {
	if len(a.queue) == 0 {
		return nil
	}
	return time.After(time.Until(a.next))
}

// tryAside delivers the next record that was set aside. When the destination takes it, the one after it follows at once.
// Its only error is errStopped.
func (c *Courier) tryAside(to *bisector) error {
	s := c.aside.queue[0]
	var recs []monitor.Pending
	err := c.acking.do(c.life, func() (err error) {
		recs, err = c.journal.Next(c.life.hard, c.dest, s.seq-1, 1)
		return err
	})
	if err != nil {
		return err
	}
	c.aside.queue, c.aside.next = c.aside.queue[1:], time.Time{}
	if len(recs) == 0 || recs[0].Seq != s.seq {
		return nil // a repaired file may lack the record
	}
	b := &batch{cursor: c.acked.Load(), unpark: []uint64{s.seq}}
	point := []*monitor.Point{{Record: recs[0].Record, Origin: s.origin}}
	if recs[0].Measured() == nil {
		b.metadata = point
	} else {
		b.metrics = point
	}
	to.retrier.blamed = s.fault
	return c.deliverBatch(to, b)
}
