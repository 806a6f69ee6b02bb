package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/cache"
	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
	"pymon-bridge/telemetry"
)

const newInflux monitor.Destination = "http://new/pytest"

// deletingBackend answers with deleting when it is asked to delete a project.
type deletingBackend struct {
	deleting func(project string) error
}

func (*deletingBackend) Destination() monitor.Destination { return newInflux }

func (b *deletingBackend) DeleteProject(_ context.Context, project string) error {
	return b.deleting(project)
}

// newDeleter returns a deleter of an empty file.
func newDeleter(t *testing.T, deleting func(project string) error) *deleter {
	db := sqlite.New(filepath.Join(t.TempDir(), sqlite.FileName), monitor.Zones{Server: time.UTC}, slog.New(slog.DiscardHandler))
	db.MinFree = 0
	require.NoError(t, db.Open(t.Context()))
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return &deleter{db: db, logger: slog.New(slog.DiscardHandler), forget: func() {}, points: &deletingBackend{deleting},
		quiet: func(_ context.Context, do func() error) error { return do() }}
}

// arrives stores a session of the project, and delivers it.
func arrives(t *testing.T, db *sqlite.DB, project string) {
	require.NoError(t, db.Append(t.Context(), []*monitor.Record{{Project: project, Received: time.Now(),
		Session: &monitor.Session{SessionH: "s", RunDate: "2026-11-22T12:00:00"}}}))
	require.NoError(t, db.Ack(t.Context(), newInflux, monitor.Acknowledgement{Cursor: 1}))
}

// InfluxDB may take minutes to delete. Delivery stands still only until nothing of the project is on the way, and what was
// delivered of it meanwhile is delivered again.
func TestDeliveryGoesOnWhileInfluxDBDeletes(t *testing.T) {
	still, asked := 0, false
	var x *deleter
	x = newDeleter(t, func(string) error {
		asked = true
		assert.Zero(t, still, "delivery stands still")
		arrives(t, x.db, "gone")
		return nil
	})
	x.quiet = func(_ context.Context, do func() error) error {
		still++
		defer func() { still-- }()
		return do()
	}
	id, err := x.db.AddDeletion(t.Context(), "gone")
	require.NoError(t, err)
	require.NoError(t, x.next(t.Context()))
	assert.True(t, asked)
	state, err := x.db.DeletionState(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, newInflux, state.Dest)
	assert.Empty(t, state.Error)
	replay, err := x.db.NextReplay(t.Context(), newInflux)
	require.NoError(t, err)
	require.NotNil(t, replay)
	assert.Equal(t, "gone", replay.Project)
}

// What InfluxDB does not delete is asked for again, after longer and longer waits, also after a restart, until it is deleted.
// What arrived of the project meanwhile is delivered again then, and only once.
func TestWhatInfluxDBDidNotDeleteIsAskedForAgain(t *testing.T) {
	var answer error = monitor.Errorf(monitor.EUnavailable, "InfluxDB is away")
	var asked []string
	deleting := func(project string) error { asked = append(asked, project); return answer }
	x := newDeleter(t, deleting)
	next := func(want ...string) {
		t.Helper()
		asked = nil
		require.NoError(t, x.next(t.Context()))
		assert.Equal(t, want, asked)
	}
	arrives(t, x.db, "gone")
	require.NoError(t, x.db.Ack(t.Context(), "http://old/pytest", monitor.Acknowledgement{Cursor: 1}))
	id, err := x.db.AddDeletion(t.Context(), "gone")
	require.NoError(t, err)
	next("gone")
	state, err := x.db.DeletionState(t.Context(), id)
	require.NoError(t, err)
	assert.False(t, state.Ended.IsZero(), "nobody waits for InfluxDB")
	assert.Equal(t, "InfluxDB is away", state.Error)
	arrives(t, x.db, "gone")

	x.after = time.Now().Add(time.Hour)
	next()
	x.now.Store(true) // SIGHUP
	next("gone")
	assert.Equal(t, 2, x.tries)
	x = &deleter{db: x.db, logger: x.logger, forget: x.forget, points: x.points, quiet: x.quiet} // a restart
	answer = monitor.Errorf(monitor.EForbidden, "InfluxDB denies it")
	next("gone")
	assert.Greater(t, time.Until(x.after), 20*time.Second, "a person has to act")
	left, err := x.db.Undeleted(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 2)
	assert.Equal(t, "InfluxDB denies it", left[0].Error)
	replay, err := x.db.NextReplay(t.Context(), newInflux)
	require.NoError(t, err)
	assert.Nil(t, replay, "nothing was deleted")

	answer, x.after = nil, time.Time{}
	next("gone")
	next()
	left, err = x.db.Undeleted(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 1)
	assert.Equal(t, monitor.Destination("http://old/pytest"), left[0].Dest, "the bridge does not deliver there")
	replay, err = x.db.NextReplay(t.Context(), newInflux)
	require.NoError(t, err)
	require.NotNil(t, replay)
	assert.Equal(t, "gone", replay.Project)
}

// The courier remembers origins. It hears of a project that is hidden.
func TestTheCourierHearsOfADeletion(t *testing.T) {
	x := newDeleter(t, func(string) error { return nil })
	b := &bridge{db: x.db, logger: x.logger, metrics: telemetry.New("", "")}
	var err error
	b.backend, err = (&serveCmd{influxFlags: influxFlags{URL: "http://127.0.0.1:1", Token: "t", Org: "o"}}).openBackend(x.logger, nil)
	require.NoError(t, err)
	b.newCourier(&cache.Fallback{})
	before := b.courier.Hides()
	_, err = x.db.AddDeletion(t.Context(), "gone")
	require.NoError(t, err)
	require.NoError(t, x.next(t.Context()))
	assert.Greater(t, b.courier.Hides(), before)
	require.NoError(t, b.backend.Close())
}
