package sqlite_test

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkBacklog opens a file with 1,000,000 undelivered metrics and reads it to the end. It reports the time of
// opening and the largest memory of the process.
func BenchmarkBacklog(b *testing.B) {
	db, path := newDB(b, utcZones())
	require.NoError(b, db.Open(b.Context()))
	l := newLoad()
	for range 500 {
		require.NoError(b, db.Append(b.Context(), l.records(2000)))
	}
	require.NoError(b, db.Close())
	runtime.GC()
	for b.Loop() {
		start := time.Now()
		db := dbAt(path, utcZones())
		require.NoError(b, db.Open(b.Context()))
		b.ReportMetric(float64(time.Since(start).Microseconds())/1000, "open-ms")
		for after, more := uint64(0), true; more; {
			pending, err := db.Next(b.Context(), dest, after, 5000)
			require.NoError(b, err)
			if more = len(pending) > 0; more {
				after = pending[len(pending)-1].Seq
			}
		}
		require.NoError(b, db.Close())
	}
	b.ReportMetric(peakMiB(b), "peak-MiB")
	b.ReportMetric(float64(size(path))/1_000_000, "bytes/record")
}

// peakMiB returns the largest resident memory that this process has had.
func peakMiB(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			require.NoError(b, err)
			return float64(kib) / 1024
		}
	}
	b.Fatal("no VmHWM")
	return 0
}
