package journal

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"pymon-bridge/monitor"
)

// deliver takes batches as they come, until there are no more or the courier stops.
func (c *Courier) deliver() {
	defer c.stop()
	for b := range c.batches {
		if c.deliverBatch(b) != nil {
			return
		}
	}
}

// deliverBatch delivers contexts and sessions, then metrics, and settles both. Its only error is errStopped: the
// batch then is as if never begun, and delivering it again changes nothing.
func (c *Courier) deliverBatch(b *batch) error {
	dead, err := c.send(b.metadata)
	if err != nil {
		return err
	}
	deadMetrics, err := c.send(b.metrics)
	if err != nil {
		return err
	}
	s := monitor.Acknowledgement{Cursor: b.cursor, Park: b.park, Unpark: b.unpark, Bury: append(dead, deadMetrics...)}
	// What was delivered is settled even by a courier that is stopped, to save it from being delivered again.
	ctx := context.WithoutCancel(c.hard)
	err = c.retry(&c.state.settle, func() error {
		if err := c.journal.Ack(ctx, c.dest, s); err != nil {
			return fmt.Errorf("settle up to record %d: %w", b.cursor, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.report(b, s.Bury)
	return nil
}

// report tells the hooks what became of a batch that is settled.
func (c *Courier) report(b *batch, bury []monitor.DeadLetter) {
	type tally struct {
		delivered, buried int
		oldest            time.Time
	}
	buried := make(map[uint64]bool, len(bury))
	for _, d := range bury {
		buried[d.Seq] = true
	}
	tallies := map[monitor.Class]*tally{
		monitor.ClassContext: {}, monitor.ClassSession: {}, monitor.ClassMetric: {},
	}
	for _, points := range [][]*monitor.Point{b.metadata, b.metrics} {
		for _, p := range points {
			t := tallies[p.Class()]
			switch {
			case buried[p.Seq]:
				t.buried++
				continue
			case t.delivered == 0 || p.Received.Before(t.oldest):
				t.oldest = p.Received
			}
			t.delivered++
		}
	}
	for _, class := range []monitor.Class{monitor.ClassContext, monitor.ClassSession, monitor.ClassMetric} {
		t := tallies[class]
		if t.delivered > 0 && c.OnDelivered != nil {
			c.OnDelivered(class, t.delivered, t.oldest)
		}
		if t.buried > 0 && c.OnBuried != nil {
			c.OnBuried(class, t.buried)
		}
	}
}

// attempt delivers points until the destination says something about the points themselves: Delivered, Refused or
// TooLarge. Until then it waits and tries again, for ever.
func (c *Courier) attempt(points []*monitor.Point) (monitor.Reply, error) {
	class := points[0].Class()
	return c.insist(class, func() monitor.Reply {
		start := time.Now()
		v := c.guard(func() monitor.Reply { return c.sink.Deliver(c.hard, points) })
		if c.OnVerdict != nil {
			c.OnVerdict(class, v, len(points), time.Since(start))
		}
		return v
	})
}

// probe asks whether the destination takes anything at all.
func (c *Courier) probe(class monitor.Class) (monitor.Reply, error) {
	return c.insist(class, func() monitor.Reply {
		return c.guard(func() monitor.Reply { return c.sink.Probe(c.hard, class) })
	})
}

// insist repeats ask while the answer is Unavailable or Denied.
func (c *Courier) insist(class monitor.Class, ask func() monitor.Reply) (monitor.Reply, error) {
	for tries := 0; ; tries++ {
		v := ask()
		if v.Kind != monitor.Delivered && c.hard.Err() != nil {
			return v, errStopped // the words are about being cut off
		}
		var pause time.Duration
		switch v.Kind {
		case monitor.Unavailable:
			pause = c.retryIn(tries, v.RetryAfter)
			c.trouble(unavailable, class, v, pause)
		case monitor.Denied:
			pause = c.slowRetry(v.RetryAfter)
			c.trouble(denied, class, v, pause)
		default:
			c.answered(v)
			return v, nil
		}
		if !wait(c.soft, pause) {
			return v, errStopped
		}
	}
}

// guard makes a panic of the sink a refusal: halving then finds the point that causes it, and that alone is
// buried, instead of ending the program again and again.
func (c *Courier) guard(ask func() monitor.Reply) (v monitor.Reply) {
	defer func() {
		if p := recover(); p != nil {
			c.logger.Error("panic while delivering", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			v = monitor.Reply{Kind: monitor.Refused, Message: fmt.Sprintf("panic while delivering: %v", p)}
		}
	}()
	return ask()
}
