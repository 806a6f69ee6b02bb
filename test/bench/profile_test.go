package bench_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// benchProfile shows where the bridge spends its CPU time when clients post like the plugin.
func benchProfile(b *testing.B, r *report) {
	profile := filepath.Join(b.TempDir(), "cpu.pprof")
	bridge := harness.StartBridge(b, harness.BridgeConfig{Args: []string{"--cpuprofile", profile}})
	prepare(b, bridge.URL)
	var numbers atomic.Int64
	l := load{connections: postGoalConnections, duration: 5 * time.Second, numbers: &numbers}
	user, system := cpuTimes(b, bridge.PID())
	res := l.run(b, bridge.URL)
	userEnd, systemEnd := cpuTimes(b, bridge.PID())
	bridge.Stop()
	table := r.add("CPU time of the bridge by function; new connections, 16 at a time", "flat", "cumulative", "function")
	for _, cells := range topEntries(b, harness.Program(b), profile) {
		table.row(cells...)
	}
	perRecord := func(d time.Duration) int64 { return (d / time.Duration(res.requests)).Microseconds() }
	table.note("%d µs per record: %d in the program, %d in the kernel.", perRecord(userEnd-user+systemEnd-system),
		perRecord(userEnd-user), perRecord(systemEnd-system))
	if keep := os.Getenv("BENCH_PROFILE"); keep != "" {
		text, err := os.ReadFile(profile)
		require.NoError(b, err)
		require.NoError(b, os.WriteFile(keep, text, 0o600))
	}
}

// topEntries returns the functions with the largest cumulative time, the largest first.
func topEntries(b *testing.B, program, profile string) (rows [][]string) {
	b.Helper()
	cmd := exec.Command("go", "tool", "pprof", "-top", "-cum", "-nodecount=60", program, profile)
	out, err := cmd.Output()
	require.NoError(b, err)
	_, list, _ := strings.Cut(string(out), "cum%\n")
	for line := range strings.Lines(list) {
		fields := strings.Fields(line) // flat flat% sum% cum cum% name
		if len(fields) < 6 {
			continue
		}
		rows = append(rows, []string{fields[1], fields[4], strings.Join(fields[5:], " ")})
	}
	return rows
}
