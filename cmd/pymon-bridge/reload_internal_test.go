package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// destination is a stand-in for InfluxDB that takes a new token.
type destination struct {
	monitor.Backend
	token string
}

func (d *destination) SetToken(token string) { d.token = token }

// waiting runs f beside a bridge that waits, which follows the files of the flags and has no other part than a destination.
func waiting(t *testing.T, files valueFiles, f func(to *destination, level *slog.LevelVar, log *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var level slog.LevelVar
		to := &destination{token: "old"}
		b := &bridge{config: &serveCmd{}, logger: slog.New(slog.NewTextHandler(&log, nil)), backend: to}
		b.follow(files, &level)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = b.wait(ctx, nil) }()
		f(to, &level, &log)
	})
}

// polled lets the bridge look at its files a few times.
func polled() {
	time.Sleep(3*reloadEvery + reloadEvery/2)
	synctest.Wait()
}

func writeValue(t *testing.T, path, value string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(value), 0o600))
}

func TestNewValuesInFilesAreUsed(t *testing.T) {
	t.Parallel()
	token, level := filepath.Join(t.TempDir(), "token"), filepath.Join(t.TempDir(), "level")
	files := valueFiles{"influx-token": {"INFLUX_TOKEN_FILE", token, "old"}, "log-level": {"PYMON_LOG_LEVEL_FILE", level, "info"}}
	writeValue(t, token, "old\n")
	writeValue(t, level, "info\n")
	waiting(t, files, func(to *destination, used *slog.LevelVar, log *bytes.Buffer) {
		polled()
		assert.Empty(t, log.String(), "nothing is new")
		writeValue(t, token, " new\r\n")
		polled()
		assert.Equal(t, "new", to.token)
		writeValue(t, level, "debug")
		polled()
		assert.Equal(t, slog.LevelDebug, used.Level())
		assert.Equal(t, 2, strings.Count(log.String(), "a new value is in use"), log)
		assert.NotContains(t, log.String(), "token=", "secrets stay out of the log")
	})
}

func TestWrongValuesInFilesChangeNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, path string)
		says  string
	}{
		"empty":     {func(t *testing.T, path string) { writeValue(t, path, "\n") }, "InfluxDB needs a token"},
		"two lines": {func(t *testing.T, path string) { writeValue(t, path, "secret1\nsecret2\n") }, "a line break"},
		"huge":      {func(t *testing.T, path string) { writeValue(t, path, strings.Repeat("x", maxValue+1)) }, "at most 65536 bytes"},
		"removed":   {func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }, "no such file"},
		"a pipe that nobody writes to": {func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, syscall.Mkfifo(path, 0o600))
		}, "expected a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "token")
			waiting(t, valueFiles{"influx-token": {"INFLUX_TOKEN_FILE", path, "old"}}, func(to *destination, _ *slog.LevelVar, log *bytes.Buffer) {
				for n := range 2 { // a fault that comes again is news
					writeValue(t, path, "old")
					polled()
					tt.spoil(t, path)
					polled()
					assert.Equal(t, "old", to.token)
					assert.Equal(t, n+1, strings.Count(log.String(), "level=WARN"), "one warning for each fault: %s", log)
					require.NoError(t, os.RemoveAll(path))
				}
				assert.Contains(t, log.String(), tt.says)
				assert.NotContains(t, log.String(), "secret1")
				writeValue(t, path, "new")
				polled()
				assert.Equal(t, "new", to.token, "a good value is used after a wrong one")
			})
		})
	}
}

func TestWrongLevelInAFileChangesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "level")
	waiting(t, valueFiles{"log-level": {"PYMON_LOG_LEVEL_FILE", path, "info"}}, func(_ *destination, level *slog.LevelVar, log *bytes.Buffer) {
		for _, wrong := range []string{"loud", "INFO+2", ""} {
			writeValue(t, path, wrong)
			polled()
			assert.Equal(t, slog.LevelInfo, level.Level(), wrong)
		}
		assert.Equal(t, 3, strings.Count(log.String(), "expected debug, info, warn or error"), log)
	})
}
