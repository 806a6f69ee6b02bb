package journal_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/journal"
	"pymon-bridge/monitor"
)

// fakeRuns knows the runs of sessions.
type fakeRuns struct {
	mu        sync.Mutex
	runs      map[string]string // by session
	err       error             // of RunSummary
	ofErr     error             // of RunOf
	newSeries int               // of each run
	empty     bool              // the runs have measured nothing yet
	asked     int               // calls of RunSummary
	open      map[string]bool   // runs that have a session that has not ended
	over      map[string]bool   // sessions that have ended
	end       monitor.RunEnd    // of each run
}

func (r *fakeRuns) Ended(_ context.Context, _, run string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.open[run], r.ofErr
}

func (r *fakeRuns) RunOf(_ context.Context, _, sessionH string) (run string, ended bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if run, ok := r.runs[sessionH]; ok || r.ofErr != nil {
		return run, r.over[sessionH], r.ofErr
	}
	return sessionH, r.over[sessionH], nil
}

func (r *fakeRuns) RunSummary(_ context.Context, project, run string) (*monitor.RunSummary, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked++; r.err != nil {
		return nil, r.err
	}
	if r.empty {
		return &monitor.RunSummary{Project: project, Run: run, Sessions: 1}, nil
	}
	return &monitor.RunSummary{Project: project, Run: run, ScmRef: "abc", Branch: "main", Sessions: 2, Tests: 3,
		Modules: 1, TotalTime: 1.5, Slowest: monitor.Extreme{ItemPath: "pkg.test_a", ItemVariant: "test_slow[1]", Value: 1},
		MostMem: monitor.Extreme{ItemVariant: "test_big", Value: 64}, NewSeries: r.newSeries, RunEnd: r.end}, nil
}

func (r *fakeRuns) set(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// watch is an open RunWatcher that lists the runs that have ended.
type watch struct {
	*journal.RunWatcher
	runs  *fakeRuns
	log   *log
	mu    sync.Mutex
	ended []string
}

func newWatch(t *testing.T) *watch {
	w := &watch{runs: &fakeRuns{runs: map[string]string{}}, log: &log{}}
	w.RunWatcher = journal.NewRunWatcher(w.runs, w.log.logger())
	w.OnEnded = func(sum *monitor.RunSummary) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended = append(w.ended, sum.Project+"/"+sum.Run)
	}
	require.NoError(t, w.Open())
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w
}

// metric tells the watcher of a metric that arrived at a time.
func (w *watch) metric(project, sessionH string, at time.Time) {
	w.Accepted(metricAt(project, sessionH, at))
}

func metricAt(project, sessionH string, at time.Time) *monitor.Record {
	return &monitor.Record{Project: project, Received: at, Metric: &monitor.Metric{SessionH: sessionH}}
}

// takeEnded returns the runs that have ended since its last call.
func (w *watch) takeEnded() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ended := w.ended
	w.ended = nil
	return ended
}

func TestRunWatcherAnnouncesARunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		w.runs.set(func() { w.runs.runs = map[string]string{"s1": "run", "s2": "run"} })
		w.metric("p", "s1", time.Now())
		for range 4 {
			after(2 * time.Minute)
			w.metric("p", "s2", time.Now())
		}
		assert.Empty(t, w.takeEnded(), "the other session of the run goes on")
		after(5*time.Minute + 10*time.Second)
		assert.Equal(t, []string{"p/run"}, w.takeEnded())
		assert.Contains(t, w.log.String(), `level=INFO msg="run is complete" project=p run=run commit=abc branch=main `+
			`sessions=2 tests=3 modules=1 total_seconds=1.5 slowest=pkg.test_a.test_slow[1] slowest_seconds=1 `+
			`most_memory=test_big most_memory_mib=64 new_series=0`)
		assert.NotContains(t, w.log.String(), "level=WARN")
		after(time.Hour)
		assert.Empty(t, w.takeEnded())

		w.metric("p", "s1", time.Now())
		after(6 * time.Minute)
		assert.Equal(t, []string{"p/run"}, w.takeEnded(), "a late metric makes another line")
	})
}

