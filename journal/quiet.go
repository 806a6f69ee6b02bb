package journal

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"pymon-bridge/monitor"
)

// maxWatched bounds the sessions that a [RunWatcher] watches at a time, and so its memory. Sessions beyond it go
// unmentioned; they are stored like all others.
const maxWatched = 10_000

// RunWatcher notices when a run is over, which nobody tells: when none of its sessions, and no metric of them, came for a
// while. It then logs one line on the run. What comes late makes it speak again, later. It is safe for concurrent use.
type RunWatcher struct {
	// After is how long a run has to be quiet.
	After time.Duration
	// OnQuiet, if set before Open, is told of each quiet run after the line is logged.
	OnQuiet func(sum *monitor.RunSummary)

	runs     monitor.RunStore
	logger   *slog.Logger
	sessions sync.Map // of sessionKey to *sighting
	watched  atomic.Int64
	stop     context.CancelFunc
	running  sync.WaitGroup
}

type sessionKey struct{ project, sessionH string }

type runKey struct{ project, run string }

// sighting is when something of a session was last accepted.
type sighting struct {
	last atomic.Int64 // Unix nanoseconds; gone when nobody looks at this sighting any more
	run  string       // known to the watching goroutine only; empty before it asked
}

const gone = math.MinInt64

// NewRunWatcher returns a watch that speaks after five minutes.
func NewRunWatcher(runs monitor.RunStore, logger *slog.Logger) *RunWatcher {
	return &RunWatcher{After: 5 * time.Minute, runs: runs, logger: logger}
}

// Open starts to watch.
func (q *RunWatcher) Open() error {
	ctx, stop := context.WithCancel(context.Background())
	q.stop = stop
	q.running.Go(func() {
		for wait(ctx, q.interval()) {
			q.look(ctx, time.Now())
		}
	})
	return nil
}

// Close stops watching, without a word about runs that are not quiet yet.
func (q *RunWatcher) Close() error {
	if q.stop != nil {
		q.stop()
		q.running.Wait()
	}
	return nil
}

// interval is how often to look: a run is mentioned at most a tenth later than asked for.
func (q *RunWatcher) interval() time.Duration {
	return min(max(q.After/10, 10*time.Millisecond), 10*time.Second)
}

// Saw tells that a session, or a metric of it, was accepted. It takes no lock except for the first time.
func (q *RunWatcher) Saw(project, sessionH string, at time.Time) {
	key, now := sessionKey{project, sessionH}, at.UnixNano()
	for {
		v, ok := q.sessions.Load(key)
		if !ok {
			if q.watched.Load() >= maxWatched {
				return
			}
			s := &sighting{}
			s.last.Store(now)
			if v, ok = q.sessions.LoadOrStore(key, s); !ok {
				q.watched.Add(1)
				return
			}
		}
		if v.(*sighting).saw(now) {
			return
		}
		// It is gone between the two lines; whoever let it go is about to remove it.
		q.sessions.CompareAndDelete(key, v)
	}
}

// saw moves the time forward; false when the sighting is gone.
func (s *sighting) saw(now int64) bool {
	for {
		last := s.last.Load()
		switch {
		case last == gone:
			return false
		case last >= now || s.last.CompareAndSwap(last, now):
			return true
		}
	}
}

// watchedRun is a run with the sessions of it that were seen since it was last mentioned.
type watchedRun struct {
	last     int64
	sessions map[sessionKey]*sighting
	times    map[sessionKey]int64
}

// look mentions the runs that are quiet.
func (q *RunWatcher) look(ctx context.Context, now time.Time) {
	quietBefore := now.Add(-q.After).UnixNano()
	for key, run := range q.group(ctx, quietBefore) {
		if run.last <= quietBefore && q.mention(ctx, key) {
			q.forget(run)
		}
	}
}

// group sorts the sessions into runs. A session's run is asked for when it is first seen and again before it is
// mentioned, since the session itself may arrive after its first metrics.
func (q *RunWatcher) group(ctx context.Context, quietBefore int64) map[runKey]*watchedRun {
	runs := map[runKey]*watchedRun{}
	for k, v := range q.sessions.Range {
		key, s := k.(sessionKey), v.(*sighting)
		last := s.last.Load()
		if s.run == "" || last <= quietBefore {
			run, err := q.runs.RunOf(ctx, key.project, key.sessionH)
			if err != nil {
				q.logger.DebugContext(ctx, "cannot tell the run of a session", "session", key.sessionH, "error", err)
			}
			s.run = cmp.Or(run, s.run, key.sessionH)
		}
		rk := runKey{key.project, s.run}
		r := runs[rk]
		if r == nil {
			r = &watchedRun{sessions: map[sessionKey]*sighting{}, times: map[sessionKey]int64{}}
			runs[rk] = r
		}
		r.last = max(r.last, last)
		r.sessions[key], r.times[key] = s, last
	}
	return runs
}

// forget stops watching what was mentioned. A session that was seen meanwhile stays, to be mentioned again.
func (q *RunWatcher) forget(run *watchedRun) {
	for key, s := range run.sessions {
		if s.last.CompareAndSwap(run.times[key], gone) {
			q.sessions.CompareAndDelete(key, s)
			q.watched.Add(-1)
		}
	}
}

// mention logs one line on a run; false when it should be tried again.
func (q *RunWatcher) mention(ctx context.Context, key runKey) bool {
	sum, err := q.runs.RunSummary(ctx, key.project, key.run)
	switch {
	case monitor.ErrorCode(err) == monitor.ENotFound:
		return true // nothing of it is stored (any more)
	case err != nil:
		q.logger.WarnContext(ctx, "cannot summarise a run", "project", key.project, "run", key.run, "error", err)
		return false
	case sum.Tests+sum.Modules == 0: // it has only begun
		return true
	}
	q.logger.InfoContext(ctx, "run is complete", "project", sum.Project, "run", sum.Run, "commit", sum.ScmRef,
		"branch", sum.Branch, "sessions", sum.Sessions, "tests", sum.Tests, "modules", sum.Modules,
		"total_seconds", sum.TotalTime, "slowest", testName(sum.Slowest), "slowest_seconds", sum.Slowest.Value,
		"most_memory", testName(sum.MostMem), "most_memory_mib", sum.MostMem.Value, "new_series", sum.NewSeries)
	if sum.Unstable() {
		q.logger.WarnContext(ctx, "most tests of this run were never measured before: something in their ids seems to "+
			"change from run to run, which makes new series in InfluxDB and leaves no test a history",
			"project", sum.Project, "run", sum.Run, "new_series", sum.NewSeries)
	}
	if q.OnQuiet != nil {
		q.OnQuiet(sum)
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
