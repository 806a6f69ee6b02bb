package journal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// deliverAll delivers batches until there are no more or the courier stops.
func (c *Courier) deliverAll(batches <-chan *batch) {
	defer c.stop()
	b := &bisector{
		sink: c.sink, status: &c.status, size: c.BatchSize,
		retrier: &retrier{life: c.life, now: c.now, logger: c.logger, onReply: c.replied},
	}
	for next := range batches {
		if c.deliverBatch(b, next) != nil {
			return
		}
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
	dead, err := to.deliver(b.metadata)
	if err != nil {
		return err
	}
	deadMetrics, err := to.deliver(b.metrics)
	if err != nil {
		return err
	}
	a := monitor.Acknowledgement{Cursor: b.cursor, Park: b.park, Unpark: b.unpark, Bury: append(dead, deadMetrics...)}
	// A courier that is stopped meanwhile still acknowledges the delivered points. So they are not delivered again.
	ctx := context.WithoutCancel(c.life.hard)
	err = c.acking.do(c.life, func() error {
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
	c.logBuried(b, a.Bury)
	c.callHooks(b, a.Bury)
	return nil
}

// logBuried logs the first dead letters of a batch, and then how many more there are.
func (c *Courier) logBuried(b *batch, letters []monitor.DeadLetter) {
	const most = 5
	for _, l := range letters[:min(most, len(letters))] {
		project := ""
		for _, p := range slices.Concat(b.metadata, b.metrics) {
			if p.Seq == l.Seq {
				project = p.Project
			}
		}
		c.logger.Error("the destination refuses a record for good; it is a dead letter", "project", project, "class", l.Class,
			"seq", l.Seq, "status", l.Status, "reason", line(l.Reason))
	}
	if more := len(letters) - most; more > 0 {
		c.logger.Error("the destination refuses more records for good; they are dead letters", "records", more)
	}
}

// callHooks passes the result of a batch to the hooks, for each class of records.
func (c *Courier) callHooks(b *batch, letters []monitor.DeadLetter) {
	buried := make(map[uint64]bool, len(letters))
	for _, d := range letters {
		buried[d.Seq] = true
	}
	points := slices.Concat(b.metadata, b.metrics)
	for _, class := range []monitor.Class{monitor.ClassContext, monitor.ClassSession, monitor.ClassMetric, monitor.ClassOutcome} {
		var delivered, dead int
		var oldest time.Time
		for _, p := range points {
			switch {
			case p.Class() != class:
			case buried[p.Seq]:
				dead++
			default:
				if delivered++; delivered == 1 || p.Received.Before(oldest) {
					oldest = p.Received
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
