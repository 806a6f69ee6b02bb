package journal

import (
	"context"
	"fmt"
	"time"

	"pymon-bridge/monitor"
)

// parkedBatches is how many batches of metrics may be parked before no more are read: they are held in memory, and
// leave after a minute at the latest.
const parkedBatches = 4

const (
	// largeBatch is a batch in bytes after which there may be more to read, though it has fewer records than asked for.
	largeBatch = 1 << 20
	// parkedBytes bounds the parked metrics like parkedBatches, for large ones.
	parkedBytes = 32 << 20
)

// recheckEvery is how often parked metrics are looked at when nothing has passed by that could release them.
const recheckEvery = time.Second

// batch is what is delivered and settled together.
type batch struct {
	metadata []*monitor.Point // contexts and sessions
	metrics  []*monitor.Point // released ones first
	cursor   uint64           // everything up to here is in this batch, an earlier one, or parked
	park     []uint64
	unpark   []uint64
}

func (b *batch) empty() bool { return len(b.metadata)+len(b.metrics)+len(b.park) == 0 }

// reader prepares batches. Its fields change only when a batch is complete, so that an error leaves it as it was.
type reader struct {
	*Courier
	after  uint64            // the last number read
	parked []monitor.Pending // oldest first
	looked time.Time         // when the parked metrics were last looked at
	due    bool              // they are to be looked at in any case
}

// run reads until the courier stops: when told to do so softly, until nothing is left that was there then.
func (r *reader) run() {
	defer close(r.batches)
	for {
		last := r.soft.Err() != nil
		var b *batch
		var more bool
		err := r.retry(&r.state.read, func() (err error) {
			if b, more, err = r.prepare(r.hard); err != nil {
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
			case <-r.hard.Done():
				return
			}
		}
		if !more && (last || !r.idle()) {
			return
		}
	}
}

// prepare makes the next batch and says whether there is more to read at once. What it notes is on stable storage
// before the batch exists.
func (r *reader) prepare(ctx context.Context) (*batch, bool, error) {
	var fresh []monitor.Pending
	var err error
	if len(r.parked) < parkedBatches*r.BatchSize && size(r.parked) < parkedBytes {
		if fresh, err = r.journal.Next(ctx, r.dest, r.after, r.BatchSize); err != nil {
			return nil, false, err
		}
	}
	now := time.Now()
	p := newBatcher(ctx, r.Courier, now, r.after)
	parked, looked, more := r.parked, r.looked, len(fresh) == r.BatchSize || size(fresh) >= largeBatch
	if r.due || hasMetadata(fresh) || now.Sub(looked) >= recheckEvery {
		if parked, err = p.release(parked); err != nil {
			return nil, false, err
		}
		looked = now
		more = more || len(p.batch.unpark) == r.BatchSize
	}
	held, err := p.pack(fresh)
	if err != nil {
		return nil, false, err
	}
	if len(p.notes) > 0 {
		if err := r.journal.PinOrigins(ctx, p.notes); err != nil {
			return nil, false, err
		}
	}
	r.after, r.parked, r.looked = p.batch.cursor, append(parked, held...), looked
	r.due = more && len(p.batch.unpark) == r.BatchSize
	return &p.batch, more, nil
}

// size is about what records take in memory, in bytes.
func size(recs []monitor.Pending) (n int) {
	for i := range recs {
		n += recs[i].Size()
	}
	return n
}

func hasMetadata(recs []monitor.Pending) bool {
	for i := range recs {
		if recs[i].Metric == nil {
			return true
		}
	}
	return false
}
