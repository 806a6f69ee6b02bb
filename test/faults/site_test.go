package faults_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/faults/seam"
	"pymon-bridge/test/harness"
)

// site is a bridge with an InfluxDB and clients. A proxy stands before the InfluxDB.
type site struct {
	t      *testing.T
	influx *harness.Influx
	proxy  *harness.Proxy
	bridge *harness.Bridge
	bucket string
	disk   *harness.Disk // that has the data directory; nil for none of its own
	page   *seam.Page    // nil for the usual program
	env    string        // that gives the page to a command
	token  string        // of clients; empty for none
	ledger *ledger
	pytest *pytest // that posts now
}

// newSite starts a bridge. All times of clients are taken as sent, unless cfg has flags of its own.
func newSite(t *testing.T, influx *harness.Influx, cfg harness.BridgeConfig) *site {
	t.Helper()
	s := &site{t: t, influx: influx, proxy: harness.StartProxy(t, influx), bucket: influx.NewBucket("pytest", 0), ledger: newLedger()}
	cfg.Influx, cfg.Bucket, cfg.MetaBucket = s.proxy.Influx(), s.bucket, influx.NewBucket("meta", 0)
	cfg.Args = append([]string{"--client-timezone", "UTC"}, cfg.Args...)
	s.bridge = harness.StartBridge(t, cfg)
	s.bridge.WaitReady()
	return s
}

// newFaultySite starts the program with the seam.
func newFaultySite(t *testing.T, cfg harness.BridgeConfig) *site {
	t.Helper()
	page, env := newPage(t)
	cfg.Program, cfg.Env = program(t), append(cfg.Env, env)
	s := newSite(t, harness.SharedInflux(t), cfg)
	s.page, s.env = page, env
	return s
}

// begin starts a run of pytest, in place of the one before.
func (s *site) begin() {
	s.t.Helper()
	s.end()
	s.pytest = startPytest(s.t, s.ledger, newPoster(s.t, s.bridge.URL, s.token), time.Now())
}

// end ends the run of pytest.
func (s *site) end() {
	if s.pytest != nil {
		s.pytest.stop()
		s.pytest = nil
	}
}

// restart kills a bridge that may have ended, and starts it again.
func (s *site) restart() {
	s.t.Helper()
	s.bridge.Kill()
	s.bridge.Start()
}

// killed waits until the bridge has killed itself, and starts it again.
func (s *site) killed() {
	s.t.Helper()
	require.False(s.t, s.bridge.WaitEnded().Success(), "the bridge was not killed")
	s.page.Disarm()
	s.bridge.Start()
}

// tally ends the run, waits until everything is delivered, and counts. Each accepted metric must be in the file and in InfluxDB,
// once. verify must find nothing.
func (s *site) tally(rounds int) tally {
	s.t.Helper()
	s.end()
	s.bridge.WaitDelivered()
	points, l := inInflux(s.t, s.influx, s.bucket), s.ledger
	s.bridge.Stop()
	data := s.bridge.Data
	if s.disk != nil {
		data = taken(s.t, s.disk)
	}
	assertSound(s.t, data)
	r := tally{rounds: rounds, accepted: l.count(), delivered: len(points), dead: len(harness.DeadLetters(s.t, data)), longest: l.longest}
	require.Positive(s.t, r.accepted)
	r.lost, r.doubled = l.compare(s.t, "InfluxDB", l.accepted, points)
	lost, doubled := l.compare(s.t, "the file", l.accepted, inFile(s.t, data))
	r.lost, r.doubled = r.lost+lost, r.doubled+doubled
	return r
}

// taken copies the data directory from a disk that only programs in its namespace see. No bridge may use it.
func taken(t *testing.T, disk *harness.Disk) (data string) {
	t.Helper()
	data = t.TempDir()
	require.NoError(t, os.CopyFS(data, os.DirFS(filepath.Join(disk.There, "data"))))
	return data
}

// assertSound asserts that verify finds nothing.
func assertSound(t *testing.T, data string) {
	t.Helper()
	r := harness.RunProgram(t, nil, "verify", "--data", data)
	assert.Equal(t, 0, r.ExitCode, r.Stdout+r.Stderr)
}
