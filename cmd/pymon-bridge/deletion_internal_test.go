package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// deletingBackend calls deleting when it is asked to delete a project.
type deletingBackend struct {
	monitor.Backend
	deleting func()
}

func (*deletingBackend) Destination() monitor.Destination { return "http://new/pytest" }

func (b *deletingBackend) DeleteProject(context.Context, string) error {
	b.deleting()
	return nil
}

// InfluxDB may take minutes to delete. Delivery stands still only until nothing of the project is on the way, and what was
// delivered of it meanwhile is delivered again.
func TestDeliveryGoesOnWhileInfluxDBDeletes(t *testing.T) {
	db := sqlite.New(filepath.Join(t.TempDir(), sqlite.FileName), monitor.Zones{Server: time.UTC}, slog.New(slog.DiscardHandler))
	db.MinFree = 0
	require.NoError(t, db.Open(t.Context()))
	defer func() { require.NoError(t, db.Close()) }()
	still, asked := 0, false
	x := &deleter{db: db, logger: slog.New(slog.DiscardHandler), forget: func() {},
		quiet: func(_ context.Context, do func() error) error {
			still++
			defer func() { still-- }()
			return do()
		},
		backend: &deletingBackend{deleting: func() {
			asked = true
			assert.Zero(t, still, "delivery stands still")
			require.NoError(t, db.Append(t.Context(), []*monitor.Record{{Project: "gone", Received: time.Now(),
				Session: &monitor.Session{SessionH: "s", RunDate: "2026-11-22T12:00:00"}}}))
			require.NoError(t, db.Ack(t.Context(), "http://new/pytest", monitor.Acknowledgement{Cursor: 1}))
		}},
	}
	id, err := db.AddDeletion(t.Context(), "gone")
	require.NoError(t, err)
	require.NoError(t, x.next(t.Context()))
	assert.True(t, asked)
	state, err := db.DeletionState(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, []string{"http://new/pytest"}, state.Cleared)
	replay, err := db.NextReplay(t.Context(), "http://new/pytest")
	require.NoError(t, err)
	require.NotNil(t, replay)
	assert.Equal(t, "gone", replay.Project)
}