func TestRunWatcherKeepsARunOpenWhileNewRecordsArrive(t *testing.T) {
	for name, tt := range map[string]struct {
		last *monitor.Record // arrives three minutes after the run's only metric
		ends time.Duration
	}{
		"session":         {&monitor.Record{Session: &monitor.Session{SessionH: "s"}}, 8 * time.Minute},
		"outcome":         {&monitor.Record{Outcome: &monitor.Outcome{Metric: monitor.Metric{SessionH: "s"}}}, 8 * time.Minute},
		"repeated metric": {&monitor.Record{Metric: &monitor.Metric{SessionH: "s"}, Repeat: true}, 5 * time.Minute},
		"context":         {&monitor.Record{Context: &monitor.Context{H: "s"}}, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWatch(t)
				w.metric("p", "s", time.Now())
				after(3 * time.Minute)
				tt.last.Project, tt.last.Received = "p", time.Now()
				w.Accepted(tt.last)
				after(tt.ends - 3*time.Minute - time.Second)
				assert.Empty(t, w.takeEnded())
				after(11 * time.Second) // the time between two checks
				assert.Equal(t, []string{"p/s"}, w.takeEnded())
			})
		})
	}
}

func TestRunWatcherWaitsForAMetric(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		w.runs.set(func() { w.runs.empty = true })
		w.metric("p", "s1", time.Now())
		after(10 * time.Minute) // the first test takes that long
		assert.Empty(t, w.takeEnded())
		assert.NotContains(t, w.log.String(), "run is complete")
		w.runs.set(func() { w.runs.empty = false })
		w.metric("p", "s1", time.Now())
		after(6 * time.Minute)
		assert.Equal(t, []string{"p/s1"}, w.takeEnded())
	})
}

func TestRunWatcherWarnsAboutTestIdsThatChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		w.runs.newSeries = 1000
		w.metric("p", "s1", time.Now())
		after(6 * time.Minute)
		assert.Contains(t, w.log.String(), "level=WARN msg=\"most tests of this run were never measured before")
		assert.Contains(t, w.log.String(), "project=p run=s1 new_series=1000")
	})
}

// end tells the watcher of the end of a session.
func (w *watch) end(project, sessionH string, at time.Time) {
	w.Accepted(&monitor.Record{Project: project, Received: at, Session: &monitor.Session{SessionH: sessionH,
		Marks: monitor.Marks{Completion: monitor.Complete}}})
}

func TestRunWatcherAnnouncesARunSoonAfterItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		w.metric("p", "alone", time.Now())
		after(time.Second)
		w.end("p", "alone", time.Now())
		after(5 * time.Second)
		assert.Equal(t, []string{"p/alone"}, w.takeEnded(), "it does not wait for the next look at runs without ends")

		w.runs.set(func() { w.runs.runs = map[string]string{"s1": "run", "s2": "run"} })
		w.metric("p", "s1", time.Now())
		w.metric("p", "s2", time.Now())
		after(time.Second)
		w.end("p", "s1", time.Now())
		after(time.Minute)
		assert.Empty(t, w.takeEnded(), "the other session of the run goes on")
		w.end("p", "s2", time.Now())
		after(2 * time.Second)
		assert.Empty(t, w.takeEnded(), "another session of the run may begin")
		w.metric("p", "s3", time.Now())
		w.runs.set(func() { w.runs.runs["s3"] = "run" })
		after(time.Minute)
		assert.Empty(t, w.takeEnded(), "it did")
		w.end("p", "s3", time.Now())
		after(5 * time.Second)
		assert.Equal(t, []string{"p/run"}, w.takeEnded())
		after(time.Hour)
		assert.Empty(t, w.takeEnded(), "once")

		w.metric("p", "s1", time.Now())
		after(6 * time.Minute)
		assert.Equal(t, []string{"p/run"}, w.takeEnded(), "a late metric makes another line")
	})
}

