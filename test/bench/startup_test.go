package bench_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

const (
	startupRounds = 10
	startupGoal   = 200 * time.Millisecond
)

// benchStartup measures the time from the start of the process to its first 200 for /-/ready. Each start follows a kill,
// except the first of a directory.
func benchStartup(b *testing.B, r *report, folders *backlogs) {
	_, large := folders.get(b)
	empty := b.TempDir()
	var without, with []time.Duration
	for range startupRounds {
		without = append(without, startup(b, empty))
		with = append(with, startup(b, large))
	}
	table := r.add("Start of the process to ready", "undelivered records", "median", "longest", "goal", "verdict")
	for _, side := range []struct {
		name string
		took []time.Duration
	}{{"0", without}, {fmt.Sprint(largeBacklog), with}} {
		m := median(side.took)
		table.row(side.name, millis(m), millis(percentile(sorted(side.took), 100)), "≤ "+startupGoal.String(), verdict(m <= startupGoal))
	}
	table.note("%d starts each, in turns. Each start follows kill -9, except the first. InfluxDB does not answer.", startupRounds)
}

func startup(b *testing.B, data string) time.Duration {
	b.Helper()
	portFile := filepath.Join(b.TempDir(), "url")
	cmd := exec.Command(harness.Program(b), "--listen", "127.0.0.1:0", "--port-file", portFile, "--data", data)
	cmd.Env = append(os.Environ(), absentInflux()...)
	begin := time.Now()
	p := harness.StartProcess(b, cmd)
	url := readURL(b, portFile, p)
	resp, err := http.Get(url + "/-/ready")
	took := time.Since(begin)
	require.NoError(b, err)
	require.NoError(b, resp.Body.Close())
	require.Equal(b, http.StatusOK, resp.StatusCode, "the bridge writes the port file when it is ready")
	p.Kill()
	return took
}

// absentInflux names a destination where nothing answers, so that every record stays undelivered.
func absentInflux() []string {
	return []string{"INFLUX_URL=http://127.0.0.1:1", "INFLUX_TOKEN=token", "INFLUX_ORG=org"}
}
