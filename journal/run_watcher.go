package journal

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// maxWatched bounds the sessions that a [RunWatcher] watches at a time, and so its memory. The watcher ignores further
// sessions, but the journal stores them.
const maxWatched = 10_000

// grace is how long nothing may follow the last end of a session before its run has ended. The next session may be about to begin.
const grace = 3 * time.Second

// RunWatcher notices when a run has ended, and logs one line on it. A run has ended when all its sessions said so, and
// nothing followed for a moment. pytest-monitor says nothing, so a run with such a session has ended when none of its records
// arrived for a while. When a record or another session arrives later, another line follows. A RunWatcher is safe for
// concurrent use.
type RunWatcher struct {
	// After is how long a run must have no record before it has ended, if not all of its sessions said that they have ended. A
	// session that announced an end and sent none has ended then too: its pytest died.
	After time.Duration
	// OnEnded, if set before Open, is called for each run that has ended, after the line is logged.
	OnEnded func(sum *monitor.RunSummary)

	runs    monitor.RunStore
	logger  *slog.Logger
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	accepted bool // a record of a session arrived
	sessions map[sessionKey]watched
	soon     bell // rings when the time between two checks may have become shorter
}

// watched is a session of which records arrived.
type watched struct {
	last  time.Time // arrival of the last record
	run   string    // empty until a check has asked for it
	ended bool      // it said so, or a check has found that it said so before
}

type sessionKey struct{ project, sessionH string }

type runKey struct{ project, run string }

// NewRunWatcher returns a watcher with five minutes for After.
func NewRunWatcher(runs monitor.RunStore, logger *slog.Logger) *RunWatcher {
	return &RunWatcher{After: 5 * time.Minute, runs: runs, logger: logger, sessions: map[sessionKey]watched{}, soon: newBell()}
}

// Open starts to watch.
func (w *RunWatcher) Open() error {
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.running.Go(func() {
		for next := time.Now().Add(w.interval()); ctx.Err() == nil; {
			if w.soon.rings(ctx, time.Until(next)) { // never later, however many sessions end
				if at := time.Now().Add(w.interval()); at.Before(next) {
					next = at
				}
				continue
			}
			if ctx.Err() == nil {
				w.check(ctx, time.Now())
				next = time.Now().Add(w.interval())
			}
		}
	})
	return nil
}

// Close stops watching. It logs nothing about runs that have not ended yet.
func (w *RunWatcher) Close() error {
	if w.stop != nil {
		w.stop()
		w.running.Wait()
	}
	return nil
}

// Settle announces at once the runs that have ended by the words of their sessions, because nothing can follow any more. It says
// whether any session was accepted since Open. Call it after Close.
func (w *RunWatcher) Settle(ctx context.Context) (accepted bool) {
	w.check(ctx, time.Now().Add(grace))
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.accepted
}

// interval returns the time between two checks. A run's line is late by at most a tenth of After, or by half of grace after
// an end. A session of which nothing is known may have ended already: its record is late.
func (w *RunWatcher) interval() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	interval := min(w.After/10, 10*time.Second)
	for _, s := range w.sessions {
		if s.ended || s.run == "" {
			interval = min(interval, grace/2)
			break
		}
	}
	return max(interval, 10*time.Millisecond)
}

