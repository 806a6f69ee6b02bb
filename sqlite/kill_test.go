package sqlite_test

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// serveToBeKilled names the file that a process of this test program serves until it is killed.
const serveToBeKilled = "PYMON_TEST_SERVE_FILE"

// TestServeToBeKilled is the other process of [killedBridge]. In a plain run it does nothing.
func TestServeToBeKilled(t *testing.T) {
	path := os.Getenv(serveToBeKilled)
	if path == "" {
		return
	}
	db := dbAt(path, utcZones())
	require.NoError(t, db.Open(t.Context()))
	for range 20 {
		appendAll(t, db, newLoad().records(3)...)
	}
	_, err := db.AddToken(t.Context(), monitor.Token{Project: "shop", Hash: [32]byte{1}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".loaded", nil, 0o600))
	time.Sleep(time.Hour)
}

// killedBridge returns the file of a process that was killed while it served the file. Nothing was copied from the log
// into the file yet.
func killedBridge(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	cmd := exec.Command(os.Args[0], "-test.run=^TestServeToBeKilled$")
	cmd.Env = append(os.Environ(), serveToBeKilled+"="+path)
	require.NoError(t, cmd.Start())
	eventually(t, "the other process has stored its records", func() bool {
		_, err := os.Stat(path + ".loaded")
		return err == nil
	})
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	return path
}

// openings are the two ways to open a file that no process serves.
var openings = map[string]func(t *testing.T, db *sqlite.DB) error{
	"to serve it": func(t *testing.T, db *sqlite.DB) error { return db.Open(t.Context()) },
	"for tokens":  func(t *testing.T, db *sqlite.DB) error { return db.OpenShared(t.Context()) },
}

func TestLossAfterAKillIsNamed(t *testing.T) {
	tests := map[string]struct {
		damage func(t *testing.T, path string)
		refuse string // empty: there is only a warning
		warn   string
	}{
		"a bit of the log is flipped": {
			damage: func(t *testing.T, path string) {
				log, err := os.ReadFile(path + "-wal")
				require.NoError(t, err)
				log[len(log)/2] ^= 4
				require.NoError(t, os.WriteFile(path+"-wal", log, 0o600))
			},
			refuse: "whole transactions follow it",
		},
		"log removed": {
			damage: func(t *testing.T, path string) { require.NoError(t, os.Remove(path+"-wal")) },
			refuse: "its log pymon.db-wal is missing or empty",
		},
		"log emptied": {
			damage: func(t *testing.T, path string) { require.NoError(t, os.Truncate(path+"-wal", 0)) },
			refuse: "its log pymon.db-wal is missing or empty",
		},
		"log removed, and the system was started again": {
			damage: func(t *testing.T, path string) {
				index, err := os.ReadFile(path + "-shm")
				require.NoError(t, err)
				other := raw(t, path)
				_, err = other.Exec("DELETE FROM tokens")
				require.NoError(t, err)
				require.NoError(t, other.Close())
				require.NoError(t, os.WriteFile(path+"-shm", index, 0o600))
				marks, err := os.ReadFile(path + ".lock")
				require.NoError(t, err)
				_, boot, ok := bytes.Cut(marks, []byte("since boot "))
				require.True(t, ok)
				require.NoError(t, os.WriteFile(path+".lock", bytes.Replace(marks, boot, []byte("another\n"), 1), 0o600))
			},
			warn: "the journal's log is empty, but its index says that it was not",
		},
		"log and index removed, nothing is in the file": {
			damage: func(t *testing.T, path string) {
				require.NoError(t, os.Remove(path+"-wal"))
				require.NoError(t, os.Remove(path+"-shm"))
			},
			refuse: "it has no tables, but its lock says that it had content",
		},
		"log and index removed by SQLite, which looks like a removal by a person": {
			damage: func(t *testing.T, path string) {
				other := raw(t, path)
				_, err := other.Exec("DELETE FROM tokens")
				require.NoError(t, err)
				require.NoError(t, other.Close())
				require.NoFileExists(t, path+"-wal")
			},
			warn: "the bridge was killed, and the journal's log is gone",
		},
		"nothing": {damage: func(*testing.T, string) {}},
	}
	for name, test := range tests {
		for how, openFile := range openings {
			t.Run(name+", opened "+how, func(t *testing.T) {
				t.Parallel()
				path := killedBridge(t)
				test.damage(t, path)
				warn := test.warn
				before := map[string][]byte{}
				for _, suffix := range []string{"", "-wal", "-shm"} {
					if content, err := os.ReadFile(path + suffix); err == nil {
						before[suffix] = content
					}
				}
				for range 2 {
					var out bytes.Buffer
					db := sqlite.New(path, utcZones(), slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})))
					db.MinFree = 0
					err := openFile(t, db)
					if test.refuse == "" {
						require.NoError(t, err)
						require.NoError(t, db.Close())
						assert.Contains(t, out.String(), warn)
						assert.Equal(t, warn == "", out.String() == "", out.String())
						warn = "" // the second start is after a clean end
						continue
					}
					require.ErrorContains(t, err, test.refuse)
					if _, ok := before["-shm"]; !ok {
						continue // SQLite has opened the file, to find that it has no tables
					}
					for suffix, content := range before {
						now, err := os.ReadFile(path + suffix)
						require.NoError(t, err)
						assert.True(t, bytes.Equal(content, now), "%s was changed", suffix)
					}
				}
			})
		}
	}
}

// Several processes that open the file of a killed bridge at once must not take each other for a bridge that serves it.
func TestNobodyReplaysADamagedLogBesideAnother(t *testing.T) {
	path := killedBridge(t)
	log, err := os.ReadFile(path + "-wal")
	require.NoError(t, err)
	log[len(log)/2] ^= 4
	require.NoError(t, os.WriteFile(path+"-wal", log, 0o600))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 5 {
				assert.Error(t, dbAt(path, utcZones()).OpenShared(t.Context()))
			}
		})
	}
	group.Wait()
	now, err := os.ReadFile(path + "-wal")
	require.NoError(t, err)
	assert.True(t, bytes.Equal(log, now), "the damaged log was changed")
}
