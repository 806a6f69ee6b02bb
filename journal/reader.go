package journal

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"pymon-bridge/monitor"
)

const (
	// poll is how often the reader reads the journal without a Wake.
	poll = time.Second
	// lookAgain is how often the reader looks far away for the contexts and sessions of parked metrics.
	lookAgain = time.Second
	// searchFor bounds the time that lookups far away take from one batch. What was not looked up in time is parked and
	// looked up later, so that it delays nothing else.
	searchFor = 100 * time.Millisecond
	// gatherFor is how long the reader waits for more records after a Wake, so that it does not deliver them one by one.
	gatherFor = 100 * time.Millisecond
	// parkedBatches and parkedBytes bound the parked metrics in memory. The others wait in the journal until some in
	// memory are delivered.
	parkedBatches = 4
	parkedBytes   = 32 << 20
	// largeBatch is a size in bytes. After a read of this size there may be more to read, even if the read returned fewer
	// records than it was asked for.
	largeBatch = 1 << 20
)

// reader prepares batches. Its state changes only when a batch is complete, so an error leaves it unchanged.
type reader struct {
	journal   monitor.Journal
	sink      monitor.Sink
	dest      monitor.Destination
	near, far monitor.MetadataStore
	status    *status
	retrier   *journalRetrier
	life      lifetime
	bell      bell
	size      int // most records of one read
	batches   chan<- *batch
	acked     *atomic.Uint64 // the cursor

	hides  func() uint64 // [Courier.Hides]
	known  *origins
	after  uint64    // number of the last record read
	parked []waiting // oldest first
	stored stored
	looked time.Time // when the reader last looked far away for what parked metrics lack
}

// stored is a range of the sequence: parked metrics above after and up to upTo are in the journal only. All parked
// metrics in memory are below the range or above it.
type stored struct{ after, upTo uint64 }

func (s stored) any() bool { return s.after < s.upTo }

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
			b.readyMetadata = readyToGo(r.sink, b.metadata, r.size)
			b.readyMetrics = readyToGo(r.sink, b.metrics, r.size)
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
	fresh, err := r.journal.Next(ctx, r.dest, r.after, r.size)
	if err != nil {
		return nil, false, err
	}
	loaded, rest, err := r.load(ctx)
	if err != nil {
		return nil, false, err
	}
	if r.hides != nil {
		r.known.forget(r.hides())
	}
	now := time.Now()
	p := &batcher{
		givesUp: r.status.givesUp(now), now: now, pins: map[uint64]monitor.Origin{},
		contexts: newFinder(r.near.Context, r.far.Context), sessions: newFinder(r.near.Session, r.far.Session), known: r.known,
	}
	unparked, wait, err := p.points(ctx, loaded)
	if err != nil {
		return nil, false, err
	}
	metrics, newWait, err := p.points(ctx, fresh)
	if err != nil {
		return nil, false, err
	}
	parked, looked, search := slices.Concat(r.parked, wait), r.looked, newWait
	if now.Sub(looked) >= lookAgain {
		search, looked = slices.Concat(parked, newWait), now
	}
	if err := p.search(ctx, search); err != nil {
		return nil, false, err
	}
	also, parked, err := p.again(ctx, parked, r.size)
	if err != nil {
		return nil, false, err
	}
	found, newWait, err := p.again(ctx, newWait, len(newWait))
	if err != nil {
		return nil, false, err
	}
	if len(p.pins) > 0 {
		if err := r.journal.PinOrigins(ctx, p.pins); err != nil {
			return nil, false, err
		}
	}
	unparked = append(unparked, also...)
	b = &batch{metadata: p.metadata, metrics: slices.Concat(unparked, metrics, found), cursor: r.after,
		unpark: numbers(unparked)}
	if len(fresh) > 0 {
		b.cursor = fresh[len(fresh)-1].Seq
	}
	r.after, r.stored, r.looked = b.cursor, rest, looked
	r.park(b, parked, newWait, now)
	return b, full(fresh, r.size) || len(also) == r.size || len(loaded) > 0, nil
}

// load reads parked metrics from the journal, as many as there is room for. rest are those that it did not read.
func (r *reader) load(ctx context.Context) (loaded []monitor.Pending, rest stored, err error) {
	rest = r.stored
	if !rest.any() || r.room() == 0 {
		return nil, rest, nil
	}
	acked, most := r.acked.Load(), min(r.room(), r.size)
	if loaded, err = r.journal.Parked(ctx, r.dest, rest.after, most); err != nil {
		return nil, rest, err
	}
	if len(loaded) > 0 {
		rest.after = loaded[len(loaded)-1].Seq
	}
	if !full(loaded, most) { // above the cursor there may be metrics of a batch that is not acknowledged yet
		rest.after = max(rest.after, acked)
	}
	return loaded, rest, nil
}

// room returns how many parked metrics memory has room for.
func (r *reader) room() int {
	if bytesOf(r.parked) >= parkedBytes {
		return 0
	}
	return max(parkedBatches*r.size-len(r.parked), 0)
}

// park parks metrics from now on. still are those that were parked before.
func (r *reader) park(b *batch, still, from []waiting, now time.Time) {
	r.parked = still
	room := r.room()
	for _, w := range from {
		w.Since = now
		b.park = append(b.park, w.Seq)
		switch {
		case r.stored.any():
			r.stored.upTo = w.Seq
		case room <= 0:
			r.stored = stored{w.Seq - 1, w.Seq}
		default:
			r.parked = append(r.parked, w)
			room--
		}
	}
}

// numbers returns the sequence numbers of points.
func numbers(points []*monitor.Point) (seqs []uint64) {
	for _, p := range points {
		seqs = append(seqs, p.Seq)
	}
	return seqs
}

// full says that there may be more records than those that were read, of at most max.
func full(recs []monitor.Pending, max int) bool {
	bytes := 0
	for _, rec := range recs {
		bytes += rec.Size()
	}
	return len(recs) == max || bytes >= largeBatch
}

// bytesOf estimates the memory that parked metrics take.
func bytesOf(parked []waiting) (n int) {
	for _, w := range parked {
		n += w.Size()
	}
	return n
}
