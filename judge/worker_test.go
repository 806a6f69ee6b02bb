package judge_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

const (
	waitLong  = 30 * time.Second
	waitShort = time.Millisecond
)

func openWorker(t *testing.T, j *fakeJudge, r *fakeReports) (*judge.Worker, *harness.Buffer) {
	t.Helper()
	log := &harness.Buffer{}
	w := judge.NewWorker(j, r, slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, w.Open())
	t.Cleanup(func() { assert.NoError(t, w.Close()) })
	return w, log
}

func TestWorkerKeepsReportsOfRunsThatEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, r := &fakeJudge{}, &fakeReports{}
		w, log := openWorker(t, j, r)
		w.Ended("p", "one")
		w.Ended("p", "two")
		w.Ended("p", "one")
		synctest.Wait()
		assert.Equal(t, []string{"one", "two"}, r.runs(), "each once, while it waits")
		assert.Contains(t, log.String(), `level=WARN msg="run is judged" project=p run=one`)
		assert.Contains(t, log.String(), `worst=pkg.test_a.test_slow[1] metric=cpu_time`)
		assert.Contains(t, log.String(), `first_bad=bad`)

		w.Ended("p", "one")
		synctest.Wait()
		assert.Equal(t, []string{"one", "two", "one"}, r.runs(), "and again when something was added")
	})
}

func TestWorkerJudgesAgainWhatIsAddedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w *judge.Worker
		var once sync.Once
		j, r := &fakeJudge{}, &fakeReports{}
		j.enter = func(run string) { once.Do(func() { w.Ended("p", run) }) }
		w, _ = openWorker(t, j, r)
		synctest.Wait()
		w.Ended("p", "run")
		synctest.Wait()
		assert.Equal(t, []string{"run", "run"}, r.runs())
	})
}

func TestWorkerInsists(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := monitor.Errorf(monitor.EUnavailable, "InfluxDB is away")
		j := &fakeJudge{errs: map[string][]error{
			"later": {away, away, away},
			"gone":  {monitor.Errorf(monitor.ENotFound, "there is no such run")},
			"odd":   {assert.AnError},
		}}
		r := &fakeReports{fails: 2}
		w, log := openWorker(t, j, r)
		for _, run := range []string{"later", "gone", "odd", "fine"} {
			w.Ended("p", run)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, []string{"fine", "later"}, r.runs())
		assert.Contains(t, log.String(), "level=ERROR", "an unknown fault is not hidden")
		assert.NotContains(t, log.String(), "run=gone")
	})
}

// One run cannot be judged for long. It delays no other one, and is not tried more often for others.
func TestARunThatCannotBeJudgedLetsOthersGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, r := &fakeJudge{errs: map[string][]error{}}, &fakeReports{}
		for range 15 {
			j.errs["later"] = append(j.errs["later"], monitor.Errorf(monitor.EUnavailable, "too many questions wait"))
		}
		w, _ := openWorker(t, j, r)
		want := []string{"one", "two"}
		for _, run := range []string{"later", "one", "two"} {
			w.Ended("p", run)
		}
		synctest.Wait()
		assert.Equal(t, want, r.runs(), "at once")
		assert.Equal(t, 1, w.Waiting(), "the page about the bridge counts it")
		for n := range 30 {
			run := fmt.Sprint("new ", n)
			w.Ended("p", run)
			w.Ended("p", "later") // waits already
			synctest.Wait()
			want = append(want, run)
			require.Equal(t, want, r.runs(), "at once")
			time.Sleep(time.Minute)
		}
		assert.Equal(t, 14, strings.Count(strings.Join(j.attempts(), " "), "later"), "after 1, 2, 4, … seconds, then each five minutes")
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, append(want, "later"), r.runs(), "once")
	})
}

// No report can be kept for long. Each attempt would read the measurements of dozens of runs, so there are as few for many runs as for
// one. A report that can be kept again ends the wait of all.
func TestWorkerRestsWhileNoReportCanBeKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, r := &fakeJudge{}, &fakeReports{fails: 30}
		w, _ := openWorker(t, j, r)
		for n := range 100 {
			w.Ended("p", fmt.Sprint(n))
		}
		w.Ended("p", "99")
		time.Sleep(105 * time.Minute)
		assert.Len(t, j.attempts(), 29)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		assert.Len(t, r.runs(), 100)
		assert.Zero(t, w.Waiting())
	})
}

func TestWorkerCatchesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := func(id string, ago time.Duration) *monitor.RunInfo {
			return &monitor.RunInfo{Project: "p", ID: id, Started: time.Now().Add(-ago).UnixNano()}
		}
		open := ended("just now", time.Minute)
		open.Open = 1
		r := &fakeReports{unjudged: []*monitor.RunInfo{ended("said so", time.Second), open, ended("new", time.Hour),
			ended("old", 6*24*time.Hour), ended("too old", 8*24*time.Hour)}}
		_, _ = openWorker(t, &fakeJudge{}, r)
		synctest.Wait()
		assert.Equal(t, []string{"old", "new"}, r.runs())
		time.Sleep(4 * time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"old", "new", "said so"}, r.runs())
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		assert.Len(t, r.runs(), 3, "the other may be going on")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"old", "new", "said so", "just now"}, r.runs(), "each once")
	})
}

// slowReports finds no run before it is asked to end.
type slowReports struct{ *fakeReports }

func (slowReports) Unjudged(ctx context.Context, _, _ time.Time, _ int) ([]*monitor.RunInfo, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A bridge that cannot serve, since its address is in use, say, ends while it looks for runs. That is no failure of judging.
func TestWorkerSaysNothingWhenItIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &harness.Buffer{}
		w := judge.NewWorker(&fakeJudge{}, slowReports{&fakeReports{}}, slog.New(slog.NewTextHandler(log, nil)))
		require.NoError(t, w.Open())
		synctest.Wait()
		require.NoError(t, w.Close())
		assert.Empty(t, log.String())
	})
}

// A run that was judged a moment before the worker opened is judged again, since its report may lack what arrived then. Nobody is
// told of a report that says the same.
func TestWorkerTellsNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &fakeJudge{give: map[string]*monitor.Report{"run": {Project: "p", Run: "run", Basis: "a"}}}
		r := &fakeReports{}
		log := &harness.Buffer{}
		w := judge.NewWorker(j, r, slog.New(slog.NewTextHandler(log, nil)))
		told := 0
		w.Answers, w.OnKept = r, func(*monitor.Report, time.Duration) { told++ }
		require.NoError(t, w.Open())
		defer func() { assert.NoError(t, w.Close()) }()
		for i, basis := range []string{"a", "a", "b"} {
			j.give["run"].Basis = basis
			w.Ended("p", "run")
			synctest.Wait()
			assert.Len(t, r.runs(), i+1)
			assert.Equal(t, []int{1, 1, 2}[i], told)
			assert.Equal(t, told, strings.Count(log.String(), "run is judged"))
		}
	})
}

func TestWorkerStopsWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &fakeJudge{errs: map[string][]error{"run": {monitor.Errorf(monitor.EUnavailable, "away")}}}
		w, _ := openWorker(t, j, &fakeReports{})
		w.Ended("p", "run")
		synctest.Wait()
		start := time.Now()
		require.NoError(t, w.Close())
		assert.Zero(t, time.Since(start))
	})
}

func TestWorkerOutlivesPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, r := &fakeJudge{}, &fakeReports{}
		j.enter = func(run string) {
			if run == "odd" {
				panic("index out of range")
			}
		}
		w, log := openWorker(t, j, r)
		w.Ended("p", "odd")
		w.Ended("p", "fine")
		synctest.Wait()
		assert.Equal(t, []string{"fine"}, r.runs())
		assert.Contains(t, log.String(), "index out of range")
		assert.Contains(t, log.String(), "worker_test.go", "where it was")
	})
}

func TestWorkerSettles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, r := &fakeJudge{enter: func(string) { time.Sleep(time.Second) }}, &fakeReports{}
		w, _ := openWorker(t, j, r)
		w.Ended("p", "one")
		w.Ended("p", "two")
		w.Settle(t.Context())
		assert.Equal(t, []string{"one", "two"}, r.runs())
	})
}
