package bench_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// benchVerify measures the commands that read a whole file of 1,000,000 records, while nobody serves it and beside a bridge that
// gets about 500 posts a second. How long these posts wait shows what the commands cost them.
func benchVerify(b *testing.B, r *report, folders *backlogs) {
	_, large := folders.get(b)
	dir := b.TempDir()
	data := filepath.Join(dir, "data")
	require.NoError(b, os.CopyFS(data, os.DirFS(large)))
	commands := []struct {
		name string
		args []string
	}{
		{"verify", []string{"verify", "--data", data}},
		{"backup", []string{"backup", "--data", data, "--force", filepath.Join(dir, "copy.db")}},
		{"recover", []string{"recover", "--data", data, "--into", filepath.Join(dir, "recovered")}},
	}
	run := func(args []string) time.Duration {
		start := time.Now()
		out, err := exec.Command(harness.Program(b), args...).CombinedOutput()
		assert.NoError(b, err, string(out))
		return time.Since(start)
	}
	alone := make([]time.Duration, len(commands))
	for i, c := range commands {
		alone[i] = run(c.args)
	}
	bridge := harness.StartBridge(b, harness.BridgeConfig{Data: data})
	bridge.WaitSays("[+]journal ok: accepting")
	prepare(b, bridge.URL)
	var numbers atomic.Int64
	l := load{connections: 16, pause: 30 * time.Millisecond, numbers: &numbers}
	table := r.add("Commands on a file of 1,000,000 records", "command", "alone", "beside a bridge", "p99 of posts before", "meanwhile", "ratio",
		"largest log")
	for i, c := range commands {
		if c.name == "recover" { // a bridge that serves a sound file writes to it
			table.row(c.name, seconds(alone[i]), "", "", "", "", "")
			continue
		}
		l.duration = 5 * time.Second
		before := l.run(b, bridge.URL)
		took := make(chan time.Duration)
		log := int64(0)
		go func() { took <- run(c.args) }()
		var meanwhile []time.Duration
		l.duration = time.Second
		for beside := time.Duration(0); beside == 0; {
			meanwhile = append(meanwhile, l.run(b, bridge.URL).p99)
			if info, err := os.Stat(filepath.Join(data, "pymon.db-wal")); err == nil {
				log = max(log, info.Size())
			}
			select {
			case beside = <-took:
				worst := median(meanwhile)
				table.row(c.name, seconds(alone[i]), seconds(beside), millis(before.p99), millis(worst), fmt.Sprintf("%.1f", worst.Seconds()/before.p99.Seconds()),
					humanize.IBytes(uint64(log)))
			default:
			}
		}
	}
}
