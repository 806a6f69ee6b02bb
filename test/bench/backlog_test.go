package bench_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

const (
	smallBacklog = 300_000   // records to deliver
	largeBacklog = 1_000_000 // records that stay undelivered

	backlogTests   = 5000 // distinct tests
	backlogSession = 1000 // metrics of a session
	backlogBatch   = 5000
)

// backlogs are data directories with undelivered records. They are made when they are first needed.
type backlogs struct{ dir, small, large string }

// get returns the directories. All parts share them, because making them is slow.
func (f *backlogs) get(b *testing.B) (small, large string) {
	b.Helper()
	small = f.first(b)
	if f.large == "" {
		f.large = filepath.Join(f.dir, "large")
		require.NoError(b, os.CopyFS(f.large, os.DirFS(small)))
		fill(b, f.large, smallBacklog, largeBacklog)
	}
	return small, f.large
}

// first returns the smaller directory.
func (f *backlogs) first(b *testing.B) (small string) {
	b.Helper()
	if f.small == "" {
		f.dir = benchDir(b)
		f.small = filepath.Join(f.dir, "small")
		fill(b, f.small, 0, smallBacklog)
	}
	return f.small
}

// benchDir makes a directory for large files, in BENCH_DATA if it is set.
func benchDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp(cmp.Or(os.Getenv("BENCH_DATA"), os.TempDir()), "pymon-bridge-bench-")
	require.NoError(b, err)
	return dir
}

// remove deletes the directories.
func (f *backlogs) remove() {
	if f.dir != "" {
		_ = os.RemoveAll(f.dir) // a file that stays in the temporary folder does no harm
	}
}

// fill adds the records with the numbers from, …, to-1.
func fill(b *testing.B, dir string, from, to int) {
	b.Helper()
	db := openBacklog(b, dir)
	for n := from; n < to; n += backlogBatch {
		recs := make([]*monitor.Record, backlogBatch)
		for i := range recs {
			recs[i] = backlogRecord(n + i)
		}
		require.NoError(b, db.Append(b.Context(), recs))
	}
	require.NoError(b, db.Close())
}

func openBacklog(b *testing.B, dir string) *sqlite.DB {
	b.Helper()
	db := sqlite.New(filepath.Join(dir, sqlite.FileName), monitor.Zones{Server: time.UTC}, slog.New(slog.DiscardHandler))
	require.NoError(b, db.Open(b.Context()))
	return db
}

// backlogRecord returns the n-th record. The first is the context. Then come sessions, each before its metrics. The
// records are 20 ms apart.
func backlogRecord(n int) *monitor.Record {
	begin := time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
	start := begin.Add(time.Duration(n) * 20 * time.Millisecond)
	rec := &monitor.Record{Project: monitor.DefaultProject, Received: start.Add(300 * time.Millisecond), Client: "10.0.0.1"}
	clock := start.Format("2006-01-02T15:04:05.000000")
	session := fmt.Sprintf("%032x", n/backlogSession)
	switch {
	case n == 0:
		rec.Context = &monitor.Context{H: benchContext, CPUCount: 8, CPUFrequency: 2300, CPUVendor: monitor.Text{String: "A CPU"},
			RAMTotal: 32100, MachineNode: "host", MachineType: "x86_64", MachineArch: "64bit", SystemInfo: "Linux - 6.1", PythonInfo: "3.13.1"}
	case n%backlogSession == 1:
		rec.Session = &monitor.Session{SessionH: session, RunDate: clock, ScmRef: monitor.Text{String: fmt.Sprintf("%040x", n)}, Description: "{}"}
	default:
		random := rand.New(rand.NewPCG(uint64(n), 1))
		test := random.IntN(backlogTests)
		rec.Metric = &monitor.Metric{SessionH: session, ContextH: benchContext, ItemStartTime: clock,
			ItemPath: fmt.Sprintf("tests.shop.test_%d", test/20), Item: fmt.Sprintf("test_total_%d", test/4),
			ItemVariant: fmt.Sprintf("test_total_%d[%d, EUR]", test/4, test%4), ItemFSLoc: fmt.Sprintf("tests/shop/test_%d.py", test/20),
			Kind: "function", Component: "shop", TotalTime: random.Float64(), UserTime: random.Float64(),
			KernelTime: random.Float64(), CPUUsage: random.Float64(), MemUsage: 10 * random.Float64()}
	}
	return rec
}

// metrics calls do with all metrics of a data directory as points, one batch at a time.
func metrics(b *testing.B, dir string, do func(points []*monitor.Point)) {
	b.Helper()
	db := openBacklog(b, dir)
	defer func() { require.NoError(b, db.Close()) }()
	ctx := context.Background()
	machine, err := db.Context(ctx, monitor.DefaultProject, benchContext)
	require.NoError(b, err)
	var points []*monitor.Point
	for after := uint64(0); ; {
		pending, err := db.Next(ctx, "", after, backlogBatch)
		require.NoError(b, err)
		for _, rec := range pending {
			after = rec.Seq
			if rec.Metric == nil {
				continue
			}
			session, err := db.Session(ctx, rec.Project, rec.Metric.SessionH)
			require.NoError(b, err)
			points = append(points, &monitor.Point{Record: rec.Record, Origin: monitor.OriginOf(rec.Metric.SessionH, machine, session)})
		}
		for len(points) >= backlogBatch || len(points) > 0 && len(pending) == 0 {
			n := min(backlogBatch, len(points))
			do(points[:n])
			points = points[n:]
		}
		if len(pending) == 0 {
			return
		}
	}
}
