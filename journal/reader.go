package journal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

const (
	// poll is how often the reader reads the journal without a Wake.
	poll = time.Second
	// lookAgain is how often the reader looks for the context and session of parked metrics when nothing has arrived that
	// could be theirs.
	lookAgain = time.Second
	// gatherFor is how long the reader waits for more records after a Wake, so that it does not deliver them one by one.
	gatherFor = 100 * time.Millisecond
	// parkedBatches and parkedBytes bound the parked metrics, which are in memory. At a bound the reader reads no more
	// records until some parked metrics are delivered.
	parkedBatches = 4
	parkedBytes   = 32 << 20
	// largeBatch is a size in bytes. After a read of this size there may be more to read, even if the read returned fewer
	// records than it was asked for.
	largeBatch = 1 << 20
)

// reader prepares batches. Its state changes only when a batch is complete, so an error leaves it unchanged.
type reader struct {
	journal  monitor.Journal
	dest     monitor.Destination
	metadata monitor.MetadataStore
	status   *status
	retrier  *journalRetrier
	life     lifetime
	bell     bell
	size     int // most records of one read
	batches  chan<- *batch

	after  uint64            // number of the last record read
	parked []monitor.Pending // oldest first
	looked time.Time         // when the reader last looked at parked; zero when it has to look again at once
}

// run prepares batches until the courier stops. After a soft stop it still prepares all records that are in the journal.
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

// idle waits until there may be new records. It returns false after a hard stop.
func (r *reader) idle() bool {
	if r.bell.rings(r.life.soft, poll) {
		wait(r.life.soft, gatherFor)
	}
	return r.life.hard.Err() == nil
}

// prepare builds the next batch. more says that there may be more to read at once. Pinned origins are on stable storage
// when prepare returns.
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
	parked, looked := r.parked, r.looked
	if now.Sub(looked) >= lookAgain || slices.ContainsFunc(fresh, isMetadata) {
		if parked, err = p.unpark(ctx, parked); err != nil {
			return nil, false, err
		}
		looked = now
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
	more = len(fresh) == r.size || bytesOf(fresh) >= largeBatch
	if len(p.batch.unpark) == r.size { // there may be more to unpark
		more, looked = true, time.Time{}
	}
	r.after, r.parked, r.looked = p.batch.cursor, append(parked, parkedNow...), looked
	return &p.batch, more, nil
}

// isMetadata says that a record is a context or a session.
func isMetadata(p monitor.Pending) bool { return p.Measured() == nil }

// bytesOf estimates the memory that records take.
func bytesOf(recs []monitor.Pending) (n int) {
	for i := range recs {
		n += recs[i].Size()
	}
	return n
}
