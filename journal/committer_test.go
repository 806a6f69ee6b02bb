package journal_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/journal"
	"pymon-bridge/monitor"
)

func openCommitter(t *testing.T, j monitor.Journal) *journal.Committer {
	t.Helper()
	c := journal.NewCommitter(j, discard())
	require.NoError(t, c.Open())
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}

// appendAll appends the records concurrently and returns their errors in the order of the records.
func appendAll(c *journal.Committer, recs []*monitor.Record) []error {
	errs := make([]error, len(recs))
	var all sync.WaitGroup
	for i, r := range recs {
		all.Go(func() { errs[i] = c.Append(context.Background(), r) })
	}
	all.Wait()
	return errs
}

func metrics(n int) []*monitor.Record {
	recs := make([]*monitor.Record, n)
	for i := range recs {
		recs[i] = metric1("p", "c", "s")
	}
	return recs
}

func TestCommitterGathersWhileItCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newFakeJournal()
		var groups []int
		j.AppendFn = func(recs []*monitor.Record) error {
			time.Sleep(time.Millisecond)
			for _, r := range recs {
				r.Seq = 1
			}
			return nil
		}
		c := journal.NewCommitter(j, discard())
		c.OnCommit = func(n int, took time.Duration, err error) {
			groups = append(groups, n)
			assert.NoError(t, err)
			assert.Equal(t, time.Millisecond, took)
		}
		require.NoError(t, c.Open())

		first := metrics(1)
		done := make(chan struct{})
		go func() { defer close(done); appendAll(c, first) }()
		synctest.Wait() // the first commit is under way
		recs := metrics(1200)
		for _, err := range appendAll(c, recs) {
			assert.NoError(t, err)
		}
		<-done
		for _, r := range append(recs, first...) {
			assert.EqualValues(t, 1, r.Seq)
		}
		require.NoError(t, c.Close())
		assert.Equal(t, []int{1, 512, 512, 176}, groups)
	})
}

func TestCommitterBoundsTheBytesOfACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newFakeJournal()
		var groups []int
		j.AppendFn = func(recs []*monitor.Record) error {
			time.Sleep(time.Millisecond)
			groups = append(groups, len(recs))
			return nil
		}
		c := openCommitter(t, j)
		big := string(make([]byte, 600<<10))
		recs := metrics(1)
		go appendAll(c, recs)
		synctest.Wait()
		appendAll(c, []*monitor.Record{
			{Session: &monitor.Session{Description: big}},
			{Session: &monitor.Session{Description: big}},
			{Context: &monitor.Context{PythonInfo: big}},
			{Metric: &monitor.Metric{ItemVariant: big}},
		})
		assert.Equal(t, []int{1, 2, 2}, groups)
	})
}

func TestCommitterGivesEachCallerTheErrorOfItsRecord(t *testing.T) {
	full := &monitor.Error{Code: monitor.EFull, Message: "full", RetryAfter: time.Minute}
	failed := &monitor.Error{Code: monitor.EUnavailable, Message: "checking", RetryAfter: time.Second}
	bad := monitor.Errorf(monitor.EInvalid, "bad")
	tests := []struct {
		name    string
		err     func(recs []*monitor.Record) error
		want    []error // of three records
		commits int     // of the group of three
	}{
		{"a failed journal fails all", func([]*monitor.Record) error { return failed }, []error{failed, failed, failed}, 1},
		{"a full journal accepts a repeat", func(recs []*monitor.Record) error {
			for _, r := range recs {
				if r.Project != "bad" {
					return full
				}
			}
			return nil
		}, []error{full, nil, full}, 4},
		{"an invalid record fails alone", func(recs []*monitor.Record) error {
			for _, r := range recs {
				if r.Project == "bad" {
					return bad
				}
			}
			return nil
		}, []error{nil, bad, nil}, 4},
		{"a record that makes the journal panic fails alone", func(recs []*monitor.Record) error {
			for _, r := range recs {
				if r.Project == "bad" {
					panic("poison")
				}
			}
			return nil
		}, []error{nil, errors.New("panic while committing: poison"), nil}, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := newFakeJournal()
				commits := -1 // the first commit, which the three records wait for, does not count
				j.AppendFn = func(recs []*monitor.Record) error {
					commits++
					time.Sleep(time.Millisecond)
					if recs[0].Project == "first" {
						return nil
					}
					return tt.err(recs)
				}
				c := openCommitter(t, j)
				go appendAll(c, []*monitor.Record{{Project: "first"}})
				synctest.Wait()
				errs := appendAll(c, []*monitor.Record{{Project: "good"}, {Project: "bad"}, {Project: "good"}})
				for i, want := range tt.want {
					if want == nil {
						assert.NoError(t, errs[i])
						continue
					}
					assert.EqualError(t, errs[i], want.Error())
				}
				assert.Equal(t, tt.commits, commits)
				assert.NoError(t, appendAll(c, []*monitor.Record{{Project: "first"}})[0], "the committer goes on")
			})
		})
	}
}

