package sqlite_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
	"pymon-bridge/monitor/wire"
)

// TestABrokenRunMakesNoTestFlaky has two runs on one commit. In the first run all tests pass. In the second run some fail.
func TestABrokenRunMakesNoTestFlaky(t *testing.T) {
	for name, c := range map[string]struct{ tests, failed, flaky int }{
		"one test":                  {30, 1, 1},
		"as many as pass":           {40, 20, 20},
		"more than pass":            {39, 20, 0},
		"all":                       {20, 20, 0},
		"all, but only a few tests": {19, 19, 19},
	} {
		t.Run(name, func(t *testing.T) {
			db, _ := openNew(t)
			recs := []*monitor.Record{record(machine("machine"))}
			for run := range 2 {
				start := arrival.Add(time.Duration(run) * time.Hour)
				s := process(fmt.Sprint("run", run), start)
				recs = append(recs, record(s))
				for i := range c.tests {
					o := became(s.SessionH, fmt.Sprint("test.py::", i), start.Add(time.Duration(i)*time.Second))
					o.Outcome, o.Attempts = monitor.Passed, 1
					if run == 1 && i < c.failed {
						o.Outcome = []string{monitor.OutcomeFailed, monitor.OutcomeError}[i%2]
					}
					recs = append(recs, record(o))
				}
			}
			for _, rec := range recs {
				rec.Received = arrival.Add(2 * time.Hour)
			}
			appendAll(t, db, recs...)
			n, err := db.CountFlakyTests(t.Context(), monitor.FlakyQuery{Project: "shop"})
			require.NoError(t, err)
			assert.EqualValues(t, c.flaky, n)
		})
	}
}

// TestJobsOfOneCommitDoNotContradictEachOther has two runs on one commit and one class of machine. A test passes in the first
// run and fails in the second.
func TestJobsOfOneCommitDoNotContradictEachOther(t *testing.T) {
	for name, c := range map[string]struct {
		branches [2]string
		flaky    int64
	}{
		"two jobs":         {[2]string{"job unit", "job unit-no-extras"}, 0},
		"one job":          {[2]string{"job unit", "job unit"}, 1},
		"a job, a branch":  {[2]string{"job unit", "main"}, 0},
		"two branches":     {[2]string{"main", "feature"}, 1},
		"two with no name": {[2]string{"", ""}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.flaky, contradictions(t, "branch", c.branches))
		})
	}
}

// contradictions returns how many tests are flaky after two runs of one commit that have a tag with these values. The only test passes in
// the first and fails in the second.
func contradictions(t *testing.T, tag string, values [2]string) int64 {
	t.Helper()
	db, _ := openNew(t)
	recs := []*monitor.Record{record(machine("machine"))}
	for run, value := range values {
		start := arrival.Add(time.Duration(run) * time.Hour)
		s := process(fmt.Sprint("run", run), start)
		s.Description = fmt.Sprintf(`{"run": %q, %q: %q}`, s.SessionH, tag, value)
		s.Tags = wire.ParseDescription(s.Description)
		o := became(s.SessionH, "test.py::test", start)
		o.Outcome, o.Attempts = []string{monitor.Passed, monitor.OutcomeFailed}[run], 1
		recs = append(recs, record(s), record(o))
	}
	for _, rec := range recs {
		rec.Received = arrival.Add(2 * time.Hour)
	}
	appendAll(t, db, recs...)
	n, err := db.CountFlakyTests(t.Context(), monitor.FlakyQuery{Project: "shop"})
	require.NoError(t, err)
	return n
}

// A person who changes the files between two runs of one commit makes no test flaky.
func TestChangesThatAreNotCommittedMakeNoTestFlaky(t *testing.T) {
	for name, c := range map[string]struct {
		dirty [2]string // the tags of the two runs
		flaky int64
	}{
		"none":           {[2]string{"", ""}, 1},
		"in the first":   {[2]string{"yes", ""}, 0},
		"in the second":  {[2]string{"", "yes"}, 0},
		"in both of two": {[2]string{"yes", "yes"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.flaky, contradictions(t, monitor.TagDirty, c.dirty))
		})
	}
}

// A search in all runs takes long. Another project that waits reads after a part of it, and a client that leaves ends it.
func TestASearchForFlakyTestsLetsOthersRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _ := openNew(t)
		fillOutcomes(t, db, 30, 100)
		queue := &turns.Queue{AtOnce: 1, MaxWaiting: 1}
		place, err := queue.Take(t.Context(), "shop")
		require.NoError(t, err)
		read := false
		ctx, leave := context.WithCancel(turns.NewContext(t.Context(), place))
		defer leave()
		go func() {
			other, err := queue.Take(t.Context(), "other")
			assert.NoError(t, err)
			read = true
			other.Leave()
		}()
		synctest.Wait()
		n, err := db.CountFlakyTests(ctx, monitor.FlakyQuery{Project: "shop", Since: 1})
		require.NoError(t, err)
		assert.Positive(t, n)
		assert.True(t, read)
		place.Leave() // the search got it back

		place, err = queue.Take(t.Context(), "shop")
		require.NoError(t, err)
		go func() {
			other, err := queue.Take(t.Context(), "other")
			assert.NoError(t, err)
			leave() // the client of the search
			other.Leave()
		}()
		synctest.Wait()
		_, err = db.CountFlakyTests(turns.NewContext(ctx, place), monitor.FlakyQuery{Project: "shop", Since: 1})
		assert.ErrorIs(t, err, context.Canceled)
	})
}
