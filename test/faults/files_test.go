package faults_test

import (
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/faults/seam"
	"pymon-bridge/test/harness"
)

// failing is an operation on the files that fails, with the words that the log and the readiness have for it.
type failing struct {
	operation seam.Operation
	says      string
	// refuses says that nothing can be accepted while the operation fails each time.
	refuses bool
	starts  bool // the operation is done at the start only
}

var failings = []failing{
	{operation: seam.Open, says: "opening a file failed", starts: true},
	{operation: seam.ReadDatabase, says: ": reading ", starts: true}, // or "reading or writing", where SQLite hides which
	{operation: seam.ReadLog, says: "reading a file failed", starts: true},
	{operation: seam.WriteDatabase, says: "writing a file failed"},
	{operation: seam.WriteLog, says: "writing a file failed", refuses: true},
	{operation: seam.SyncDatabase, says: "syncing a file to the disk (fsync) failed"},
	{operation: seam.SyncLog, says: "syncing a file to the disk (fsync) failed", refuses: true},
	{operation: seam.Truncate, says: "truncating a file failed"},
	{operation: seam.ShareMemory, says: "mapping the log's index pymon.db-shm into memory failed", starts: true},
	{operation: seam.Remove, starts: true}, // SQLite removes its log when a bridge stops, and does not mind
}

var fileFaults = fileFaultsOf(failings)

func fileFaultsOf(all []failing) (faults []fault) {
	for _, f := range all {
		faults = append(faults, fault{name: "failed " + f.operation.String(), short: 2, long: 20, run: f.run})
	}
	return faults
}

// run makes the n-th operation fail, once and then for ever, in a bridge that serves and while it starts.
func (f failing) run(t *testing.T, rounds int) tally {
	s := newFaultySite(t, harness.BridgeConfig{Args: []string{"--max-bytes", "32MiB"}})
	s.begin()
	longest := time.Duration(0)
	for n := range rounds {
		for _, effect := range []seam.Effect{seam.FailOnce, seam.FailEver} {
			began := time.Now()
			if f.starts {
				f.whileItStarts(s, int64(n+1), effect)
			} else {
				f.whileItServes(s, int64(n+1), effect)
			}
			s.ledger.accepts(t, clients)
			longest = max(longest, time.Since(began))
		}
	}
	assert.Zero(t, s.page.Unsafe.Load(), "a sync that succeeded after one that had failed, without another write")
	r := s.tally(rounds)
	r.longest = longest
	return r
}

// whileItServes lets the operation fail in a bridge that accepts. After an error for ever the bridge is killed.
func (f failing) whileItServes(s *site, n int64, effect seam.Effect) {
	s.t.Helper()
	said := strings.Count(s.bridge.Log(), f.says)
	s.page.Arm(f.operation, n, effect)
	require.Eventually(s.t, func() bool { return s.page.Failed.Load() > 0 }, 3*time.Minute, 2*time.Millisecond, "no %s", f.operation)
	require.Eventually(s.t, func() bool { return strings.Count(s.bridge.Log(), f.says) > said }, time.Minute, 10*time.Millisecond,
		"the log does not say that %s", f.says)
	if effect == seam.FailEver {
		if f.refuses {
			s.bridge.WaitSays("[-]journal: ")
			status, _ := s.bridge.Ready()
			assert.Equal(s.t, http.StatusServiceUnavailable, status)
		}
		s.bridge.Kill()
	}
	s.page.Disarm()
	if effect == seam.FailEver {
		s.bridge.Start()
	}
}

// whileItStarts lets the operation fail in a bridge that stops and starts, and while lists are read.
func (f failing) whileItStarts(s *site, n int64, effect seam.Effect) {
	s.t.Helper()
	said := strings.Count(s.bridge.Log(), f.says)
	s.page.Arm(f.operation, n, effect)
	if f.operation == seam.ReadLog {
		s.bridge.Kill() // a bridge that stops empties its log
	} else {
		s.bridge.Signal(syscall.SIGTERM)
		s.bridge.WaitEnded()
	}
	serves := s.bridge.TryStart()
	if serves {
		for range 5 {
			if resp, err := http.Get(s.bridge.URL + "/api/v1/metrics/"); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body) // it may be cut off
				_ = resp.Body.Close()
			}
		}
	}
	failed := s.page.Failed.Load() > 0 // what fails from here on may not be said before the kill
	require.True(s.t, failed || n > 1, "no %s", f.operation)
	if failed && f.says != "" {
		assert.Eventually(s.t, func() bool { return strings.Count(s.bridge.Log(), f.says) > said }, time.Minute, 10*time.Millisecond,
			"the log does not say that %s: %s %d, %d", f.says, f.operation, n, effect)
	}
	if serves {
		s.bridge.Kill()
	}
	s.page.Disarm()
	s.bridge.Start()
}