// TestCommitterNeverPartsTheRecordsOfACaller holds that each commit has all records of a caller or none: those of a group
// that is full, and those that are tried alone.
func TestCommitterNeverPartsTheRecordsOfACaller(t *testing.T) {
	bad := monitor.Errorf(monitor.EInvalid, "bad")
	synctest.Test(t, func(t *testing.T) {
		j := newFakeJournal()
		var groups []int
		j.AppendFn = func(recs []*monitor.Record) error {
			time.Sleep(time.Millisecond)
			groups = append(groups, len(recs))
			for _, r := range recs {
				if r.Project == "bad" {
					return bad
				}
			}
			return nil
		}
		c := openCommitter(t, j)
		go appendAll(c, metrics(1))
		synctest.Wait()
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { assert.NoError(t, c.Append(t.Context(), metrics(200)...)) })
		}
		all.Wait()
		assert.Equal(t, []int{1, 600, 200}, groups)

		groups = nil
		go appendAll(c, metrics(1))
		synctest.Wait()
		wrong := metrics(3)
		wrong[1].Project = "bad"
		all.Go(func() { assert.ErrorIs(t, c.Append(t.Context(), wrong...), bad) })
		all.Go(func() { assert.NoError(t, c.Append(t.Context(), metrics(5)...)) })
		all.Wait()
		assert.ElementsMatch(t, []int{1, 8, 3, 5}, groups)
	})
}

func TestCommitterReturnsTheErrorOfTheJournalUnchanged(t *testing.T) {
	full := &monitor.Error{Code: monitor.EFull, Message: "full", RetryAfter: time.Minute}
	j := newFakeJournal()
	j.AppendFn = func([]*monitor.Record) error { return full }
	c := openCommitter(t, j)
	assert.Same(t, full, c.Append(t.Context(), metrics(1)[0]))
}

func TestCommitterCommitsTheRecordOfACancelledCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newFakeJournal()
		committed := 0
		j.AppendFn = func(recs []*monitor.Record) error {
			time.Sleep(time.Second)
			committed += len(recs)
			return nil
		}
		c := journal.NewCommitter(j, discard())
		require.NoError(t, c.Open())
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		assert.ErrorIs(t, c.Append(ctx, metrics(1)[0]), context.DeadlineExceeded)
		require.NoError(t, c.Close())
		assert.Equal(t, 1, committed)
	})
}

func TestCommitterCloseCommitsEveryAcceptedRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newFakeJournal()
		committed := 0
		j.AppendFn = func(recs []*monitor.Record) error {
			time.Sleep(time.Second)
			committed += len(recs)
			return nil
		}
		c := journal.NewCommitter(j, discard())
		assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(c.Append(t.Context(), metrics(1)[0])))
		require.NoError(t, c.Open())
		assert.Error(t, c.Open(), "twice")

		var errs []error
		done := make(chan struct{})
		go func() { defer close(done); errs = appendAll(c, metrics(2000)) }()
		synctest.Wait()
		require.NoError(t, c.Close())
		<-done
		accepted := 0
		for _, err := range errs {
			if err == nil {
				accepted++
				continue
			}
			assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err))
		}
		assert.Equal(t, accepted, committed)
		assert.GreaterOrEqual(t, accepted, 512)
		assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(c.Append(t.Context(), metrics(1)[0])))
		require.NoError(t, c.Close(), "twice")
	})
}

// BenchmarkCommitter measures group commit on a journal that takes 300 µs for a commit of any size.
func BenchmarkCommitter(b *testing.B) {
	for _, callers := range []int{1, 16, 64, 256} {
		b.Run(benchName("callers", callers), func(b *testing.B) {
			j := newFakeJournal()
			j.AppendFn = func([]*monitor.Record) error { spin(300 * time.Microsecond); return nil }
			c := journal.NewCommitter(j, discard())
			require.NoError(b, c.Open())
			rec := metrics(1)[0]
			b.ReportAllocs()
			b.ResetTimer()
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for range b.N / callers {
						if err := c.Append(context.Background(), rec); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			require.NoError(b, c.Close())
		})
	}
}

// Callers that are ready when a group begins are in it, also where they get a processor only when the committer lets them.
func TestCommitterLetsCallersHandIn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	j := newFakeJournal()
	var groups []int
	j.AppendFn = func(recs []*monitor.Record) error {
		groups = append(groups, len(recs))
		return nil
	}
	c := openCommitter(t, j)
	for _, err := range appendAll(c, metrics(8)) {
		assert.NoError(t, err)
	}
	assert.Equal(t, []int{8}, groups)
}
