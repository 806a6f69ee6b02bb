package bench_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"pymon-bridge/test/harness"
)

const memoryGoal = 120 << 20

// benchMemory measures the memory of a bridge with a large backlog: after the check of the file, and during posts. Nothing is judged: benchJudge
// has the memory for that.
func benchMemory(b *testing.B, r *report, folders *backlogs) {
	_, large := folders.get(b)
	bridge := harness.StartBridge(b, harness.BridgeConfig{Data: large, Args: []string{"--no-judge"}, Env: absentInflux()})
	table := r.add(fmt.Sprintf("Resident memory with %d undelivered records", largeBacklog), "when", "now", "peak", "goal", "verdict")
	state := func(when string, judged bool) {
		memory := harness.MemoryOf(bridge.PID())
		most := memory["VmHWM"]
		cells := []string{when, mebibytes(memory["VmRSS"]), mebibytes(most), "", ""}
		if judged {
			cells[3], cells[4] = "< "+mebibytes(memoryGoal), verdict(most < memoryGoal)
		}
		table.row(cells...)
	}
	time.Sleep(5 * time.Second)
	state("5 s after the start", false)
	prepare(b, bridge.URL)
	var numbers atomic.Int64
	for _, connections := range []int{16, 64} {
		load{connections: connections, duration: 5 * time.Second, numbers: &numbers}.run(b, bridge.URL)
		state(fmt.Sprintf("after 5 s of posts on %d connections", connections), connections == 64)
	}
	bridge.Kill()
}

func mebibytes(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
