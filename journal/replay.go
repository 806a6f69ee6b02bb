package journal

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

const (
	// lookForReplays is how often the courier looks for new replays.
	lookForReplays = time.Second
	// leastReplayed is how many records of a replay are delivered at a time after many were refused.
	leastReplayed = 16
)

// replays are the deliveries that operators ask for. New records come first: one delivery of a replay is the longest that
// they wait.
type replays struct {
	queue   monitor.ReplayQueue // nil for none
	current *monitor.Replay     // nil for none
	size    int                 // most records of the next delivery
	look    time.Time           // when to look for the next one
}

// sending says that the present replay has records to deliver.
func (r *replays) sending() bool { return r.current != nil && !r.current.State.RecordsDone() }

// replayDue returns a channel that is ready when there is something to do for replays. It never is without a queue, or when the
// courier stops.
func (c *Courier) replayDue() <-chan time.Time {
	switch {
	case c.replays.queue == nil || c.life.soft.Err() != nil:
		return nil
	case c.replays.sending():
		return time.After(0)
	default:
		return time.After(time.Until(c.replays.look))
	}
}

// replaySome delivers some records of the present replay, or looks for the next replay. Its only error is errStopped.
func (c *Courier) replaySome(to *bisector) error {
	if !c.replays.sending() {
		return c.acking.do(c.life, c.findReplay)
	}
	r := c.replays.current
	if c.BeforeReplay != nil {
		c.BeforeReplay(c.life.hard, r.State.Began)
	}
	var b *batch
	var step monitor.ReplayStep
	err := c.acking.do(c.life, func() (err error) {
		b, step, err = c.prepareReplay(c.life.hard, r)
		return err
	})
	if err != nil {
		return err
	}
	to.retrier.blamed = nil
	metadata, err := to.deliver(b.metadata, nil)
	if err != nil {
		return err
	}
	metrics, err := to.deliver(b.metrics, nil)
	if err != nil {
		return err
	}
	step.Refused, step.SetAside = append(metadata.dead, metrics.dead...), append(metadata.aside, metrics.aside...)
	if err := c.ackReplay(r, b, step); err != nil {
		return err
	}
	sent := func(l monitor.DeadLetter) bool { return l.Status != 0 }
	c.replays.resize(slices.ContainsFunc(step.Refused, sent) || len(step.SetAside) > 0, c.BatchSize)
	if r.State.RecordsDone() && c.OnReplayed != nil {
		c.OnReplayed()
	}
	return nil
}

// ackReplay acknowledges what became of some records of a replay.
func (c *Courier) ackReplay(r *monitor.Replay, b *batch, step monitor.ReplayStep) error {
	origins := setAside(b, step.SetAside, &monitor.Acknowledgement{})
	refused, aside := numbersOf(step.Refused), numbersOf(step.SetAside)
	for _, p := range slices.Concat(b.metadata, b.metrics) {
		if !refused[p.Seq] && !aside[p.Seq] {
			step.Delivered = append(step.Delivered, p.Seq)
		}
	}
	for _, l := range step.Refused {
		step.Reasons = step.Reasons.Plus(line(l.Reason), 1)
	}
	ctx := context.WithoutCancel(c.life.hard)
	err := c.acking.do(c.life, func() error {
		if err := c.journal.PinOrigins(ctx, origins); err != nil {
			return fmt.Errorf("pin the origins of records that are set aside: %w", err)
		}
		if err := c.replays.queue.AckReplay(ctx, r, step); err != nil {
			return fmt.Errorf("acknowledge the records up to %d of a replay: %w", step.Position, err)
		}
		return nil
	})
	if err == nil {
		c.noteAside(b, step.SetAside)
	}
	return err
}

// resize makes the next delivery smaller after a refusal: to find each record at fault takes many requests, and new
// records wait meanwhile.
func (r *replays) resize(refused bool, most int) {
	if refused {
		r.size = max(min(leastReplayed, most), r.size/8)
	} else {
		r.size = min(most, 2*r.size)
	}
}

// findReplay finds the replay to go on with. The dead letters are counted again, since commands change them.
func (c *Courier) findReplay() error {
	ctx := c.life.hard
	if err := c.status.keepLosses(ctx); err != nil {
		return err
	}
	next, err := c.replays.queue.NextReplay(ctx, c.dest)
	if err != nil {
		return fmt.Errorf("look for replays: %w", err)
	}
	stats, err := c.journal.Stats(ctx, c.dest)
	if err != nil {
		return fmt.Errorf("count the dead letters: %w", err)
	}
	c.status.count(stats)
	last := c.replays.current
	if next != nil && (last == nil || next.ID != last.ID) {
		c.logger.Log(ctx, slog.LevelInfo, "records are delivered again", "replay", next.ID, "behind", next.State.Position,
			"up_to", next.State.UpTo)
		c.replays.size = c.BatchSize
	}
	c.replays.current, c.replays.look = next, time.Now().Add(lookForReplays)
	return nil
}

// prepareReplay reads the next records of a replay, and finds their origins. A metric without a pinned origin was delivered
// with the context and session of its project. So it has the same origin again, unless the file has lost them.
func (c *Courier) prepareReplay(ctx context.Context, r *monitor.Replay) (*batch, monitor.ReplayStep, error) {
	recs, position, err := c.replays.queue.ReplayRecords(ctx, r, c.replays.size)
	if err != nil {
		return nil, monitor.ReplayStep{}, fmt.Errorf("read the records behind %d for a replay: %w", r.State.Position, err)
	}
	p := &batcher{now: time.Now(), pins: map[uint64]monitor.Origin{}, contexts: newFinder(c.near.Context, c.far.Context),
		sessions: newFinder(c.near.Session, c.far.Session)}
	metrics, lost, err := p.points(ctx, recs)
	if err == nil && len(p.pins) > 0 {
		err = c.journal.PinOrigins(ctx, p.pins)
	}
	return &batch{metadata: p.metadata, metrics: metrics}, monitor.ReplayStep{Position: position, Incomplete: int64(len(lost))}, err
}
