package e2e_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// Clients post all the time, each on a new connection, and others read on connections that they keep. Each request is
// answered while the program is replaced, and each record is there once.
func TestUpgradesAnswerEveryRequest(t *testing.T) {
	t.Parallel()
	files, pool := newCertificates(t)
	for name, cfg := range map[string]harness.BridgeConfig{
		"own socket":        {},
		"TLS":               {RootCAs: pool, Args: []string{"--tls-cert", files.cert, "--tls-key", files.key}},
		"service manager's": {HandOver: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bridge := harness.StartBridge(t, cfg)
			trust := &tls.Config{RootCAs: pool}
			posts := &poster{base: bridge.URL, client: http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trust}}}
			process, reads := newMachine(), http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
			process.enrol(t, posts)
			var stop atomic.Bool
			var clients sync.WaitGroup
			var answered, read atomic.Int64
			for n := range 8 {
				clients.Go(func() {
					for i := 0; !stop.Load(); i++ {
						posts.mustPost(t, "/metrics/", metricJSON(process.metric(fmt.Sprint(n, "-", i), time.Now())))
						answered.Add(1)
					}
				})
			}
			for range 2 {
				clients.Go(func() {
					for !stop.Load() {
						response, err := reads.Get(bridge.URL + "/api/v1/contexts/")
						if !assert.NoError(t, err) {
							return
						}
						_, err = io.Copy(io.Discard, response.Body)
						assert.NoError(t, err)
						assert.Equal(t, http.StatusOK, response.StatusCode)
						read.Add(1)
						time.Sleep(5 * time.Millisecond)
					}
				})
			}
			pid := bridge.PID()
			for range 3 {
				before, beforeReads := answered.Load(), read.Load()
				require.Eventually(t, func() bool { return answered.Load() > before+20 && read.Load() > beforeReads+2 }, time.Minute, time.Millisecond)
				bridge.Upgrade()
			}
			stop.Store(true)
			clients.Wait()
			assert.Equal(t, pid, bridge.PID())
			assert.Len(t, harness.Stored(t, bridge.Data).Metrics, int(answered.Load()))
			assert.Equal(t, 0, bridge.Stop().ExitCode())
			assert.NotContains(t, bridge.Log(), "connections were cut")
			bridge.Start()
			posts.mustPost(t, "/metrics/", metricJSON(process.metric("after", time.Now())))
		})
	}
}

// A program that cannot serve takes no place. The bridge goes on, and says why.
func TestAProgramThatCannotServeTakesNoPlace(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "pymon-bridge")
	bridge := harness.StartBridge(t, harness.BridgeConfig{Program: copyProgram(t, program)})
	for script, reason := range map[string]string{
		"#!/bin/sh\necho 'pymon-bridge: --page-size: expected less' >&2\nexit 1\n": "cannot serve: --page-size: expected less",
		"#!/bin/sh\nkill -9 $$\n": "cannot serve: signal: killed",
		"no program at all":       "exec format error",
	} {
		replaceFile(t, program, script)
		before := strings.Count(bridge.Log(), "no upgrade: the bridge goes on as it is")
		bridge.Signal(syscall.SIGUSR2)
		require.Eventually(t, func() bool {
			return strings.Count(bridge.Log(), "no upgrade: the bridge goes on as it is") > before
		}, time.Minute, time.Millisecond)
		assert.Contains(t, bridge.Log(), reason)
		newPoster(bridge.URL).mustPost(t, "/contexts/", newMachine().contextJSON())
	}
	require.NoError(t, os.Rename(copyProgram(t, program+".new"), program))
	bridge.Upgrade()
	newPoster(bridge.URL).mustPost(t, "/contexts/", newMachine().contextJSON())
}

// copyProgram copies the program under test to path, and returns the path.
func copyProgram(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("cp", harness.Program(t), path).CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

// replaceFile puts a new file in the place of a program that may run.
func replaceFile(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o700))
	require.NoError(t, os.Rename(path+".new", path))
}
