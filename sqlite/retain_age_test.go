package sqlite_test

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// agedRuns stores runs of one test, and what retention leaves of them.
type agedRuns struct {
	t      require.TestingT
	db     *sqlite.DB
	last   uint64
	number int
}

func newAgedRuns(t require.TestingT, db *sqlite.DB) *agedRuns {
	a := &agedRuns{t: t, db: db}
	a.store(placed(machine("machine")))
	return a
}

func (a *agedRuns) store(recs ...*monitor.Record) {
	require.NoError(a.t, a.db.Append(context.Background(), recs))
	a.last = recs[len(recs)-1].Seq
}

// arrives stores a run that pytest sends at a time of the bridge's clock.
func (a *agedRuns) arrives(branch string, at time.Time) (run string) {
	return a.run(branch, at, at, nil)
}

// imported stores a run with a date from a bridge's file, where it arrived then.
func (a *agedRuns) imported(at time.Time) (run string) {
	return a.run("main", at, at, &monitor.Import{Placed: true})
}

func (a *agedRuns) run(branch string, date, received time.Time, from *monitor.Import) string {
	a.number++
	s := process(fmt.Sprint("run", a.number), date)
	s.Run, s.Branch, s.Start.UTC, s.ScmRef.String = s.SessionH, branch, date.UnixNano(), s.SessionH
	s.Description, s.Tags = fmt.Sprintf(`{"branch": %q}`, branch), []monitor.Tag{{Name: "branch", Value: monitor.Text{String: branch}}}
	m := measured(s.SessionH, "test_a", date)
	m.At.UTC = date.UnixNano()
	recs := []*monitor.Record{record(s), record(m)}
	for _, rec := range recs {
		rec.Received, rec.Import = received, from
	}
	a.store(recs...)
	require.Equal(a.t, s.SessionH, s.Run)
	return s.Run
}

// left returns the runs that a round of retention leaves, the newest two among them.
func (a *agedRuns) left(keep time.Duration) (ids []string) {
	require.NoError(a.t, a.db.Ack(context.Background(), dest, monitor.Acknowledgement{Cursor: a.last}))
	_, err := a.db.Retain(context.Background(), monitor.Retention{Keep: keep, Dest: dest, UpTo: a.last, Newest: 2}, nothing)
	require.NoError(a.t, err)
	for run, err := range a.db.Runs(context.Background(), monitor.RunQuery{Project: "shop"}, monitor.Page{}) {
		require.NoError(a.t, err)
		ids = append(ids, run.ID)
	}
	return ids
}

// A clock that jumps by years makes no run old, also where runs arrive meanwhile.
func TestAClockThatJumpsMakesNoRunOld(t *testing.T) {
	const keep, years = 60 * day, 3650 * day
	db, _ := newDB(t, utcZones())
	var now time.Time
	db.Now = func() time.Time { return now }
	open(t, db)
	runs := newAgedRuns(t, db)
	runs.arrives("release", arrival.Add(-70*day))
	runs.arrives("main", arrival.Add(-70*day))
	for n := range 70 {
		runs.arrives("main", arrival.Add(time.Duration(n-70)*day+time.Hour))
	}
	now = arrival
	require.Len(t, runs.left(keep), 61, "60 days of main, and release")

	now = arrival.Add(years)
	require.Len(t, runs.left(keep), 61, "nothing has arrived since the jump")
	runs.arrives("fix", now)
	now = now.Add(time.Hour)
	ids := runs.left(keep)
	assert.Len(t, ids, 1+60+1, "no time has passed")
	assert.Contains(t, ids, "run1", "no branch has ended, although main and release had no run for ten years")

	now = arrival.Add(-years)
	misdated := runs.arrives("fix", now)
	now = arrival.Add(time.Hour)
	runs.arrives("main", now)
	runs.arrives("fix", now)
	runs.arrives("fix", now.Add(time.Minute))
	assert.Contains(t, runs.left(keep), misdated, "what arrives while the clock is behind is young")
	now = arrival.Add(10 * day)
	runs.arrives("main", now)
	ids = runs.left(keep)
	assert.NotContains(t, ids, "run20", "a clock that was wrong keeps nothing else")
	assert.Contains(t, ids, misdated)
	for n := range 70 { // the clock is ahead for good
		now = arrival.Add(years + time.Duration(n+1)*day)
		runs.arrives("main", now)
	}
	ids = runs.left(keep)
	assert.NotContains(t, ids, "run60", "time passes that arrivals show")
	assert.NotContains(t, ids, misdated)
}

// What is imported from a bridge's file goes by its dates, and does not keep others.
func TestAnImportOfAnOldFileKeepsNoRun(t *testing.T) {
	db, _ := newDB(t, utcZones())
	db.Now = func() time.Time { return arrival }
	open(t, db)
	runs := newAgedRuns(t, db)
	for n := range 100 {
		runs.arrives("main", arrival.Add(time.Duration(n-100)*day+time.Hour))
	}
	for n := range 10 {
		runs.imported(arrival.Add(time.Duration(n-510) * day))
	}
	ids := runs.left(60 * day)
	assert.Len(t, ids, 60)
	assert.NotContains(t, ids, "run101")
}

