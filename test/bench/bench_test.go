// Package bench_test measures the built program, and compares it with its goals and with the simplest program that could
// do the same work. `make bench` prints one table. `go test` without -bench runs nothing of it.
//
// The two sides of a comparison run in turns, and each ratio is from one turn. So other work of the machine affects both
// sides.
package bench_test

import (
	"os"
	"testing"

	"pymon-bridge/test/harness"
)

// TestMain runs the benchmarks, or the bare server: this binary, started again.
func TestMain(m *testing.M) {
	if portFile := os.Getenv(bareServer); portFile != "" {
		os.Exit(serveBare(portFile))
	}
	os.Exit(harness.Main(m))
}

// BenchmarkBridge measures everything and prints the table. -bench 'Bridge/post' runs one part alone.
func BenchmarkBridge(b *testing.B) {
	r := newReport()
	b.Cleanup(r.print)
	b.Run("post", func(b *testing.B) { benchPost(b, r) })
	b.Run("profile", func(b *testing.B) { benchProfile(b, r) })
	b.Run("keep", func(b *testing.B) { benchKeep(b, r) })
	b.Run("pytest", func(b *testing.B) { benchPytest(b, r) })
	b.Run("plugin", func(b *testing.B) { benchPlugin(b, r) })
	folders := &backlogs{}
	b.Cleanup(folders.remove)
	b.Run("startup", func(b *testing.B) { benchStartup(b, r, folders) })
	b.Run("memory", func(b *testing.B) { benchMemory(b, r, folders) })
	b.Run("upgrade", func(b *testing.B) { benchUpgrade(b, r) })
	b.Run("judge", func(b *testing.B) { benchJudge(b, r) })
	b.Run("verify", func(b *testing.B) { benchVerify(b, r, folders) })
	b.Run("pages", func(b *testing.B) { benchPages(b, r) })
	b.Run("readers", func(b *testing.B) { benchReaders(b, r, folders) })
	b.Run("retention", func(b *testing.B) { benchRetention(b, r) })
	b.Run("import", func(b *testing.B) { benchImport(b, r) })
	b.Run("delivery", func(b *testing.B) { benchDelivery(b, r, folders) })
	b.Run("busydelivery", func(b *testing.B) { benchBusyDelivery(b, r) })
	b.Run("read", func(b *testing.B) { benchRead(b, r) })
}
