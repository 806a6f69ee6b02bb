package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/cache"
	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
	"pymon-bridge/telemetry"
)

// A bridge without room says why, and what helps.
func TestAFullBridgeSaysWhy(t *testing.T) {
	full := monitor.RetentionRound{Full: true, Undelivered: 1200, Newest: 60}
	for _, tt := range []struct {
		config serveCmd
		round  monitor.RetentionRound
		says   string
	}{
		{serveCmd{}, monitor.RetentionRound{}, "without InfluxDB no run goes unless --keep says how old runs may become"},
		{serveCmd{Keep: keptAge(400 * 24 * time.Hour)}, monitor.RetentionRound{}, "without InfluxDB only runs older than --keep go; shorten it"},
		{serveCmd{influxFlags: influxFlags{URL: "http://influx"}}, monitor.RetentionRound{}, "the oldest runs that InfluxDB has are removed"},
		{serveCmd{influxFlags: influxFlags{URL: "http://influx"}}, full, "no more runs can go: 1,200 not delivered to InfluxDB yet, or dead letters, " +
			"60 of the newest 60 commits of their branch and class of machine; raise --max-bytes"},
		{serveCmd{influxFlags: influxFlags{URL: "http://influx"}}, monitor.RetentionRound{Full: true, Waits: "a replay is under way"},
			"no run goes now: a replay is under way"},
		{serveCmd{influxFlags: influxFlags{URL: "http://influx"}}, monitor.RetentionRound{Full: true, Mixed: 2},
			"no more runs can go: 2 with the hash of a session for a machine; raise"},
		{serveCmd{influxFlags: influxFlags{URL: "http://influx"}}, monitor.RetentionRound{Full: true}, "no more runs can go: none is left; raise"},
	} {
		r := newRetainer(&tt.config, slog.New(slog.DiscardHandler))
		r.removed = func(int64, int64) {}
		r.note(t.Context(), tt.round)
		assert.Contains(t, r.whyFull(), tt.says)
	}
}

// aged returns a session of 500 days and i minutes ago.
func aged(i int) *monitor.Record {
	start := time.Now().Add(-500*24*time.Hour + time.Duration(i)*time.Minute)
	return &monitor.Record{Project: "shop", Received: time.Now(), Import: &monitor.Import{Placed: true}, Session: &monitor.Session{SessionH: fmt.Sprint("s", i),
		RunDate: start.UTC().Format("2006-01-02T15:04:05.000000"), Run: fmt.Sprint(i), Start: monitor.Instant{UTC: start.UnixNano()}}}
}

// A round that ends for a deletion is not done: the next one follows the deletion, and not an hour later.
func TestARoundFollowsTheDeletionThatEndedTheLastOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger := slog.New(slog.DiscardHandler)
		db := sqlite.New(filepath.Join(t.TempDir(), sqlite.FileName), monitor.Zones{Server: time.UTC}, logger)
		db.MinFree = 0
		require.NoError(t, db.Open(t.Context()))
		defer func() { require.NoError(t, db.Close()) }()
		for i := range monitor.KeptRuns + 3 {
			require.NoError(t, db.Append(t.Context(), []*monitor.Record{aged(i)}))
		}
		time.Sleep(2 * time.Minute)
		b := &bridge{config: &serveCmd{Keep: keptAge(400 * 24 * time.Hour), QuietAfter: time.Minute}, logger: logger, db: db,
			cache: &cache.Store{}, metrics: telemetry.New("", "")}
		b.retention = newRetainer(b.config, logger)
		b.openRetention()
		b.deletions = &deleter{db: db, logger: logger, forget: func() {}, quiet: func(_ context.Context, do func() error) error { return do() }}
		b.retention.forget = sync.OnceFunc(func() {
			_, err := db.AddDeletion(t.Context(), "another")
			require.NoError(t, err)
		})
		b.retention.next(t.Context())
		require.EqualValues(t, 1, b.retention.status().Runs, "the deletion comes first")
		require.Zero(t, b.retention.status().Last, "what a part of a round saw says nothing")
		require.NoError(t, b.deletions.next(t.Context()))
		b.retention.next(t.Context())
		assert.EqualValues(t, 3, b.retention.status().Runs)
		assert.Equal(t, monitor.KeptRuns, b.retention.status().Last.Newest)
	})
}

