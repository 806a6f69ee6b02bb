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

// tick is the unit of CPU time in /proc, which is the same on all of Linux' architectures.
const tick = 10 * time.Millisecond

// cpuTime returns the CPU time that a process has taken so far, of its own and of the kernel on its behalf.
func cpuTime(tb testing.TB, pid int) (user, system time.Duration) {
	tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(tb, err)
	_, after, _ := strings.Cut(string(stat), ") ") // the program's name comes before
	fields := strings.Fields(after)
	const utime, stime = 11, 12
	for n, into := range map[int]*time.Duration{utime: &user, stime: &system} {
		ticks, err := strconv.ParseInt(fields[n], 10, 64)
		require.NoError(tb, err)
		*into = time.Duration(ticks) * tick
	}
	return user, system
}

// resident returns the memory of a process that is in use now and the most that was, in bytes.
func resident(tb testing.TB, pid int) (now, most int64) {
	tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(tb, err)
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		into := map[string]*int64{"VmRSS": &now, "VmHWM": &most}[name]
		if into == nil {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		require.NoError(tb, err)
		*into = kib << 10
	}
	return now, most
}
