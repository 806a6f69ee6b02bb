package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// Courier delivers the records of a journal to one destination. There must be one courier at a time for a journal
// and a destination. The exported fields may be changed between NewCourier and Open; hooks are called by the
// courier's goroutines and delay delivery.
type Courier struct {
	BatchSize int // most records read, and most points delivered, at a time
	// Poll is how often the journal is looked at without being told by Wake.
	Poll time.Duration
	// Gather is how long after Wake more records may join, so that points are not delivered one by one.
	Gather time.Duration
	// ParkFor is how long a metric waits for its context and session. After an outage of the destination it waits as
	// long again, since other bridges deliver late then, and after a start for a third of it.
	ParkFor time.Duration
	// AnyProject lets a metric have the context or session of another project where its own has none.
	AnyProject bool
	// MinBackoff and MaxBackoff bound the wait after a delivery that failed.
	MinBackoff, MaxBackoff time.Duration
	// SlowRetry is the wait where an operator has to act first.
	SlowRetry time.Duration

	// OnVerdict is told what the destination said to a delivery, by the class of its first point: contexts and
	// sessions are delivered together.
	OnVerdict func(class monitor.Class, v monitor.Reply, points int, took time.Duration)
	// OnDelivered is told of points that are delivered and settled, and when the oldest of them arrived.
	OnDelivered func(class monitor.Class, points int, oldest time.Time)
	// OnBuried is told of dead letters that are settled.
	OnBuried func(class monitor.Class, n int)
	// OnAlarm is told when an operator has to act: access is denied, or everything is refused.
	OnAlarm func(class monitor.Class, v monitor.Reply)

	journal  monitor.Journal
	sink     monitor.Sink
	metadata monitor.MetadataStore
	dest     monitor.Destination
	logger   *slog.Logger

	state   state
	wake    chan struct{}
	batches chan *batch

	// A soft stop ends waiting, a hard stop ends everything; the first is a child of the second.
	hard, soft     context.Context
	stop, softStop context.CancelFunc
	running        sync.WaitGroup
}

// errStopped says that the courier was told to stop.
var errStopped = errors.New("the courier is stopping")

// NewCourier returns a courier with the usual settings. metadata finds the contexts and sessions that metrics are
// tagged from: what it returns for a project must be found for ever after.
func NewCourier(j monitor.Journal, sink monitor.Sink, metadata monitor.MetadataStore, logger *slog.Logger) *Courier {
	dest := sink.Destination()
	return &Courier{
		BatchSize:  5000,
		Poll:       time.Second,
		Gather:     100 * time.Millisecond,
		ParkFor:    time.Minute,
		MinBackoff: 500 * time.Millisecond,
		MaxBackoff: time.Minute,
		SlowRetry:  30 * time.Second,
		journal:    j,
		sink:       sink,
		metadata:   metadata,
		dest:       dest,
		logger:     logger.With("destination", string(dest)),
		wake:       make(chan struct{}, 1),
	}
}

// Open reads where delivery stopped and goes on from there, in the background.
func (c *Courier) Open(ctx context.Context) error {
	cursor, err := c.journal.Cursor(ctx, c.dest)
	if err != nil {
		return fmt.Errorf("read the cursor of %s: %w", c.dest, err)
	}
	parked, err := c.journal.Parked(ctx, c.dest)
	if err != nil {
		return fmt.Errorf("read the parked records of %s: %w", c.dest, err)
	}
	c.hard, c.stop = context.WithCancel(context.Background())
	c.soft, c.softStop = context.WithCancel(c.hard)
	c.batches = make(chan *batch)
	c.state.wait(time.Now().Add(c.ParkFor / 3))
	r := &reader{Courier: c, after: cursor, parked: parked, due: true}
	c.running.Go(r.run)
	c.running.Go(c.deliver)
	return nil
}

// Close stops. While the destination takes what it is given, Close first delivers all that was appended before it
// was called, until ctx ends; otherwise it stops at once. Nothing is lost either way: the rest is delivered after
// the next Open.
func (c *Courier) Close(ctx context.Context) error {
	if c.stop == nil {
		return nil
	}
	c.softStop()
	if !c.Healthy() {
		c.stop()
	}
	defer context.AfterFunc(ctx, c.stop)()
	c.running.Wait()
	c.stop()
	return nil
}

// Wake tells that there is something new to deliver. It never blocks.
func (c *Courier) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// idle waits until there may be something to do; false when the courier is stopped hard.
func (c *Courier) idle() bool {
	timer := time.NewTimer(c.Poll)
	defer timer.Stop()
	select {
	case <-c.wake:
		wait(c.soft, c.Gather)
	case <-timer.C:
	case <-c.soft.Done():
	}
	return c.hard.Err() == nil
}

// retry calls f until the journal does it, waiting longer from time to time, and notes its errors in failure;
// errStopped when told to stop. The first try is made even then.
func (c *Courier) retry(failure *error, f func() error) error {
	for tries := 0; ; tries++ {
		err := f()
		if err == nil {
			c.state.journal(failure, nil)
			return nil
		}
		if c.hard.Err() != nil {
			return errStopped
		}
		c.state.journal(failure, err)
		c.logger.Error("the journal failed the courier", "error", err)
		var after time.Duration
		if e, ok := errors.AsType[*monitor.Error](err); ok {
			after = e.RetryAfter
		}
		if !wait(c.soft, min(after, c.MaxBackoff)+backoff(tries, c.MinBackoff, c.MaxBackoff, rand.Float64())) {
			return errStopped
		}
	}
}