// TestRunWatcherAnnouncesARunSoonAfterALateRow has rows of a session that has ended, and of which the watcher knows nothing any
// more.
func TestRunWatcherAnnouncesARunSoonAfterALateRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		w.end("p", "s1", time.Now())
		after(5 * time.Second)
		assert.Equal(t, []string{"p/s1"}, w.takeEnded())
		w.runs.set(func() { w.runs.over = map[string]bool{"s1": true} })
		for _, late := range []time.Duration{time.Second, time.Hour} {
			after(late)
			w.metric("p", "s1", time.Now())
			after(2 * time.Second)
			assert.Empty(t, w.takeEnded(), "another row may follow")
			w.metric("p", "s1", time.Now())
			after(5 * time.Second)
			assert.Equal(t, []string{"p/s1"}, w.takeEnded())
		}
		w.metric("p", "s1", time.Now())
		w.metric("p", "other", time.Now())
		w.runs.set(func() { w.runs.runs = map[string]string{"other": "s1"} })
		w.runs.set(func() { w.runs.runs["s1"] = "s1" })
		after(time.Minute)
		assert.Empty(t, w.takeEnded(), "another session of the run goes on")
	})
}

// TestRunWatcherWaitsForSessionsThatItDoesNotWatch has a session that was going on when the bridge was restarted.
func TestRunWatcherWaitsForSessionsThatItDoesNotWatch(t *testing.T) {
	for name, change := range map[string]func(r *fakeRuns){
		"open":    func(r *fakeRuns) { r.open = map[string]bool{"s1": true} },
		"unknown": func(r *fakeRuns) { r.runs["s1"], r.ofErr = "s1", errors.New("disk on fire") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWatch(t)
				w.runs.set(func() { change(w.runs) })
				w.end("p", "s1", time.Now())
				after(time.Minute)
				assert.Empty(t, w.takeEnded())
				w.runs.set(func() { w.runs.open, w.runs.ofErr = nil, nil })
				after(5 * time.Second)
				assert.Equal(t, []string{"p/s1"}, w.takeEnded())
			})
		})
	}
}

func TestRunWatcherTakesASessionWithoutItsEndForEndedAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		w.runs.runs = map[string]string{"s1": "run", "s2": "run"}
		w.runs.open = map[string]bool{"run": true}
		w.runs.end = monitor.RunEnd{Completion: monitor.Partial, Partial: "has not ended"}
		w.end("p", "s1", time.Now())
		w.metric("p", "s2", time.Now())
		after(4 * time.Minute)
		assert.Empty(t, w.takeEnded())
		after(2 * time.Minute)
		assert.Equal(t, []string{"p/run"}, w.takeEnded())
		assert.Contains(t, w.log.String(), `level=INFO msg="run is partial" reason="has not ended" project=p run=run`)
	})
}

// TestRunWatcherIsNotHeldUpByManyEnds has a session that ends each second.
func TestRunWatcherIsNotHeldUpByManyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		for i := range 20 {
			w.end("p", fmt.Sprint(i), time.Now())
			after(time.Second)
		}
		assert.GreaterOrEqual(t, len(w.takeEnded()), 15)
	})
}

// TestRunWatcherIsSilentAboutRunsWhenItCloses has a run that a check would announce.
func TestRunWatcherIsSilentAboutRunsWhenItCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		synctest.Wait()
		w.metric("p", "s1", time.Now().Add(-time.Hour))
		require.NoError(t, w.Close())
		assert.Empty(t, w.takeEnded())
	})
}

func TestRunWatcherSeparatesProjectsAndRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		for _, project := range []string{"p", "q"} {
			w.metric(project, "s1", time.Now())
			w.metric(project, "s2", time.Now())
		}
		after(6 * time.Minute)
		assert.ElementsMatch(t, []string{"p/s1", "p/s2", "q/s1", "q/s2"}, w.takeEnded())
	})
}

