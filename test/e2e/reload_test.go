package e2e_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// The bridge begins with a token that InfluxDB does not know. The right one comes into the file, and no restart follows.
func TestNewTokenInAFileIsUsed(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	for name, files := range map[string]func(t *testing.T, dir, token string){
		"overwritten": func(t *testing.T, dir, token string) { write(t, filepath.Join(dir, "token"), token+"\n") },
		"swapped as by Kubernetes": func(t *testing.T, dir, token string) {
			version, err := os.MkdirTemp(dir, "..version")
			require.NoError(t, err)
			write(t, filepath.Join(version, "token"), token)
			require.NoError(t, os.Symlink(filepath.Base(version), filepath.Join(dir, "..next")))
			require.NoError(t, os.Rename(filepath.Join(dir, "..next"), filepath.Join(dir, "..data")))
			_ = os.Symlink(filepath.Join("..data", "token"), filepath.Join(dir, "token")) // it stays the second time
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			files(t, dir, "not-the-token")
			bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{
				Env: []string{"INFLUX_TOKEN=", "INFLUX_TOKEN_FILE=" + filepath.Join(dir, "token")}})
			process, posts := newMachine(), newPoster(bridge.URL)
			process.enrol(t, posts)
			sent := process.metrics("test_cart", process.started, 5)
			posts.mustPostAll(t, sent)
			bridge.WaitSays("denies access")

			files(t, dir, influx.Token)
			bridge.WaitDelivered()
			assertArrived(t, sent, points(t, influx, bucket))
			bridge.WaitReady()
			assert.NotContains(t, bridge.Log(), influx.Token)
		})
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// SIGHUP makes the bridge use a new certificate and a new level of its log. The level follows its file without a signal too.
func TestHangupReadsFilesAgain(t *testing.T) {
	t.Parallel()
	files, pool := newCertificates(t)
	level := filepath.Join(t.TempDir(), "level")
	write(t, level, "error\n")
	bridge := harness.StartBridge(t, harness.BridgeConfig{RootCAs: pool, Env: []string{"PYMON_LOG_LEVEL_FILE=" + level},
		Args: []string{"--tls-cert", files.cert, "--tls-key", files.key}})
	assert.NotContains(t, bridge.Log(), `"level":"INFO"`)

	renewed, next := newCertificates(t)
	for from, to := range map[string]string{renewed.cert: files.cert, renewed.key: files.key} {
		require.NoError(t, os.Rename(from, to))
	}
	write(t, level, "info\n")
	bridge.Signal(syscall.SIGHUP)
	says := func(text string) func() bool {
		return func() bool { return strings.Contains(bridge.Log(), text) }
	}
	require.Eventually(t, says(`"read":["tokens","PYMON_LOG_LEVEL_FILE","certificate"]`), time.Minute, 10*time.Millisecond)
	conn, err := tls.Dial("tcp", strings.TrimPrefix(bridge.URL, "https://"), &tls.Config{RootCAs: next})
	require.NoError(t, err, "the new certificate is in use")
	require.NoError(t, conn.Close())

	write(t, level, "loud\n")
	assert.Eventually(t, says(`expected debug, info, warn or error, got \"loud\"`), time.Minute, 10*time.Millisecond)
	write(t, level, "debug\n")
	assert.Eventually(t, func() bool { return strings.Count(bridge.Log(), "a new value is in use") == 2 }, time.Minute, 10*time.Millisecond)
	bridge.Stop()
}
