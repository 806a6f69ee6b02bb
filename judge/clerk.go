package judge

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// Worker has runs judged that have ended, one after the other, and keeps the reports. It is safe for concurrent use.
type Worker struct {
	// CatchUp is how far back it looks, when opened, for runs that ended while there was no clerk.
	CatchUp time.Duration
	// Quiet is how long after its last measurement a run has ended. Who is told of every measurement from Open on calls
	// Ended; the clerk itself waits for the runs that were going on before.
	Quiet time.Duration
	// MaxCatchUp is how many of these it takes, the last ones.
	MaxCatchUp int
	// MinBackoff and MaxBackoff bound the wait before a run is judged again that could not be.
	MinBackoff, MaxBackoff time.Duration
	// OnKept, if set before Open, is told of every report that is kept, and how long it took.
	OnKept func(r *monitor.Report, took time.Duration)

	judge   monitor.Judge
	reports monitor.ReportStore
	logger  *slog.Logger

	mu      sync.Mutex
	waiting []runKey // without repetition, by when they ended
	wake    chan struct{}
	stop    context.CancelFunc
	running sync.WaitGroup
}

type runKey struct{ project, run string }

// NewWorker returns a clerk who looks back a week.
func NewWorker(judge monitor.Judge, reports monitor.ReportStore, logger *slog.Logger) *Worker {
	return &Worker{
		CatchUp:    7 * 24 * time.Hour,
		Quiet:      5 * time.Minute,
		MaxCatchUp: 100,
		MinBackoff: time.Second,
		MaxBackoff: 5 * time.Minute,
		judge:      judge,
		reports:    reports,
		logger:     logger,
		wake:       make(chan struct{}, 1),
	}
}

// Open starts to work, in the background.
func (c *Worker) Open() error {
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	opened := time.Now()
	c.running.Go(func() {
		c.catchUp(ctx, opened.Add(-c.CatchUp), opened.Add(-c.Quiet))
		for c.idle(ctx) {
			c.work(ctx)
		}
	})
	c.running.Go(func() {
		if sleep(ctx, c.Quiet) {
			c.catchUp(ctx, opened.Add(-c.Quiet), opened)
		}
	})
	return nil
}

// Close stops. Runs that are waiting are judged after the next Open.
func (c *Worker) Close() error {
	if c.stop != nil {
		c.stop()
		c.running.Wait()
	}
	return nil
}

// Ended tells that a run is complete, or that something was added to it since. It never blocks.
func (c *Worker) Ended(project, run string) {
	key := runKey{project, run}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.waiting {
		if k == key {
			return
		}
	}
	c.waiting = append(c.waiting, key)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// catchUp takes the runs that nobody judged, by when they last measured something.
func (c *Worker) catchUp(ctx context.Context, from, to time.Time) {
	runs, err := c.reports.Unjudged(ctx, from, to, c.MaxCatchUp)
	if err != nil {
		c.logger.WarnContext(ctx, "cannot find the runs that ended while the bridge was down; they are not judged", "error", err)
		return
	}
	for _, run := range oldestFirst(runs) {
		c.Ended(run.Project, run.ID)
	}
}

func (c *Worker) idle(ctx context.Context) bool {
	select {
	case <-c.wake:
		return true
	case <-ctx.Done():
		return false
	}
}

// work judges the runs that wait. A run is taken from the list before it is judged, so that what is added to it
// meanwhile has it judged again.
func (c *Worker) work(ctx context.Context) {
	for {
		key, ok := c.next()
		if !ok {
			return
		}
		for wait := c.MinBackoff; !c.settle(ctx, key); wait = min(2*wait, c.MaxBackoff) {
			if !sleep(ctx, wait) {
				return
			}
		}
	}
}

func (c *Worker) next() (key runKey, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return runKey{}, false
	}
	key = c.waiting[0]
	c.waiting = c.waiting[1:]
	return key, true
}

// settle judges a run and keeps the report; false when it should be tried again.
func (c *Worker) settle(ctx context.Context, key runKey) bool {
	start := time.Now()
	report, err := c.attempt(ctx, key)
	if err == nil {
		err = c.mend(ctx, report)
	}
	if err == nil {
		err = c.reports.KeepReport(ctx, report)
	}
	log := c.logger.With("project", key.project, "run", key.run)
	switch monitor.ErrorCode(err) {
	case "":
		took := time.Since(start)
		announce(log, report, took)
		if c.OnKept != nil {
			c.OnKept(report, took)
		}
		return true
	case monitor.ENotFound: // nothing is stored of its sessions
		log.Debug("a run cannot be judged", "reason", err)
		return true
	case monitor.EUnavailable, monitor.EFull:
		log.Warn("a run could not be judged; it will be", "error", err)
		return false
	default:
		if ctx.Err() == nil {
			log.Error("a run could not be judged", "error", err)
		}
		return true
	}
}

// attempt has a run judged. A panic is an error like others, so that a run which cannot be judged does not end the
// program, which would judge it again when it starts, over and over.
func (c *Worker) attempt(ctx context.Context, key runKey) (report *monitor.Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.logger.ErrorContext(ctx, "panic while judging a run", "project", key.project, "run", key.run,
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = monitor.Errorf(monitor.EInternal, "panic while judging")
		}
	}()
	return c.judge.Judge(ctx, monitor.JudgeQuery{Project: key.project, Run: key.run})
}

// announce says what became of a run.
func announce(log *slog.Logger, r *monitor.Report, took time.Duration) {
	level := slog.LevelInfo
	if r.Summary.Regressions > 0 || r.Suite.Status == monitor.StatusRegression {
		level = slog.LevelWarn
	}
	attributes := []any{"commit", r.ScmRef, "branch", r.Branch, "baseline_runs", r.BaselineRuns, "suite", r.Suite.Status,
		"regressions", r.Summary.Regressions, "suspects", r.Summary.Suspects, "improvements", r.Summary.Improvements}
	if len(r.Results) > 0 && r.Results[0].Status == monitor.StatusRegression {
		worst := r.Results[0]
		attributes = append(attributes, "worst", worst.ItemPath+"."+worst.ItemVariant, "metric", worst.Metric,
			"ratio", float64(worst.Ratio), "last_good", worst.LastGood, "first_bad", worst.FirstBad)
	}
	log.Log(context.Background(), level, "run is judged", append(attributes, "took", took)...)
}

// sleep returns true after d, false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
