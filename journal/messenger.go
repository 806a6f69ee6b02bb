package journal

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// ReportCourier delivers kept reports to one destination, one after the other, until it says yes. There must be one at a
// time for a queue and a destination. The exported fields may be changed between NewMessenger and Open.
type ReportCourier struct {
	// Poll is how often the queue is looked at without being told by Wake.
	Poll time.Duration
	// MinBackoff and MaxBackoff bound the wait after a delivery that failed.
	MinBackoff, MaxBackoff time.Duration
	// SlowRetry is the wait where an operator has to act first.
	SlowRetry time.Duration
	// OnDelivered, if set, is told of every report that is delivered and settled.
	OnDelivered func(r *monitor.Report)

	queue  monitor.ReportQueue
	sink   monitor.ReportSink
	dest   monitor.Destination
	logger *slog.Logger

	wake    chan struct{}
	stop    context.CancelFunc
	stopped context.Context
	running sync.WaitGroup
}

// reportsAtATime bounds how many reports are in memory: that of a run where everything changed takes some megabytes.
const reportsAtATime = 8

// NewReportCourier returns a messenger with the usual settings.
func NewReportCourier(queue monitor.ReportQueue, sink monitor.ReportSink, logger *slog.Logger) *ReportCourier {
	dest := sink.Destination()
	return &ReportCourier{
		Poll:       time.Minute,
		MinBackoff: time.Second,
		MaxBackoff: time.Minute,
		SlowRetry:  30 * time.Second,
		queue:      queue,
		sink:       sink,
		dest:       dest,
		logger:     logger.With("destination", string(dest)),
		wake:       make(chan struct{}, 1),
	}
}

// Open starts to deliver, in the background.
func (m *ReportCourier) Open() error {
	m.stopped, m.stop = context.WithCancel(context.Background())
	m.running.Go(func() {
		for {
			m.deliverAll()
			if !m.idle() {
				return
			}
		}
	})
	return nil
}

// Close stops. What is not delivered is after the next Open.
func (m *ReportCourier) Close() error {
	if m.stop != nil {
		m.stop()
		m.running.Wait()
	}
	return nil
}

// Wake tells that there is a new report. It never blocks.
func (m *ReportCourier) Wake() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// idle waits until there may be something to do; false when stopped.
func (m *ReportCourier) idle() bool {
	timer := time.NewTimer(m.Poll)
	defer timer.Stop()
	select {
	case <-m.wake:
	case <-timer.C:
	case <-m.stopped.Done():
	}
	return m.stopped.Err() == nil
}

// deliverAll delivers what there is.
func (m *ReportCourier) deliverAll() {
	for tries := 0; m.stopped.Err() == nil; {
		reports, err := m.queue.NextReports(m.stopped, m.dest, reportsAtATime)
		for _, r := range reports {
			if err = m.deliver(r); err != nil {
				break
			}
		}
		switch {
		case err == nil && len(reports) == 0:
			return
		case err == nil:
			tries = 0
			continue
		case m.stopped.Err() == nil:
			m.logger.Error("the journal failed the delivery of reports", "error", err)
		}
		if !wait(m.stopped, backoff(tries, m.MinBackoff, m.MaxBackoff, rand.Float64())) {
			return
		}
		tries++
	}
}

// deliver delivers a report and settles it. It fails when stopped, or with an error of the queue.
func (m *ReportCourier) deliver(r monitor.PendingReport) error {
	for tries := 0; ; tries++ {
		v := m.attempt(r.Report)
		log := m.logger.With("project", r.Project, "run", r.Run, "status", v.Status, "reason", v.Message)
		pause := min(v.RetryAfter, maxRetryAfter) + backoff(tries, m.MinBackoff, m.MaxBackoff, rand.Float64())
		switch v.Kind {
		case monitor.Delivered:
			return m.settle(r, m.OnDelivered)
		case monitor.Unavailable:
			log.Debug("a report waits for its destination", "again_in", pause)
		case monitor.Denied:
			pause = max(pause, m.SlowRetry)
			log.Warn("the destination does not take reports; they are kept until it does", "again_in", pause)
		default:
			log.Error("the destination refuses a report; it stays in the local file only")
			return m.settle(r, nil)
		}
		if !wait(m.stopped, pause) {
			return context.Cause(m.stopped)
		}
	}
}

// settle notes that a report is done with, even when stopped meanwhile, and tells so.
func (m *ReportCourier) settle(r monitor.PendingReport, told func(r *monitor.Report)) error {
	if err := m.queue.AckReport(context.WithoutCancel(m.stopped), m.dest, r); err != nil {
		return fmt.Errorf("settle the report on run %s: %w", r.Run, err)
	}
	if told != nil {
		told(r.Report)
	}
	return nil
}

// attempt delivers a report once. A panic of the sink is a refusal, so that it does not end the program over and over.
func (m *ReportCourier) attempt(r *monitor.Report) (v monitor.Reply) {
	defer func() {
		if p := recover(); p != nil {
			m.logger.Error("panic while delivering a report", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			v = monitor.Reply{Kind: monitor.Refused, Message: fmt.Sprintf("panic while delivering: %v", p)}
		}
	}()
	return m.sink.DeliverReport(m.stopped, r)
}
