package journal

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

const (
	// reportPoll is how often the courier reads the queue without a Wake.
	reportPoll = time.Minute
	// reportsAtATime bounds the reports in memory. A report on a run where everything changed takes some megabytes.
	reportsAtATime = 8
)

// ReportCourier delivers kept reports to one destination, one after the other. It repeats each report until the
// destination accepts or refuses it. There must be only one report courier at a time for a queue and a destination.
type ReportCourier struct {
	// OnDelivered, if set before Open, is called for each report that is delivered and acknowledged.
	OnDelivered func(r *monitor.Report)
	// Replays has the reports that operators want to be delivered again; nil for none.
	Replays monitor.ReplayQueue

	queue   monitor.ReportQueue
	sink    monitor.ReportSink
	dest    monitor.Destination
	logger  *slog.Logger
	journal journalRetrier
	bell    bell
	now     bell
	life    lifetime
	stop    context.CancelFunc
	running sync.WaitGroup
}

// NewReportCourier returns a report courier from queue to sink.
func NewReportCourier(queue monitor.ReportQueue, sink monitor.ReportSink, logger *slog.Logger) *ReportCourier {
	dest := sink.Destination()
	logger = logger.With("destination", string(dest))
	return &ReportCourier{queue: queue, sink: sink, dest: dest, logger: logger, bell: newBell(), now: newBell(),
		journal: journalRetrier{logger: logger}}
}

// Open starts to deliver, in the background.
func (c *ReportCourier) Open() error {
	c.life.hard, c.stop = context.WithCancel(context.Background())
	c.life.soft = c.life.hard
	c.running.Go(func() {
		for c.deliverSome() == nil {
		}
	})
	return nil
}

// Close stops at once. The next Open delivers the other reports.
func (c *ReportCourier) Close() error {
	if c.stop != nil {
		c.stop()
		c.running.Wait()
	}
	return nil
}

// Wake tells the courier that the queue has a new report. It never blocks.
func (c *ReportCourier) Wake() { c.bell.ring() }

// RetryNow ends the present wait for the destination, or the next one, at once. It never blocks.
func (c *ReportCourier) RetryNow() { c.now.ring() }

// deliverSome delivers the next reports, or waits when there are none. Its only error is errStopped.
func (c *ReportCourier) deliverSome() error {
	var reports []monitor.PendingReport
	err := c.journal.do(c.life, func() (err error) {
		reports, err = c.queue.NextReports(c.life.hard, c.dest, reportsAtATime)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range reports {
		if err := c.deliver(r); err != nil {
			return err
		}
	}
	again := false
	if len(reports) == 0 && c.Replays != nil {
		if again, err = c.replaySome(); err != nil {
			return err
		}
	}
	if len(reports) == 0 && !again {
		c.bell.rings(c.life.soft, reportPoll)
	}
	if c.life.hard.Err() != nil {
		return errStopped
	}
	return nil
}

// deliver delivers a report and acknowledges it, also when the courier is stopped meanwhile. A refused report is
// acknowledged too.
func (c *ReportCourier) deliver(r monitor.PendingReport) error {
	reply, err := c.send(c.retrier(r.Report), r.Report)
	if err != nil {
		return err
	}
	if reply.Kind != monitor.Delivered {
		c.logger.Error("the destination refuses a report; the report stays in the local file only",
			"project", r.Project, "run", r.Run, "status", reply.Status, "reason", reply.Message)
	}
	ctx := context.WithoutCancel(c.life.hard)
	err = c.journal.do(c.life, func() error {
		if err := c.queue.AckReport(ctx, c.dest, r); err != nil {
			return fmt.Errorf("acknowledge the report on run %s: %w", r.Run, err)
		}
		return nil
	})
	if err == nil && reply.Kind == monitor.Delivered && c.OnDelivered != nil {
		c.OnDelivered(r.Report)
	}
	return err
}

func (c *ReportCourier) retrier(r *monitor.Report) *retrier {
	onReply := func(_ context.Context, reply monitor.Reply, pause time.Duration) { c.replied(r, reply, pause) }
	return &retrier{life: c.life, now: c.now, logger: c.logger, onReply: onReply}
}

// send delivers a report. A refusal counts like that of a point ([round.confirm]): after three in the same words, and after
// different numbers of accepted probes between them. A refusal without a status comes from the sink itself.
func (c *ReportCourier) send(retry *retrier, r *monitor.Report) (monitor.Reply, error) {
	var counts []int
	var last monitor.Reply
	for refusals, restarts := 0, 0; ; {
		reply, err := retry.ask(func(ctx context.Context) monitor.Reply { return c.sink.DeliverReport(ctx, r) })
		if err != nil || reply.Kind == monitor.Delivered || reply.Status == 0 {
			return reply, err
		}
		if refusals > 0 && fault(reply) != fault(last) {
			refusals = 0
		}
		if refusals++; refusals == 3 {
			return reply, nil
		}
		if last = reply; refusals == 1 {
			counts = rand.Perm(mostProbes)[:2]
			if restarts++; restarts > 1 && !retry.wait(backoff(restarts)) {
				return reply, errStopped
			}
		}
		for range 1 + counts[refusals-1] {
			probe, err := retry.ask(func(ctx context.Context) monitor.Reply { return c.sink.Probe(ctx, monitor.ClassMetric) })
			if err != nil {
				return reply, err
			}
			if probe.Kind != monitor.Delivered { // it is not the report's fault, so an operator has to act
				refusals = 0
				pause := slowPause(probe)
				c.logger.Warn("the destination refuses harmless points too; reports are kept until its operator acts",
					"status", probe.Status, "reason", probe.Message, "retry_in", pause)
				if !retry.wait(pause) {
					return reply, errStopped
				}
				break
			}
		}
	}
}

// replied logs why a report is not delivered.
func (c *ReportCourier) replied(r *monitor.Report, reply monitor.Reply, pause time.Duration) {
	log := c.logger.With("project", r.Project, "run", r.Run, "status", reply.Status, "reason", reply.Message)
	switch reply.Kind {
	case monitor.Delivered:
	case monitor.Unavailable, monitor.Failed:
		log.Debug("a report waits for its destination", "retry_in", pause)
	case monitor.Denied:
		log.Warn("the destination denies access; reports are kept until its operator acts", "retry_in", pause)
	default:
		log.Debug("the destination refuses a report or a probe")
	}
}