// A clock that was years ahead, was right for a while, and is ahead again makes no import old.
func TestAnImportStaysWhereTheClockIsAheadAgain(t *testing.T) {
	const years = 3650 * day
	db, _ := newDB(t, utcZones())
	db.Now = func() time.Time { return arrival.Add(years) }
	open(t, db)
	runs := newAgedRuns(t, db)
	runs.arrives("main", arrival.Add(-30*day))
	runs.arrives("main", arrival.Add(years-16*day))
	runs.arrives("main", arrival.Add(-day))
	runs.arrives("main", arrival.Add(years-time.Hour))
	young := runs.imported(arrival.Add(-3 * day))
	assert.Contains(t, runs.left(7*day), young)
}

// A pause of weeks is time that passes, however short runs are kept.
func TestRunsGoAlsoWhereTeamsPause(t *testing.T) {
	for _, every := range []time.Duration{day, 7 * day, 31 * day} {
		for _, keep := range []time.Duration{7 * day, 30 * day, 60 * day} {
			db, _ := newDB(t, utcZones())
			db.Now = func() time.Time { return arrival }
			open(t, db)
			runs := newAgedRuns(t, db)
			for n := range 70 {
				runs.arrives("main", arrival.Add(time.Duration(n-69)*every-time.Hour))
			}
			assert.Len(t, runs.left(keep), max(2, int((keep-time.Hour)/every)+1), "every %s, --keep %s", every, keep)
		}
	}
}

// TestOnlyOldRunsGoWhateverTheClockDoes draws arrivals with pauses of weeks, jumps of years and imports. No run goes before its time. Once the
// clock is right, all go that are as old as they seem, but for the pauses in which the clock changed, which nothing measures. A clock that
// is ahead for as long as runs are kept counts as right for dates of imports.
func TestOnlyOldRunsGoWhateverTheClockDoes(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue { // each makes a file
		require.NoError(t, checks.Value.Set("15"))
		defer func() { require.NoError(t, checks.Value.Set(checks.DefValue)) }()
	}
	const years = 3650 * day
	type aged struct {
		date, shown time.Time // by the right clock, and by that of the bridge
		imported    bool
	}
	rapid.Check(t, func(rt *rapid.T) {
		now, wrong := arrival, time.Duration(0)
		db, _ := newDB(t, utcZones())
		db.Now = func() time.Time { return now.Add(wrong) }
		require.NoError(rt, db.Open(t.Context()))
		defer func() { require.NoError(rt, db.Close()) }()
		runs, all := newAgedRuns(rt, db), map[string]aged{}
		keep := time.Duration(rapid.SampledFrom([]int{7, 30, 60, 200}).Draw(rt, "keep")) * day
		all[runs.arrives("main", now)] = aged{now, now, false} // the clock was right at first
		var jumped time.Time
		var unmeasured time.Duration
		for range rapid.IntRange(1, 40).Draw(rt, "runs") {
			if rapid.IntRange(0, 4).Draw(rt, "import") == 0 {
				date := now.Add(-time.Duration(rapid.IntRange(0, 500).Draw(rt, "age")) * day)
				all[runs.imported(date)] = aged{date, date, true}
				continue
			}
			before, pause := wrong, time.Duration(rapid.SampledFrom([]int{0, 1, 1, 1, 7, 15, 20}).Draw(rt, "days"))*day+time.Hour
			now = now.Add(pause)
			switch changes := rapid.IntRange(0, 2).Draw(rt, "changes") == 0; {
			case changes && wrong != 0:
				wrong = 0
			case changes:
				wrong, jumped = rapid.SampledFrom([]time.Duration{0, -years, years}).Draw(rt, "wrong"), now
			}
			if wrong != before {
				unmeasured += pause
			}
			all[runs.arrives("main", now.Add(wrong))] = aged{now, now.Add(wrong), false}
		}
		now = now.Add(time.Minute)
		left := map[string]bool{}
		for _, id := range runs.left(keep) {
			left[id] = true
		}
		extra := 0
		for id, run := range all {
			old := now.Sub(run.date) >= keep
			if !old {
				if run.imported && wrong > 0 && now.Sub(jumped) >= keep {
					continue
				}
				require.True(rt, left[id], "%s of %s, shown as %s, went at %s with a clock wrong by %s", id, run.date, run.shown, now, wrong)
			} else if left[id] && min(now.Sub(run.date), now.Sub(run.shown)) >= keep+unmeasured && !run.imported {
				extra++
			}
		}
		if wrong == 0 {
			require.LessOrEqual(rt, extra, 2, "old runs stay beside the newest two")
		}
	})
}
