package journal

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// deliverAll delivers batches until there are no more or the courier stops.
func (c *Courier) deliverAll(batches <-chan *batch) {
	defer c.stop()
	b := &bisector{
		sink: c.sink, status: &c.status, size: c.BatchSize,
		retrier: &retrier{life: c.life, now: c.now, asking: c.status.asking, logger: c.logger, onReply: c.replied},
	}
	for {
		work := c.nextWork(b, batches)
		if work == nil || work() != nil {
			return
		}
	}
}

// nextWork waits for something to do, and returns nil when there are no more batches. A batch that is ready comes before
// the next delivery of a replay.
func (c *Courier) nextWork(b *bisector, batches <-chan *batch) func() error {
	deliver := func(next *batch, more bool) func() error {
		if !more {
			return nil
		}
		return func() error { b.retrier.blamed = nil; return c.deliverBatch(b, next) }
	}
	if c.replays.sending() {
		select {
		case next, more := <-batches:
			return deliver(next, more)
		default:
		}
	}
	var now bell
	if c.aside.count > 0 {
		now = c.now
	}
	select {
	case next, more := <-batches:
		return deliver(next, more)
	case <-c.aside.due():
		return func() error { return c.tryAside(b) }
	case <-now:
		c.aside.left = c.aside.count
		return func() error { return c.tryAside(b) }
	case <-c.replayDue():
		return func() error { return c.replaySome(b) }
	}
}

func (c *Courier) replied(ctx context.Context, reply monitor.Reply, pause time.Duration) {
	if c.OnReply != nil {
		c.OnReply(reply)
	}
	c.status.replied(ctx, reply, pause)
}

// deliverBatch delivers contexts and sessions, then metrics and outcomes, and acknowledges both. Its only error is
// errStopped. The batch is then not acknowledged. Delivering it again changes nothing at the destination.
func (c *Courier) deliverBatch(to *bisector, b *batch) error {
	metadata, err := to.deliver(b.metadata, b.readyMetadata)
	if err != nil {
		return err
	}
	metrics, err := to.deliver(b.metrics, b.readyMetrics)
	if err != nil {
		return err
	}
	dead, kept := append(metadata.dead, metrics.dead...), append(metadata.aside, metrics.aside...)
	a := monitor.Acknowledgement{Cursor: b.cursor, Park: b.park, Unpark: b.unpark, Bury: dead}
	if b.resent { // the destination had the record, so it is no dead letter
		c.log(b, slog.LevelError, "the destination refuses a record now that it had before", dead)
		a.Bury = nil
	}
	origins := setAside(b, kept, &a)
	// A courier that is stopped meanwhile still acknowledges the delivered points. So they are not delivered again.
	ctx := context.WithoutCancel(c.life.hard)
	err = c.acking.do(c.life, func() error {
		if err := c.journal.PinOrigins(ctx, origins); err != nil {
			return fmt.Errorf("pin the origins of records that are set aside: %w", err)
		}
		if err := c.journal.Ack(ctx, c.dest, a); err != nil {
			return fmt.Errorf("acknowledge the records up to %d: %w", b.cursor, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.acked.Store(b.cursor)
	c.status.buried(int64(len(a.Bury)))
	c.noteAside(b, kept)
	c.log(b, slog.LevelError, "the destination refuses a record for good; it is a dead letter", a.Bury)
	if !b.resent {
		c.callHooks(b, a.Bury, kept)
	}
	return nil
}

// setAside sets records of a batch aside in an acknowledgement. It returns their origins, to be pinned for every delivery.
func setAside(b *batch, records []monitor.DeadLetter, a *monitor.Acknowledgement) (origins map[uint64]monitor.Origin) {
	aside := numbersOf(records)
	a.SetAside = slices.Collect(maps.Keys(aside))
	a.Unpark = slices.DeleteFunc(slices.Clone(a.Unpark), func(seq uint64) bool { return aside[seq] })
	origins = map[uint64]monitor.Origin{}
	for _, p := range b.metrics {
		if aside[p.Seq] {
			origins[p.Seq] = p.Origin
		}
	}
	return origins
}

// noteAside notes which records of an acknowledged batch are set aside.
func (c *Courier) noteAside(b *batch, records []monitor.DeadLetter) {
	for _, l := range records {
		c.aside.blamed.add(fault(monitor.Reply{Message: l.Reason}))
	}
	if b.aside {
		c.aside.tried(len(records) == 0)
	} else {
		c.aside.add(len(records))
		c.log(b, slog.LevelWarn, "the destination does not take a record now; it is set aside and tried again", records)
	}
	c.status.setAside(c.aside.count)
}

// log logs the first of the records of a batch that were not delivered, and then how many more there are.
func (c *Courier) log(b *batch, level slog.Level, message string, records []monitor.DeadLetter) {
	const most = 5
	ctx := context.Background()
	for _, l := range records[:min(most, len(records))] {
		project := ""
		for _, p := range slices.Concat(b.metadata, b.metrics) {
			if p.Seq == l.Seq {
				project = p.Project
			}
		}
		c.logger.Log(ctx, level, message, "project", project, "class", l.Class, "seq", l.Seq, "status", l.Status, "reason", line(l.Reason))
	}
	if more := len(records) - most; more > 0 {
		c.logger.Log(ctx, level, message+"; so are more of this batch", "records", more)
	}
}

// callHooks passes the result of a batch to the hooks, for each class of records.
func (c *Courier) callHooks(b *batch, letters, kept []monitor.DeadLetter) {
	buried, aside := numbersOf(letters), numbersOf(kept)
	points := slices.Concat(b.metadata, b.metrics)
	for _, class := range []monitor.Class{monitor.ClassContext, monitor.ClassSession, monitor.ClassMetric, monitor.ClassOutcome} {
		var delivered, dead int
		var oldest time.Time
		for _, p := range points {
			switch {
			case p.Class() != class, aside[p.Seq]:
			case buried[p.Seq]:
				dead++
			default:
				if delivered++; delivered == 1 || p.Arrived().Before(oldest) {
					oldest = p.Arrived()
				}
			}
		}
		if delivered > 0 && c.OnDelivered != nil {
			c.OnDelivered(class, delivered, oldest)
		}
		if dead > 0 && c.OnBuried != nil {
			c.OnBuried(class, dead)
		}
	}
}

// numbersOf returns the sequence numbers of records.
func numbersOf(letters []monitor.DeadLetter) map[uint64]bool {
	seqs := make(map[uint64]bool, len(letters))
	for _, l := range letters {
		seqs[l.Seq] = true
	}
	return seqs
}