// The first round comes at the start, with what cannot be under way any more. The next ones come each hour, and each says what it did.
// One that fails is followed by another after a minute.
func TestRoundsOfRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		db := sqlite.New(filepath.Join(t.TempDir(), sqlite.FileName), monitor.Zones{Server: time.UTC}, logger)
		db.MinFree = 0
		require.NoError(t, db.Open(t.Context()))
		defer func() { require.NoError(t, db.Close()) }()
		add := func(from, to int) {
			for i := from; i < to; i++ {
				require.NoError(t, db.Append(t.Context(), []*monitor.Record{aged(i)}))
			}
		}
		b := &bridge{config: &serveCmd{Keep: keptAge(400 * 24 * time.Hour), QuietAfter: time.Minute}, logger: logger, db: db,
			cache: &cache.Store{}, metrics: telemetry.New("", "")}
		b.retention = newRetainer(b.config, logger)
		add(0, 1)
		time.Sleep(2 * time.Minute)
		add(1, monitor.KeptRuns+2)
		b.openRetention()
		removed := func() int64 { return b.retention.status().Runs }
		for range 59 {
			b.retention.next(t.Context())
			time.Sleep(time.Second)
			require.EqualValues(t, 1, removed(), "a client may go on with its run after the restart")
		}
		time.Sleep(2 * time.Second)
		b.retention.next(t.Context())
		assert.EqualValues(t, 2, removed())
		assert.Contains(t, log.String(), `msg="old runs were removed from the file" runs=1 records=1 kept_undelivered=0 kept_newest=60`)
		add(100, 103)
		for range 58 {
			time.Sleep(time.Minute)
			b.retention.next(t.Context())
			require.EqualValues(t, 2, removed())
		}
		broken, stop := context.WithCancel(t.Context())
		b.retention.forget = stop // fails when it has begun with a run
		time.Sleep(3 * time.Minute)
		b.retention.next(broken)
		require.ErrorIs(t, broken.Err(), context.Canceled)
		require.Less(t, removed(), int64(5))
		for range 59 {
			time.Sleep(time.Second)
			b.retention.next(t.Context())
			require.Less(t, removed(), int64(5))
		}
		time.Sleep(2 * time.Second)
		b.retention.next(t.Context())
		assert.EqualValues(t, 5, removed(), "a minute after the failure, not an hour")
	})
}

// Where nothing can go, rounds become rare: each looks through the whole file.
func TestAFileThatStaysFullIsReadRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger := slog.New(slog.DiscardHandler)
		db := sqlite.New(filepath.Join(t.TempDir(), sqlite.FileName), monitor.Zones{Server: time.UTC}, logger)
		db.MinFree = 0
		require.NoError(t, db.Open(t.Context()))
		defer func() { require.NoError(t, db.Close()) }()
		b := &bridge{config: &serveCmd{influxFlags: influxFlags{URL: "http://influx"}, MaxBytes: 1, QuietAfter: time.Minute}, logger: logger, db: db,
			cache: &cache.Store{}, metrics: telemetry.New("", "")}
		b.retention = newRetainer(b.config, logger)
		b.openRetention()
		rounds, last := 0, time.Time{}
		for range 3 * 3600 {
			if b.retention.next(t.Context()); b.retention.status().Last.Began != last {
				last = b.retention.status().Last.Began
				rounds++
			}
			time.Sleep(time.Second)
		}
		assert.Equal(t, 21, rounds, "after 1, 2, 4 and 8 minutes, then each ten minutes")
	})
}

// A file that cannot be read is said, and the first round comes when it can be, also where no run may go.
func TestARoundThatCannotBeginIsSaidAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		path := filepath.Join(t.TempDir(), sqlite.FileName)
		open := func() *sqlite.DB {
			db := sqlite.New(path, monitor.Zones{Server: time.UTC}, slog.New(slog.DiscardHandler))
			db.MinFree = 0
			require.NoError(t, db.Open(t.Context()))
			return db
		}
		db := open()
		require.NoError(t, db.Close())
		b := &bridge{config: &serveCmd{QuietAfter: time.Minute}, logger: logger, db: db, cache: &cache.Store{}, metrics: telemetry.New("", "")}
		b.retention = newRetainer(b.config, logger)
		b.openRetention()
		for range 90 {
			b.retention.next(t.Context())
			time.Sleep(time.Second)
		}
		assert.Equal(t, 2, strings.Count(log.String(), "old runs cannot be removed now; the bridge tries again"), log.String())
		b.retention.db = open()
		defer func() { require.NoError(t, b.retention.db.Close()) }()
		time.Sleep(time.Minute)
		b.retention.next(t.Context())
		assert.NotZero(t, b.retention.says.Last.Began)
	})
}
