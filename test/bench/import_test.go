package bench_test

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
	"pymon-bridge/test/harness"
)

const (
	importSessions, importTests = 200, 5000
	importGoal                  = time.Minute // on a machine that does nothing else
	importPostsGoal             = 3.0         // p99 of posts beside an import, as a ratio to without
	importRounds                = 3
)

// benchImport measures how long the import of a large file takes, beside appending its records alone, and how much an import
// into a serving bridge delays clients that post.
func benchImport(b *testing.B, r *report) {
	file := harness.LargePymon(b, importSessions, importTests)
	data := filepath.Join(b.TempDir(), "data")
	cmd := exec.Command(harness.Program(b), "import", "--data", data, "--timezone", "UTC", "--json", file)
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(begin)
	require.NoError(b, err, "%s", out)
	require.NoError(b, os.RemoveAll(data))
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	alone := appendAlone(b, file)

	bridge := harness.StartBridge(b, harness.BridgeConfig{Args: []string{"--no-judge"}})
	prepare(b, bridge.URL)
	var numbers atomic.Int64
	posts := load{connections: postGoalConnections, duration: 3 * time.Second, pause: testTime, numbers: &numbers}
	var quiet, beside []time.Duration
	var ratios []float64
	for n := range importRounds {
		without := posts.run(b, bridge.URL)
		process := harness.StartProcess(b, exec.Command(harness.Program(b), "import", "--to", fmt.Sprintf("%s/p/round%d", bridge.URL, n), file))
		require.Eventually(b, func() bool { return harness.CountMetrics(b, bridge.Data) > int(numbers.Load())+n*1000 }, time.Minute, 10*time.Millisecond)
		with := posts.run(b, bridge.URL)
		process.Kill()
		quiet, beside = append(quiet, without.p99), append(beside, with.p99)
		ratios = append(ratios, float64(with.p99)/float64(without.p99))
	}
	table := r.add(fmt.Sprintf("Import of a .pymon file with %d rows", importSessions*importTests), "what", "measured", "goal", "verdict")
	table.row("time", seconds(took), "≤ "+seconds(importGoal), verdict(took <= importGoal))
	table.row("its CPU time", seconds(cpu), "", "")
	table.row("appending the same records, without reading", seconds(alone), "", "")
	table.row("ratio of the times", fmt.Sprintf("%.1f", took.Seconds()/alone.Seconds()), "", "")
	table.row(fmt.Sprintf("p99 of a POST of %d clients", postGoalConnections), millis(median(quiet)), "", "")
	table.row("the same beside import --to", millis(median(beside)), "", "")
	table.row("their ratio", fmt.Sprintf("%.1f", median(ratios)), fmt.Sprintf("≤ %.0f", importPostsGoal), verdict(median(ratios) <= importPostsGoal))
}

// appendAlone returns how long it takes to append the records of a file.
func appendAlone(b *testing.B, file string) (took time.Duration) {
	b.Helper()
	quiet := slog.New(slog.DiscardHandler)
	db := sqlite.New(filepath.Join(b.TempDir(), sqlite.FileName), monitor.Zones{Server: time.UTC}, quiet)
	require.NoError(b, db.Open(b.Context()))
	source, err := sqlite.OpenSource(b.Context(), file, quiet)
	require.NoError(b, err)
	require.NoError(b, source.Read(b.Context(), 5000, func(recs []*monitor.Record) error {
		for _, rec := range recs {
			rec.Project = "default"
		}
		begin := time.Now()
		err := db.Append(b.Context(), recs)
		took += time.Since(begin)
		return err
	}, func(reason string) { b.Error(reason) }))
	require.NoError(b, source.Close())
	require.NoError(b, db.Close())
	return took
}