func TestRunWatcherFindsTheRunOfASessionThatArrivesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		w.metric("p", "s1", time.Now())
		after(time.Minute)
		w.runs.set(func() { w.runs.runs["s1"] = "run" })
		after(5 * time.Minute)
		assert.Equal(t, []string{"p/run"}, w.takeEnded())
	})
}

func TestRunWatcherTriesAgainAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		w.runs.set(func() { w.runs.err = errors.New("disk on fire") })
		w.metric("p", "s1", time.Now())
		after(6 * time.Minute)
		assert.Empty(t, w.takeEnded())
		w.runs.set(func() { w.runs.err, w.runs.ofErr, w.runs.runs["s1"] = nil, errors.New("disk on fire"), "run" })
		after(time.Minute)
		assert.Empty(t, w.takeEnded())
		w.runs.set(func() { w.runs.ofErr = nil })
		after(10 * time.Second)
		assert.Equal(t, []string{"p/run"}, w.takeEnded())
	})
}

func TestRunWatcherForgetsARunThatIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		w.runs.set(func() { w.runs.err = monitor.Errorf(monitor.ENotFound, "no such run") })
		w.metric("p", "s1", time.Now())
		after(time.Hour)
		assert.Empty(t, w.takeEnded())
		assert.Equal(t, 1, w.runs.asked)
	})
}

func TestRunWatcherBoundsItsSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		for i := range 12_000 {
			w.metric("p", fmt.Sprint(i), time.Now())
		}
		after(6 * time.Minute)
		assert.Len(t, w.takeEnded(), 10_000)
		w.metric("p", "late", time.Now())
		after(6 * time.Minute)
		assert.Equal(t, []string{"p/late"}, w.takeEnded(), "there is room again")
	})
}

// Many goroutines accept metrics while the watcher announces and forgets runs.
func TestRunWatcherNeverMissesTheLastMetric(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				for n := range 50 {
					w.metric("p", fmt.Sprint(n%5), time.Now())
					time.Sleep(time.Duration(i*n) * time.Second)
				}
			})
		}
		all.Wait()
		w.takeEnded()
		for n := range 5 {
			w.metric("p", fmt.Sprint(n), time.Now())
		}
		after(6 * time.Minute)
		assert.ElementsMatch(t, []string{"p/0", "p/1", "p/2", "p/3", "p/4"}, w.takeEnded())
	})
}

func BenchmarkRunWatcherAccepted(b *testing.B) {
	w := journal.NewRunWatcher(&fakeRuns{}, discard())
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		rec := metricAt("project", "session", time.Now())
		for pb.Next() {
			rec.Received = time.Now()
			w.Accepted(rec)
		}
	})
}

// At the end of a bridge nothing can follow. A run that was announced a moment ago may still be judged, so it counts.
func TestRunWatcherSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle := newWatch(t)
		require.NoError(t, idle.Close())
		assert.False(t, idle.Settle(t.Context()))

		w := newWatch(t)
		w.runs.set(func() { w.runs.over = map[string]bool{"s1": true, "s2": true} })
		w.metric("p", "s1", time.Now())
		after(10 * time.Second)
		assert.Equal(t, []string{"p/s1"}, w.takeEnded())
		require.NoError(t, w.Close())
		assert.True(t, w.Settle(t.Context()), "a run was announced")

		w = newWatch(t)
		w.Accepted(&monitor.Record{Project: "p", Received: time.Now(), Session: &monitor.Session{SessionH: "s2", Marks: monitor.Marks{Completion: monitor.Complete}}})
		require.NoError(t, w.Close())
		assert.True(t, w.Settle(t.Context()))
		assert.Equal(t, []string{"p/s2"}, w.takeEnded(), "without a wait")
	})
}
