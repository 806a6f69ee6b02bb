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

// maxWatched bounds the sessions that a [RunWatcher] watches at a time, and so its memory. Sessions beyond it go
// unmentioned; they are stored like all others.
const maxWatched = 10_000

// RunWatcher notices when a run has ended, and logs one line on it. No client tells that a run has ended, so a run has
// when nothing of its sessions came for a while. When something comes later all the same, another line follows. A
// RunWatcher is safe for concurrent use.
type RunWatcher struct {
	// After is how long nothing of a run must have come.
	After time.Duration
	// OnEnded, if set before Open, is told of each run that has ended, after the line is logged.
	OnEnded func(sum *monitor.RunSummary)

	runs    monitor.RunStore
	logger  *slog.Logger
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	sessions map[sessionKey]time.Time // when something of it was last accepted
}

type sessionKey struct{ project, sessionH string }

type runKey struct{ project, run string }

// NewRunWatcher returns a watcher that takes a run for ended after five minutes.
func NewRunWatcher(runs monitor.RunStore, logger *slog.Logger) *RunWatcher {
	return &RunWatcher{After: 5 * time.Minute, runs: runs, logger: logger, sessions: map[sessionKey]time.Time{}}
}

// Open starts to watch.
func (w *RunWatcher) Open() error {
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.running.Go(func() {
		for wait(ctx, w.interval()) {
			w.look(ctx, time.Now())
		}
	})
	return nil
}

// Close stops watching, without a word about runs that have not ended yet.
func (w *RunWatcher) Close() error {
	if w.stop != nil {
		w.stop()
		w.running.Wait()
	}
	return nil
}

// interval is how often to look: a run is mentioned at most a tenth later than asked for.
func (w *RunWatcher) interval() time.Duration {
	return min(max(w.After/10, 10*time.Millisecond), 10*time.Second)
}

// Saw tells that a record was accepted. A run goes on while its sessions, metrics and outcomes arrive; a session may
// arrive after all of its metrics, and only then their run is known. Repeats do not count.
func (w *RunWatcher) Saw(rec *monitor.Record) {
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
	last, watched := w.sessions[key]
	if rec.Received.After(last) && (watched || len(w.sessions) < maxWatched) {
		w.sessions[key] = rec.Received
	}
}

// look mentions the runs that have ended. It asks for the run of each session every time, since a session may arrive after
// its first metrics.
func (w *RunWatcher) look(ctx context.Context, now time.Time) {
	w.mu.Lock()
	seen := maps.Clone(w.sessions)
	w.mu.Unlock()
	runs := map[runKey][]sessionKey{}
	for key := range seen {
		run, err := w.runs.RunOf(ctx, key.project, key.sessionH)
		if err != nil {
			w.logger.DebugContext(ctx, "cannot tell the run of a session", "session", key.sessionH, "error", err)
			return // the next look may tell
		}
		of := runKey{key.project, run}
		runs[of] = append(runs[of], key)
	}
	active := func(key sessionKey) bool { return now.Sub(seen[key]) < w.After }
	for run, keys := range runs {
		if !slices.ContainsFunc(keys, active) && w.mention(ctx, run) {
			w.forget(keys, seen)
		}
	}
}

// forget stops watching sessions of which nothing came since they were looked at.
func (w *RunWatcher) forget(keys []sessionKey, seen map[sessionKey]time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, key := range keys {
		if w.sessions[key].Equal(seen[key]) {
			delete(w.sessions, key)
		}
	}
}

// mention logs one line on a run; false when it should be tried again.
func (w *RunWatcher) mention(ctx context.Context, key runKey) bool {
	sum, err := w.runs.RunSummary(ctx, key.project, key.run)
	switch {
	case monitor.ErrorCode(err) == monitor.ENotFound:
		return true // nothing of it is stored (any more)
	case err != nil:
		w.logger.WarnContext(ctx, "cannot summarise a run", "project", key.project, "run", key.run, "error", err)
		return false
	case sum.Tests+sum.Modules == 0: // it has only begun
		return true
	}
	w.logger.InfoContext(ctx, "run is complete", "project", sum.Project, "run", sum.Run, "commit", sum.ScmRef,
		"branch", sum.Branch, "sessions", sum.Sessions, "tests", sum.Tests, "modules", sum.Modules,
		"total_seconds", sum.TotalTime, "slowest", testName(sum.Slowest), "slowest_seconds", sum.Slowest.Value,
		"most_memory", testName(sum.MostMem), "most_memory_mib", sum.MostMem.Value, "new_series", sum.NewSeries)
	if sum.Unstable() {
		w.logger.WarnContext(ctx, "most tests of this run were never measured before: something in their ids seems to "+
			"change from run to run, which makes new series in InfluxDB and leaves no test a history",
			"project", sum.Project, "run", sum.Run, "new_series", sum.NewSeries)
	}
	if w.OnEnded != nil {
		w.OnEnded(sum)
	}
	return true
}

// testName is how a person finds a test: module and name with parameters.
func testName(e monitor.Extreme) string {
	if e.ItemPath == "" {
		return e.ItemVariant
	}
	return e.ItemPath + "." + e.ItemVariant
}
