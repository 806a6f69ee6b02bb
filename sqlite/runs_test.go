package sqlite_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// started returns a session that starts and arrives so many seconds after arrival.
func started(h string, seconds int, change func(rec *monitor.Record)) *monitor.Record {
	at := arrival.Add(time.Duration(seconds) * time.Second)
	rec := record(process(h, at))
	rec.Received = at
	if change != nil {
		change(rec)
	}
	return rec
}

func TestRunsOfParallelPytest(t *testing.T) {
	db, _ := openNew(t)
	appendAll(t, db, started("controller", 0, nil))
	for i := range 4 {
		worker := started(fmt.Sprint("worker", i), 1+i, nil)
		appendAll(t, db, worker, record(measured(worker.Session.SessionH, "test_a", arrival.Add(6*time.Second))))
		assert.Equal(t, "controller", worker.Session.Run)
	}
	for name, change := range map[string]func(rec *monitor.Record){
		"commit":      func(rec *monitor.Record) { rec.Session.ScmRef.String = "other" },
		"null commit": func(rec *monitor.Record) { rec.Session.ScmRef = monitor.Text{Null: true} },
		"description": func(rec *monitor.Record) { rec.Session.Description = `{"a": "b"}` },
		"client":      func(rec *monitor.Record) { rec.Client = "10.0.0.2" },
		"project":     func(rec *monitor.Record) { rec.Project = "zoo" },
	} {
		other := started(name, 2, change)
		appendAll(t, db, other)
		assert.Equal(t, name, other.Session.Run)
	}
	late := started("late", 16, nil)
	appendAll(t, db, late)
	assert.Equal(t, "late", late.Session.Run)
	next := started("next", 17, nil)
	appendAll(t, db, next)
	assert.Equal(t, "late", next.Session.Run, "the most recent leader counts")
}

func TestPlainRunsFollowEachOther(t *testing.T) {
	db, _ := openNew(t)
	for i := range 3 {
		h := fmt.Sprint("plain", i)
		s := started(h, 2*i, nil)
		appendAll(t, db, s, record(measured(h, "test_a", arrival)))
		assert.Equal(t, h, s.Session.Run, "the earlier leader has a metric")
	}
}

func TestTheRunTagNamesTheRun(t *testing.T) {
	db, _ := openNew(t)
	tag := func(rec *monitor.Record) {
		rec.Session.Description = `{"run": "4711", "pipeline_branch": "main", "pipeline_build_no": "9"}`
		rec.Session.Tags = []monitor.Tag{
			{Name: "run", Value: monitor.Text{String: "4711"}},
			{Name: "pipeline_branch", Value: monitor.Text{String: "main"}},
			{Name: "pipeline_build_no", Value: monitor.Text{String: "9"}},
		}
	}
	a, b, untagged := started("a", 0, tag), started("b", 3600, tag), started("c", 3601, nil)
	appendAll(t, db, a, b, untagged)
	for _, s := range []*monitor.Record{a, b} {
		assert.Equal(t, "4711", s.Session.Run)
		assert.Equal(t, "main", s.Session.Branch)
		assert.Equal(t, "9", s.Session.Build)
	}
	assert.Equal(t, "c", untagged.Session.Run)
	for h, want := range map[string]string{"a": "4711", "c": "c", "unknown": "unknown"} {
		run, ended, err := db.RunOf(t.Context(), "shop", h)
		require.NoError(t, err)
		assert.Equal(t, want, run)
		assert.False(t, ended)
	}
	appendAll(t, db, record(ended("c", arrival, "")))
	run, ended, err := db.RunOf(t.Context(), "shop", "c")
	require.NoError(t, err)
	assert.Equal(t, "c", run)
	assert.True(t, ended)
	elsewhere, _, err := db.RunOf(t.Context(), "zoo", "a")
	require.NoError(t, err)
	assert.Equal(t, "a", elsewhere)
}

func TestRunSummary(t *testing.T) {
	db, _ := openNew(t)
	metric := func(session, variant, kind string, seconds, memory float64) *monitor.Record {
		m := measured(session, variant, arrival.Add(3*time.Second))
		m.ItemVariant, m.Kind, m.TotalTime, m.MemUsage = variant, kind, seconds, memory
		return record(m)
	}
	appendAll(t, db, started("controller", 0, nil), started("worker", 1, nil),
		metric("worker", "test_fast <x at 0x7f01>", "function", 0.5, -3),
		metric("worker", "test_slow <x at 0x7f02>", "function", 2, -7),
		metric("controller", "test_absent", "function", math.NaN(), math.NaN()),
		metric("worker", "", "module", 99, 99),
		metric("unknown", "test_orphan", "function", 1, 5))

	got, err := db.RunSummary(t.Context(), "shop", "controller")
	require.NoError(t, err)
	assert.Equal(t, &monitor.RunSummary{
		Project: "shop", Run: "controller", ScmRef: "c0ffee", Sessions: 2, Tests: 3, Modules: 1, TotalTime: 2.5,
		Slowest:   monitor.Extreme{ItemPath: "tests.test_shop", ItemVariant: "test_slow <x at 0x7f02>", Value: 2},
		MostMem:   monitor.Extreme{ItemPath: "tests.test_shop", ItemVariant: "test_fast <x at 0x7f01>", Value: -3},
		NewSeries: 4, FirstHour: true, RunEnd: monitor.RunEnd{Open: 2, Whole: true},
	}, got)

	orphans, err := db.RunSummary(t.Context(), "shop", "unknown")
	require.NoError(t, err)
	assert.Equal(t, 1, orphans.Sessions)
	assert.Equal(t, 1, orphans.Tests)

	appendAll(t, db, started("empty", 60, nil))
	empty, err := db.RunSummary(t.Context(), "shop", "empty")
	require.NoError(t, err)
	assert.Equal(t, &monitor.RunSummary{Project: "shop", Run: "empty", ScmRef: "c0ffee", Sessions: 1, FirstHour: true, RunEnd: monitor.RunEnd{Open: 1, Whole: true}}, empty)

	for project, run := range map[string]string{"shop": "machine", "zoo": "controller"} {
		_, err = db.RunSummary(t.Context(), project, run)
		assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), "%s of %s", run, project)
	}
}

func TestRunSummaryCountsNewSeries(t *testing.T) {
	db, _ := openNew(t)
	run := func(h string, seconds int, items ...string) *monitor.RunSummary {
		session := started(h, seconds, nil)
		session.Received = arrival.Add(time.Duration(seconds) * time.Second)
		appendAll(t, db, session)
		for _, item := range items {
			appendAll(t, db, record(measured(h, item, arrival.Add(time.Duration(seconds)*time.Second))))
		}
		sum, err := db.RunSummary(t.Context(), "shop", h)
		require.NoError(t, err)
		return sum
	}
	first := run("first", 0, "test_a", "test_b <x at 0x7f01>")
	assert.Equal(t, 2, first.NewSeries)
	assert.True(t, first.FirstHour)
	second := run("second", 60, "test_a", "test_b <x at 0x7f02>", "test_c")
	assert.Equal(t, 1, second.NewSeries, "another address is the same test")
	assert.True(t, second.FirstHour, "another job of the first pipeline")
	third := run("third", 3661, "test_d")
	assert.Equal(t, 1, third.NewSeries)
	assert.False(t, third.FirstHour)
}