// Accepted tells the watcher that a record was accepted. A run goes on while its sessions, metrics and outcomes arrive.
// Sessions count, because a session may arrive after all of its metrics, and only the session tells their run. Repeats do
// not count.
func (w *RunWatcher) Accepted(rec *monitor.Record) {
	key := sessionKey{project: rec.Project}
	switch {
	case rec.Repeat || rec.Context != nil:
		return
	case rec.Session != nil:
		key.sessionH = rec.Session.SessionH
	default:
		key.sessionH = rec.Measured().SessionH
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accepted = true
	s, known := w.sessions[key]
	if !known && len(w.sessions) >= maxWatched {
		return
	}
	if rec.Received.After(s.last) {
		s.last = rec.Received
	}
	if rec.Session != nil && rec.Session.Completion != monitor.CompletionUnknown {
		s.ended = true
	}
	if s.ended || !known {
		w.soon.ring()
	}
	w.sessions[key] = s
}

// check announces the runs that have ended.
func (w *RunWatcher) check(ctx context.Context, now time.Time) {
	w.mu.Lock()
	seen := maps.Clone(w.sessions)
	w.mu.Unlock()
	runs := map[runKey][]sessionKey{}
	for key, s := range seen {
		if s.run == "" || now.Sub(s.last) >= w.After { // also before it is announced, since the session may have come late
			run, ended, err := w.runs.RunOf(ctx, key.project, key.sessionH)
			if err != nil {
				w.logger.DebugContext(ctx, "cannot find the run of a session", "session", key.sessionH, "error", err)
				return // the next check may find it
			}
			found := watched{s.last, run, s.ended || ended}
			w.remember(key, s, found)
			s = found
		}
		run := runKey{key.project, s.run}
		runs[run] = append(runs[run], key)
	}
	for run, keys := range runs {
		if w.over(ctx, run, keys, seen, now) && w.announce(ctx, run) {
			w.forget(keys, seen)
		}
	}
}

// over says whether a run has ended. keys are its watched sessions, as they were seen.
func (w *RunWatcher) over(ctx context.Context, run runKey, keys []sessionKey, seen map[sessionKey]watched, now time.Time) bool {
	active := func(key sessionKey) bool { return now.Sub(seen[key].last) < w.After }
	open := func(key sessionKey) bool { return !seen[key].ended || now.Sub(seen[key].last) < grace }
	switch {
	case !slices.ContainsFunc(keys, active):
		return true
	case slices.ContainsFunc(keys, open):
		return false
	}
	ended, err := w.runs.Ended(ctx, run.project, run.run) // other sessions may be silent since the bridge started
	if err != nil {
		w.logger.DebugContext(ctx, "cannot see whether a run has ended", "run", run.run, "error", err)
	}
	return ended
}

// remember keeps what was found about a session, unless a record has arrived since the session was seen.
func (w *RunWatcher) remember(key sessionKey, seen, found watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sessions[key] == seen {
		w.sessions[key] = found
	}
}

// forget stops watching sessions, except those of which a record arrived since they were seen.
func (w *RunWatcher) forget(keys []sessionKey, seen map[sessionKey]watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, key := range keys {
		if w.sessions[key].last.Equal(seen[key].last) {
			delete(w.sessions, key)
		}
	}
}

// announce logs one line on a run and calls OnEnded. It returns false when it should be called again.
func (w *RunWatcher) announce(ctx context.Context, key runKey) bool {
	sum, err := w.runs.RunSummary(ctx, key.project, key.run)
	switch {
	case monitor.ErrorCode(err) == monitor.ENotFound:
		return true // the file has no record of the run, or has none any more
	case err != nil:
		w.logger.WarnContext(ctx, "cannot summarise a run", "project", key.project, "run", key.run, "error", err)
		return false
	case sum.Tests+sum.Modules == 0: // the run has only begun
		return true
	}
	message, log := "run is complete", w.logger
	if sum.Completion == monitor.Partial {
		message, log = "run is partial", log.With("reason", sum.Partial)
	}
	log.InfoContext(ctx, message, "project", sum.Project, "run", sum.Run, "commit", sum.ScmRef,
		"branch", sum.Branch, "sessions", sum.Sessions, "tests", sum.Tests, "modules", sum.Modules,
		"total_seconds", sum.TotalTime, "slowest", testName(sum.Slowest), "slowest_seconds", sum.Slowest.Value,
		"most_memory", testName(sum.MostMem), "most_memory_mib", sum.MostMem.Value, "new_series", sum.NewSeries)
	if sum.Unstable() {
		w.logger.WarnContext(ctx, "most tests of this run were never measured before: their ids seem to change from run "+
			"to run; each run then makes new series in InfluxDB, and no test has a history",
			"project", sum.Project, "run", sum.Run, "new_series", sum.NewSeries)
	}
	if w.OnEnded != nil {
		w.OnEnded(sum)
	}
	return true
}

// testName returns the name by which a person finds a test: its module, and its name with parameters.
func testName(e monitor.Extreme) string {
	if e.ItemPath == "" {
		return e.ItemVariant
	}
	return e.ItemPath + "." + e.ItemVariant
}
