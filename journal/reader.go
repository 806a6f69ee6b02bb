package journal

import (
	"context"
	"fmt"
	"time"

	"pymon-bridge/monitor"
)

const (
	// poll is how often the journal is looked at without being told by Wake.
	poll = time.Second
	// gatherFor is how long after Wake more records may join, so that points are not delivered one by one.
	gatherFor = 100 * time.Millisecond
	// parkedBatches and parkedBytes bound the parked metrics, which are in memory. Beyond them no more records are read
	// until some metrics have waited for long enough.
	parkedBatches = 4
	parkedBytes   = 32 << 20
	// largeBatch is a batch in bytes after which there may be more to read, though it has fewer records than asked for.
	largeBatch = 1 << 20
)

// reader prepares batches. Its state changes only when a batch is complete, so that an error leaves it as it was.
type reader struct {
	journal  monitor.Journal
	dest     monitor.Destination
	metadata monitor.MetadataStore
	status   *status
	retrier  *journalRetrier
	life     lifetime
	bell     bell
	size     int // most records read at a time
	batches  chan<- *batch

	after  uint64            // the last number read
	parked []monitor.Pending // oldest first
}

// run reads until the courier stops: after a soft stop, until nothing is left that was there then.
func (r *reader) run() {
	defer close(r.batches)
	for {
		last := r.life.soft.Err() != nil
		var b *batch
		var more bool
		err := r.retrier.do(r.life, func() (err error) {
			if b, more, err = r.prepare(r.life.hard); err != nil {
				return fmt.Errorf("prepare the records after %d: %w", r.after, err)
			}
			return nil
		})
		if err != nil {
			return
		}
		if !b.empty() {
			select {
			case r.batches <- b:
			case <-r.life.hard.Done():
				return
			}
		}
		if !more && (last || !r.idle()) {
			return
		}
	}
}

// idle waits until there may be something to do; false after a hard stop.
func (r *reader) idle() bool {
	if r.bell.rings(r.life.soft, poll) {
		wait(r.life.soft, gatherFor)
	}
	return r.life.hard.Err() == nil
}

// prepare makes the next batch and says whether there is more to read at once. What it pins is on stable storage
// before the batch exists.
func (r *reader) prepare(ctx context.Context) (b *batch, more bool, err error) {
	var fresh []monitor.Pending
	if len(r.parked) < parkedBatches*r.size && bytesOf(r.parked) < parkedBytes {
		if fresh, err = r.journal.Next(ctx, r.dest, r.after, r.size); err != nil {
			return nil, false, err
		}
	}
	now := time.Now()
	p := &batcher{
		size: r.size, givesUp: r.status.givesUp(now), now: now,
		contexts: newFinder(r.metadata.Context), sessions: newFinder(r.metadata.Session),
		batch: batch{cursor: r.after}, pins: map[uint64]monitor.Origin{},
	}
	parked, err := p.unpark(ctx, r.parked)
	if err != nil {
		return nil, false, err
	}
	parkedNow, err := p.add(ctx, fresh)
	if err != nil {
		return nil, false, err
	}
	if len(p.pins) > 0 {
		if err := r.journal.PinOrigins(ctx, p.pins); err != nil {
			return nil, false, err
		}
	}
	r.after, r.parked = p.batch.cursor, append(parked, parkedNow...)
	return &p.batch, len(p.batch.unpark) == r.size || len(fresh) == r.size || bytesOf(fresh) >= largeBatch, nil
}

// bytesOf is about what records take in memory.
func bytesOf(recs []monitor.Pending) (n int) {
	for i := range recs {
		n += recs[i].Size()
	}
	return n
}
