package journal

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"pymon-bridge/monitor"
)

// parkFor is how long a metric waits for its context and session before it is delivered without them. After an outage of
// the destination the wait goes on for at least parkFor, because other bridges deliver late then. After a start of the
// bridge it goes on for at least a third of parkFor.
const parkFor = time.Minute

// parkAtMost is how long a metric waits while nobody looks far away for its context or session: lookups of others take the time, or
// the destination cannot be asked.
const parkAtMost = 10 * time.Minute

// Courier delivers the records of a journal to one destination. There must be only one courier at a time for a journal
// and a destination. The exported fields may be changed between NewCourier and Open. The courier's goroutines call the
// hooks, so hooks delay delivery.
type Courier struct {
	BatchSize int // most records of one read, and most points of one delivery

	// OnReply is called with each reply to a delivery, and to each probe that tells whether a refusal is a point's fault. It is
	// not called with the replies to probes after failures (see [retrier.accepts]).
	OnReply func(reply monitor.Reply)
	// OnDelivered is called for points that are delivered and acknowledged. oldest is the first arrival of their records.
	OnDelivered func(class monitor.Class, points int, oldest time.Time)
	// OnBuried is called for n dead letters that are acknowledged.
	OnBuried func(class monitor.Class, n int)
	// Replays has the records that operators want to be delivered again; nil for none.
	Replays monitor.ReplayQueue
	// Hides counts how often near has lost something that it had; nil for never. The count rises before near loses it.
	Hides func() uint64
	// BeforeReplay is called before each delivery of a replay, with the time when the replay began.
	BeforeReplay func(ctx context.Context, began time.Time)
	// OnReplayed is called when all records of a replay are done. Its reports may follow.
	OnReplayed func()

	journal   monitor.Journal
	sink      monitor.Sink
	near, far monitor.MetadataStore
	dest      monitor.Destination
	logger    *slog.Logger

	status          status
	acked           atomic.Uint64 // the cursor
	aside           aside
	replays         replays
	reading, acking journalRetrier
	bell, now       bell
	life            lifetime
	stop, softStop  context.CancelFunc
	running         sync.WaitGroup
}

// NewCourier returns a courier with the default settings. It asks near for the context and session of a metric: first in
// the metric's project, then in any project. near must answer at once. What near lacks, the courier looks for in far, which
// may be slow, and the metric waits meanwhile. A value that near once had of a project must be found there until Hides rises.
func NewCourier(j monitor.Journal, sink monitor.Sink, near, far monitor.MetadataStore, logger *slog.Logger) *Courier {
	dest := sink.Destination()
	logger = logger.With("destination", string(dest))
	return &Courier{
		BatchSize: 5000,
		journal:   j,
		sink:      sink,
		near:      near,
		far:       far,
		dest:      dest,
		logger:    logger,
		status:    status{journal: j, dest: dest, logger: logger, mode: fine},
		reading:   journalRetrier{logger: logger},
		acking:    journalRetrier{logger: logger},
		bell:      newBell(),
		now:       newBell(),
	}
}

// Open reads the cursor, and delivers from there in the background.
func (c *Courier) Open(ctx context.Context) error {
	cursor, err := c.journal.Cursor(ctx, c.dest)
	if err != nil {
		return fmt.Errorf("read the cursor of %s: %w", c.dest, err)
	}
	stats, err := c.journal.Stats(ctx, c.dest)
	if err != nil {
		return fmt.Errorf("count the records of %s: %w", c.dest, err)
	}
	c.status.count(stats)
	c.replays = replays{queue: c.Replays, size: c.BatchSize, look: time.Now()}
	c.aside.open(stats.Aside, cursor)
	c.status.setAside(stats.Aside)
	c.acked.Store(cursor)
	c.life.hard, c.stop = context.WithCancel(context.Background())
	c.life.soft, c.softStop = context.WithCancel(c.life.hard)
	c.status.keepWaiting(time.Now().Add(parkFor / 3))
	batches := make(chan *batch)
	r := &reader{
		journal: c.journal, sink: c.sink, dest: c.dest, near: c.near, far: c.far, status: &c.status, retrier: &c.reading, life: c.life,
		bell: c.bell, size: c.BatchSize, batches: batches, acked: &c.acked, after: cursor, stored: stored{0, cursor}, hides: c.Hides, known: newOrigins(),
	}
	c.running.Go(r.run)
	c.running.Go(func() { c.deliverAll(batches) })
	return nil
}

// Close stops the courier. While the destination accepts deliveries, Close first delivers all records that were appended
// before the call, until ctx ends. Otherwise it stops at once. Nothing is lost: the next Open continues.
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

// Wake tells the courier that the journal has new records. It never blocks.
func (c *Courier) Wake() { c.bell.ring() }

// RetryNow ends the present wait for the destination, or the next one, at once, or has each record that was set aside tried
// once. It never blocks.
func (c *Courier) RetryNow() { c.now.ring() }

// Recreated tells the courier that a part of the destination was missing and was created, with the classes of records that
// go there. When the journal has such records that had been delivered before, they are gone from the destination. The log and Health
// say so, Health until a replay has sent them all again.
func (c *Courier) Recreated(part string, had []monitor.Class) {
	ctx := context.Background() // the loss is noted also while the courier stops
	if err := c.status.recreated(ctx, part, had); err != nil {
		c.logger.Error("the journal failed; the courier tries again", "error", err)
	}
}

// Healthy says whether the destination accepts deliveries; refusals of single points do not count. A destination that is
// silent for five seconds accepts none. Healthy is true before the first request.
func (c *Courier) Healthy() bool { return c.status.healthy() }

// Health implements [monitor.HealthChecker]. It is not required: the bridge accepts records without delivery.
func (c *Courier) Health() monitor.Health {
	return c.status.health(cmp.Or(c.reading.err(), c.acking.err()))
}
