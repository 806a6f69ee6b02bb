// Package bench_test measures the built program against its goals, side by side with the least that could do the
// same work: `make bench` prints one table. It has nothing that `go test` without -bench runs.
//
// What is compared runs in turns, and ratios are taken within a turn, so that whatever else the machine does is
// shared by both sides.
package bench_test

import (
	"os"
	"testing"

	"pymon-bridge/test/harness"
)

// TestMain runs the benchmarks, or the server that they compare with: this binary, started again.
func TestMain(m *testing.M) {
	if portFile := os.Getenv(bareServer); portFile != "" {
		os.Exit(serveBare(portFile))
	}
	os.Exit(harness.Main(m))
}

// BenchmarkBridge measures everything and prints the table. A part can be had alone: -bench 'Bridge/post'.
func BenchmarkBridge(b *testing.B) {
	r := newReport()
	b.Cleanup(r.print)
	b.Run("post", func(b *testing.B) { benchPost(b, r) })
	b.Run("profile", func(b *testing.B) { benchProfile(b, r) })
	b.Run("keep", func(b *testing.B) { benchKeep(b, r) })
	b.Run("pytest", func(b *testing.B) { benchPytest(b, r) })
	folders := &backlogs{}
	b.Cleanup(folders.remove)
	b.Run("startup", func(b *testing.B) { benchStartup(b, r, folders) })
	b.Run("memory", func(b *testing.B) { benchMemory(b, r, folders) })
	b.Run("judge", func(b *testing.B) { benchJudge(b, r) })
	b.Run("delivery", func(b *testing.B) { benchDelivery(b, r, folders) })
	b.Run("read", func(b *testing.B) { benchRead(b, r) })
}
