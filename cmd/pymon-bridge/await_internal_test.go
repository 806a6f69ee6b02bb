package main

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// A command that waits for the bridge goes on waiting while the bridge restarts, and ends when no bridge comes.
func TestWaitingEndsWithTheBridge(t *testing.T) {
	for name, wait := range map[string]func(m *Main, db *sqlite.DB) error{
		"replay": func(m *Main, db *sqlite.DB) error {
			id, err := db.AddReplay(context.Background(), monitor.Replay{})
			require.NoError(t, err)
			_, err = m.awaitReplay(context.Background(), db, id)
			return err
		},
		"delete": func(m *Main, db *sqlite.DB) error {
			id, err := db.AddDeletion(context.Background(), "shop")
			require.NoError(t, err)
			_, err = m.awaitDeletion(context.Background(), db, id)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), sqlite.FileName)
			synctest.Test(t, func(t *testing.T) {
				quiet := slog.New(slog.DiscardHandler)
				serve := func() *sqlite.DB {
					db := sqlite.New(path, monitor.Zones{Server: time.UTC}, quiet)
					require.NoError(t, db.Open(context.Background()))
					return db
				}
				bridge := serve()
				db := sqlite.New(path, monitor.Zones{Server: time.UTC}, quiet)
				require.NoError(t, db.OpenShared(context.Background()))
				done := make(chan error, 1)
				go func() { done <- wait(&Main{Stdout: io.Discard, Stderr: io.Discard}, db) }()
				time.Sleep(time.Minute)
				require.NoError(t, bridge.Close())
				time.Sleep(5 * time.Second)
				bridge = serve()
				time.Sleep(time.Minute)
				assert.Empty(t, done, "the bridge may still do it")
				require.NoError(t, bridge.Close())
				time.Sleep(20 * time.Second)
				if assert.Len(t, done, 1) {
					assert.ErrorContains(t, <-done, "the bridge has ended; the next one that serves the directory goes on")
				}
				require.NoError(t, db.Close())
			})
		})
	}
}
