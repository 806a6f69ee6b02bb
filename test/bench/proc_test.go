package bench_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tick is the unit of CPU time in /proc. It is the same on all architectures of Linux.
const tick = 10 * time.Millisecond

// cpuTime returns the CPU time of a process so far: in the program, and in the kernel for the program.
func cpuTime(tb testing.TB, pid int) (user, system time.Duration) {
	tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(tb, err)
	_, after, _ := strings.Cut(string(stat), ") ") // after the name of the program
	fields := strings.Fields(after)
	const utime, stime = 11, 12
	for n, into := range map[int]*time.Duration{utime: &user, stime: &system} {
		ticks, err := strconv.ParseInt(fields[n], 10, 64)
		require.NoError(tb, err)
		*into = time.Duration(ticks) * tick
	}
	return user, system
}

// resident returns the resident memory of a process in bytes: now, and its peak.
func resident(tb testing.TB, pid int) (now, most int64) {
	tb.Helper()
	memory := memoryOf(tb, pid)
	return memory["VmRSS"], memory["VmHWM"]
}

// memoryOf returns the memory figures of a process from /proc, in bytes.
func memoryOf(tb testing.TB, pid int) map[string]int64 {
	tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(tb, err)
	memory := map[string]int64{}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if size, ok := strings.CutSuffix(strings.TrimSpace(value), " kB"); ok {
			kib, err := strconv.ParseInt(size, 10, 64)
			require.NoError(tb, err)
			memory[name] = kib << 10
		}
	}
	return memory
}

// peakAnonymous watches the anonymous memory of a process, which is its memory without mapped files. stop ends the watch and
// returns the peak in bytes.
func peakAnonymous(tb testing.TB, pid int) (stop func() int64) {
	tb.Helper()
	const anonymous = "RssAnon"
	peak := memoryOf(tb, pid)[anonymous]
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			case <-time.After(50 * time.Millisecond):
				peak = max(peak, memoryOf(tb, pid)[anonymous])
			}
		}
	}()
	return func() int64 { close(end); <-ended; return peak }
}
