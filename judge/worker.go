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

const (
	// lookBack is how far back a worker looks, when it is opened, for runs that ended while no worker was there. It judges the
	// last maxCatchUp of them.
	lookBack   = 7 * 24 * time.Hour
	maxCatchUp = 100
	// grace is the time from Open until the worker judges a run whose sessions have all said that they have ended. Another run it judges
	// after [Worker.Quiet].
	grace = 3 * time.Second
)

// Worker judges the runs that have ended, one after the other, and keeps the reports. A run that cannot be judged now lets others go
// first. It is safe for concurrent use. The exported fields may be changed before Open.
type Worker struct {
	// Quiet is how long after its last measurement a run has ended. The caller watches the runs that measure something
	// after Open, and calls Ended. The worker waits for the runs that were going on before.
	Quiet time.Duration
	// OnKept, if set, is called after every report that is kept, with the time that judging took.
	OnKept func(r *monitor.Report, took time.Duration)
	// Answers, if set, tells whether a report is that which was kept before. OnKept and the log are not told of it again.
	Answers monitor.AnswerStore
	// Older, if set, adds imported runs to the history that slow growth is found in.
	Older *Older

	judge   monitor.Judge
	reports monitor.ReportStore
	logger  *slog.Logger

	told map[string]time.Time // by project, when slow growth was news; of the goroutine that judges

	mu      sync.Mutex
	waiting waiting
	busy    bool // with a run that has left the list
	wake    chan struct{}
	stop    context.CancelFunc
	running sync.WaitGroup
}

// NewWorker returns a worker with five minutes for Quiet.
func NewWorker(judge monitor.Judge, reports monitor.ReportStore, logger *slog.Logger) *Worker {
	return &Worker{Quiet: 5 * time.Minute, judge: judge, reports: reports, logger: logger, told: map[string]time.Time{},
		wake: make(chan struct{}, 1)}
}

// Open starts the work, in the background.
func (w *Worker) Open() error {
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	opened := time.Now()
	w.running.Go(func() {
		w.catchUp(ctx, opened.Add(-lookBack), opened.Add(-w.Quiet), func(*monitor.RunInfo) bool { return true })
		w.work(ctx)
	})
	w.running.Go(func() {
		early := map[runKey]bool{}
		if !sleep(ctx, min(grace, w.Quiet)) {
			return
		}
		w.catchUp(ctx, opened.Add(-w.Quiet), opened, func(run *monitor.RunInfo) bool {
			early[runKey{run.Project, run.ID}] = run.Open == 0
			return run.Open == 0
		})
		if sleep(ctx, w.Quiet-grace) {
			w.catchUp(ctx, opened.Add(-w.Quiet), opened, func(run *monitor.RunInfo) bool { return !early[runKey{run.Project, run.ID}] })
		}
	})
	return nil
}

// sleep returns false when ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// Close stops the work. Runs that are waiting are judged after the next Open.
func (w *Worker) Close() error {
	if w.stop != nil {
		w.stop()
		w.running.Wait()
	}
	return nil
}

// Ended asks for a run to be judged, because it has ended, or because something was added to it since. It never blocks.
func (w *Worker) Ended(project, run string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting.add(runKey{project, run})
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Settle waits until no run waits to be judged, as long as ctx lasts. Call it before Close.
func (w *Worker) Settle(ctx context.Context) {
	for w.unsettled() && sleep(ctx, 10*time.Millisecond) {
		continue
	}
}

func (w *Worker) unsettled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.busy || len(w.waiting.runs) > 0
}

// Waiting is the number of runs that wait to be judged.
func (w *Worker) Waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting.runs)
}

// catchUp takes the wanted ones of the runs without a report that last measured something between two times.
func (w *Worker) catchUp(ctx context.Context, from, to time.Time, wanted func(*monitor.RunInfo) bool) {
	runs, err := w.reports.Unjudged(ctx, from, to, maxCatchUp)
	if ctx.Err() != nil {
		return // the next start looks for them
	}
	if err != nil {
		w.logger.WarnContext(ctx, "cannot find the runs that ended while the bridge was down; they are not judged", "error", err)
		return
	}
	for _, run := range oldestFirst(runs) {
		if wanted(run) {
			w.Ended(run.Project, run.ID)
		}
	}
}

// work judges the runs that wait until ctx ends. A run leaves the list before it is judged, so that it is judged again if something
// is added to it meanwhile.
func (w *Worker) work(ctx context.Context) {
	for ctx.Err() == nil {
		run, due := w.next()
		if run != nil {
			w.done(run, w.report(ctx, run.runKey))
			continue
		}
		var later <-chan time.Time
		if !due.IsZero() {
			later = time.After(time.Until(due))
		}
		select {
		case <-w.wake:
		case <-later:
		case <-ctx.Done():
		}
	}
}

// next takes a run to be judged now, or returns nil and when there will be one, the zero time for nobody knows.
func (w *Worker) next() (run *waitingRun, due time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	run, due = w.waiting.next(time.Now())
	w.busy = run != nil
	return run, due
}

// done notes whether a run is judged. Otherwise it is tried again.
func (w *Worker) done(run *waitingRun, judged bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if judged {
		w.waiting.judged()
	} else {
		w.waiting.failed(run, time.Now())
	}
}

// report judges a run and keeps the report. It returns false when it should be tried again.
func (w *Worker) report(ctx context.Context, key runKey) bool {
	if w.Older != nil {
		if err := w.Older.add(ctx, key.project, key.run); err != nil && ctx.Err() == nil {
			w.logger.WarnContext(ctx, "imported runs do not count for slow growth yet", "project", key.project, "run", key.run, "error", err)
		}
	}
	start := time.Now()
	report, err := w.attempt(ctx, key)
	if err == nil {
		err = w.resolve(ctx, report)
	}
	again := err == nil && w.keptBefore(ctx, report)
	if err == nil {
		err = w.reports.KeepReport(ctx, report)
	}
	log := w.logger.With("project", key.project, "run", key.run)
	switch monitor.ErrorCode(err) {
	case "":
		if again {
			return true
		}
		took := time.Since(start)
		announce(log, report, took)
		w.tellDrift(log, report)
		if w.OnKept != nil {
			w.OnKept(report, took)
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

// keptBefore says whether the report on the run follows from the same as the one that was kept before. Where that cannot be read, the
// report counts as a new one: it is better told twice than never.
func (w *Worker) keptBefore(ctx context.Context, r *monitor.Report) bool {
	if w.Answers == nil || r.Basis == "" {
		return false
	}
	before, err := w.Answers.Answer(ctx, r.Project, r.Run, r.Basis)
	return err == nil && before != nil
}

// attempt judges a run. A panic becomes an error. Otherwise a run that makes judging panic would end the program, which
// would judge the run again when it starts, over and over.
func (w *Worker) attempt(ctx context.Context, key runKey) (report *monitor.Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.logger.ErrorContext(ctx, "panic while judging a run", "project", key.project, "run", key.run,
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = monitor.Errorf(monitor.EInternal, "panic while judging")
		}
	}()
	return w.judge.Judge(ctx, monitor.JudgeQuery{Project: key.project, Run: key.run, All: true})
}
