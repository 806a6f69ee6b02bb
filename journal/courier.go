package journal

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// parkFor is how long a metric waits for its context and session. After an outage of the destination it waits as long
// again, since other bridges deliver late then, and after a start for a third of it.
const parkFor = time.Minute

// Courier delivers the records of a journal to one destination. There must be one courier at a time for a journal
// and a destination. The exported fields may be changed between NewCourier and Open; hooks are called by the
// courier's goroutines and delay delivery.
type Courier struct {
	BatchSize int // most records read, and most points delivered, at a time

	// OnReply is told of everything that the destination replies, to probes too.
	OnReply func(reply monitor.Reply)
	// OnDelivered is told of points that are delivered and acknowledged, and when the oldest of them arrived.
	OnDelivered func(class monitor.Class, points int, oldest time.Time)
	// OnBuried is told of dead letters that are acknowledged.
	OnBuried func(class monitor.Class, n int)

	journal  monitor.Journal
	sink     monitor.Sink
	metadata monitor.MetadataStore
	dest     monitor.Destination
	logger   *slog.Logger

	status          status
	reading, acking journalRetrier
	bell            bell
	life            lifetime
	stop, softStop  context.CancelFunc
	running         sync.WaitGroup
}

// NewCourier returns a courier with the usual settings. It asks metadata for the contexts and sessions that metrics are
// tagged from: first in the metric's own project, then in any. What metadata returns for a project must be found for ever
// after.
func NewCourier(j monitor.Journal, sink monitor.Sink, metadata monitor.MetadataStore, logger *slog.Logger) *Courier {
	dest := sink.Destination()
	logger = logger.With("destination", string(dest))
	return &Courier{
		BatchSize: 5000,
		journal:   j,
		sink:      sink,
		metadata:  metadata,
		dest:      dest,
		logger:    logger,
		status:    status{journal: j, dest: dest, logger: logger, mode: fine},
		reading:   journalRetrier{logger: logger},
		acking:    journalRetrier{logger: logger},
		bell:      newBell(),
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
	c.life.hard, c.stop = context.WithCancel(context.Background())
	c.life.soft, c.softStop = context.WithCancel(c.life.hard)
	c.status.keepWaiting(time.Now().Add(parkFor / 3))
	batches := make(chan *batch)
	r := &reader{
		journal: c.journal, dest: c.dest, metadata: c.metadata, status: &c.status, retrier: &c.reading, life: c.life,
		bell: c.bell, size: c.BatchSize, batches: batches, after: cursor, parked: parked,
	}
	c.running.Go(r.run)
	c.running.Go(func() { c.deliverAll(batches) })
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
func (c *Courier) Wake() { c.bell.ring() }

// Healthy says whether the destination took, or would take, what it was last given. It is optimistic before the
// first delivery.
func (c *Courier) Healthy() bool { return c.status.healthy() }

// Health implements [monitor.HealthChecker]. Accepting does not depend on delivery.
func (c *Courier) Health() monitor.Health {
	return c.status.health(cmp.Or(c.reading.err(), c.acking.err()))
}
