package bench_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// tick is the unit of CPU time in /proc. It is the same on all architectures of Linux.
const tick = 10 * time.Millisecond

// cpuTime returns the CPU time of a process so far.
func cpuTime(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	user, system := cpuTimes(tb, pid)
	return user + system
}

// cpuTimes returns its two parts: in the program, and in the kernel for the program.
func cpuTimes(tb testing.TB, pid int) (user, system time.Duration) {
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

// peakAnonymous watches the anonymous memory of a process, which is its memory without mapped files. stop ends the watch and
// returns the peak in bytes.
func peakAnonymous(pid int) (stop func() int64) {
	const anonymous = "RssAnon"
	peak := harness.MemoryOf(pid)[anonymous]
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			case <-time.After(50 * time.Millisecond):
				peak = max(peak, harness.MemoryOf(pid)[anonymous])
			}
		}
	}()
	return func() int64 { close(end); <-ended; return peak }
}
