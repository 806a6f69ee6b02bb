package judge_test

import (
	"bytes"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
)

const (
	waitLong  = 30 * time.Second
	waitShort = time.Millisecond
)

// lockedBuffer collects a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func openClerk(t *testing.T, j *fakeJudge, r *fakeReports) (*judge.Worker, *lockedBuffer) {
	t.Helper()
	log := &lockedBuffer{}
	c := judge.NewWorker(j, r, slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, c.Open())
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c, log
}

func TestClerkKeepsReportsOfRunsThatEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, r := &fakeJudge{}, &fakeReports{}
		c, log := openClerk(t, j, r)
		c.Ended("p", "one")
		c.Ended("p", "two")
		c.Ended("p", "one")
		synctest.Wait()
		assert.Equal(t, []string{"one", "two"}, r.runs(), "each once, while it waits")
		assert.Contains(t, log.String(), `level=WARN msg="run is judged" project=p run=one`)
		assert.Contains(t, log.String(), `worst=pkg.test_a.test_slow[1] metric=cpu_time`)
		assert.Contains(t, log.String(), `first_bad=bad`)

		c.Ended("p", "one")
		synctest.Wait()
		assert.Equal(t, []string{"one", "two", "one"}, r.runs(), "and again when something was added")
	})
}

func TestClerkJudgesAgainWhatIsAddedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c *judge.Worker
		var once sync.Once
		j, r := &fakeJudge{}, &fakeReports{}
		j.enter = func(run string) { once.Do(func() { c.Ended("p", run) }) }
		c, _ = openClerk(t, j, r)
		synctest.Wait()
		c.Ended("p", "run")
		synctest.Wait()
		assert.Equal(t, []string{"run", "run"}, r.runs())
	})
}

func TestClerkInsists(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := monitor.Errorf(monitor.EUnavailable, "InfluxDB is away")
		j := &fakeJudge{errs: map[string][]error{
			"later": {away, away, away},
			"gone":  {monitor.Errorf(monitor.ENotFound, "there is no such run")},
			"odd":   {assert.AnError},
		}}
		r := &fakeReports{fails: 2}
		c, log := openClerk(t, j, r)
		for _, run := range []string{"later", "gone", "odd", "fine"} {
			c.Ended("p", run)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, []string{"later", "fine"}, r.runs())
		assert.Contains(t, log.String(), "level=ERROR", "an unknown fault is not hidden")
		assert.NotContains(t, log.String(), "run=gone")
	})
}

func TestClerkCatchesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := func(id string, ago time.Duration) *monitor.RunInfo {
			return &monitor.RunInfo{Project: "p", ID: id, Started: time.Now().Add(-ago).UnixNano()}
		}
		r := &fakeReports{unjudged: []*monitor.RunInfo{ended("just now", time.Minute), ended("new", time.Hour),
			ended("old", 6*24*time.Hour), ended("too old", 8*24*time.Hour)}}
		_, _ = openClerk(t, &fakeJudge{}, r)
		synctest.Wait()
		assert.Equal(t, []string{"old", "new"}, r.runs())
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		assert.Len(t, r.runs(), 2, "it may be going on")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"old", "new", "just now"}, r.runs())
	})
}

func TestClerkStopsWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &fakeJudge{errs: map[string][]error{"run": {monitor.Errorf(monitor.EUnavailable, "away")}}}
		c, _ := openClerk(t, j, &fakeReports{})
		c.Ended("p", "run")
		synctest.Wait()
		start := time.Now()
		require.NoError(t, c.Close())
		assert.Zero(t, time.Since(start))
	})
}

func TestClerkOutlivesPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, r := &fakeJudge{}, &fakeReports{}
		j.enter = func(run string) {
			if run == "odd" {
				panic("index out of range")
			}
		}
		c, log := openClerk(t, j, r)
		c.Ended("p", "odd")
		c.Ended("p", "fine")
		synctest.Wait()
		assert.Equal(t, []string{"fine"}, r.runs())
		assert.Contains(t, log.String(), "index out of range")
		assert.Contains(t, log.String(), "clerk_test.go", "where it was")
	})
}
