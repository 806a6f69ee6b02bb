package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
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

// A proxy in front of InfluxDB asks the bridge to wait for five minutes. A new token is tried at once.
func TestNewTokenInAFileEndsTheWait(t *testing.T) {
	t.Parallel()
	var refused, accepted atomic.Int32
	influx := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/api/v2/write":
			w.WriteHeader(http.StatusNotFound)
		case r.Header.Get("Authorization") != "Token new":
			refused.Add(1)
			w.Header().Set("Retry-After", "300")
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			accepted.Add(1)
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(influx.Close)
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, "old")
	bridge := harness.StartBridge(t, harness.BridgeConfig{Env: []string{"INFLUX_TOKEN_FILE=" + file, "INFLUX_URL=" + influx.URL, "INFLUX_ORG=o"}})
	newMachine().enrol(t, newPoster(bridge.URL))
	assert.Eventually(t, func() bool { return refused.Load() > 0 }, time.Minute, 10*time.Millisecond)
	write(t, file, "new")
	assert.Eventually(t, func() bool { return accepted.Load() > 0 }, time.Minute, 10*time.Millisecond)
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

	handshake := func(authorities *x509.CertPool) {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(bridge.URL, "https://"), &tls.Config{RootCAs: authorities})
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	handshake(pool) // the bridge looks at the files at most once a second without a signal
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
	handshake(next)

	write(t, level, "loud\n")
	assert.Eventually(t, says(`expected debug, info, warn or error, got \"loud\"`), time.Minute, 10*time.Millisecond)
	write(t, level, "debug\n")
	assert.Eventually(t, func() bool { return strings.Count(bridge.Log(), "a new value is in use") == 2 }, time.Minute, 10*time.Millisecond)
	bridge.Stop()
}
