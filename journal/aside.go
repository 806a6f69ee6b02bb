package journal

import (
	"math/rand/v2"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

const (
	// asideTries is how many records that were set aside are tried in a row, with slowRetry between two rows.
	asideTries = 20
	// mostBlamed bounds the faults that are remembered.
	mostBlamed = 16
)

// aside are the records that the destination does not take now, although it takes others: something before it takes no
// request of their size, or it fails at them. They wait in the journal, and are tried again one by one and in turns, so
// that they delay nothing else.
type aside struct {
	count  int64     // records that were set aside
	last   uint64    // number of the record that was tried last
	left   int64     // how many may still be tried in this row
	next   time.Time // when the next row begins
	blamed faults    // the faults of records that were set aside
}

// open starts with records that were set aside before. The first to be tried is a random one up to the cursor, so that
// restarts keep none from its turn.
func (a *aside) open(count int64, cursor uint64) {
	*a = aside{count: count, last: rand.Uint64N(cursor + 1)}
}

func (a *aside) add(n int) {
	if a.count == 0 {
		a.left, a.next = 0, time.Now().Add(slowRetry)
	}
	a.count += int64(n)
}

// tried notes a try. Only those in vain count, so when the destination takes a record, the next follows at once.
func (a *aside) tried(taken bool) {
	if taken {
		a.count--
	} else {
		a.left--
	}
	if a.left = min(a.left, a.count); a.left == 0 {
		a.next = time.Now().Add(slowRetry)
	}
}

// due returns a channel that is ready when a record has to be tried again, and never when there is none.
func (a *aside) due() <-chan time.Time {
	switch {
	case a.count == 0:
		return nil
	case a.left > 0:
		return time.After(0)
	default:
		return time.After(time.Until(a.next))
	}
}

// tryAside tries the next record that was set aside. Its only error is errStopped.
func (c *Courier) tryAside(to *bisector) error {
	a := &c.aside
	if a.left == 0 {
		a.left = min(asideTries, a.count)
	}
	var recs []monitor.Pending
	err := c.acking.do(c.life, func() (err error) {
		recs, err = c.journal.Aside(c.life.hard, c.dest, a.last, 1)
		if err == nil && len(recs) == 0 {
			recs, err = c.journal.Aside(c.life.hard, c.dest, 0, 1)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case len(recs) == 0: // a repaired file may lack the records
		a.count = 0
		c.status.setAside(0)
		return nil
	}
	rec := recs[0]
	b := &batch{cursor: c.acked.Load(), unpark: []uint64{rec.Seq}, aside: true, resent: rec.Delivered}
	point := &monitor.Point{Record: rec.Record}
	if rec.Measured() == nil {
		b.metadata = []*monitor.Point{point}
	} else {
		if rec.Pinned != nil { // a repaired file may lack it
			point.Origin = *rec.Pinned
		}
		b.metrics = []*monitor.Point{point}
	}
	to.retrier.blamed, a.last = a.blamed, rec.Seq
	return c.deliverBatch(to, b)
}

// faults are the words of failures that points are known to cause, the newest last.
type faults []string

func (f *faults) add(fault string) {
	if !slices.Contains(*f, fault) {
		*f = append((*f)[max(0, len(*f)-mostBlamed+1):len(*f):len(*f)], fault)
	}
}
