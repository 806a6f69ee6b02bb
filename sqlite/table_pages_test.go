package sqlite_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// fillWorkers stores a run of four sessions whose metrics mix, at random instants and with any floats. It returns what their samples
// measured, sorted.
func fillWorkers(t *testing.T, db *sqlite.DB, tests int) (measurements []string) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	recs := []*monitor.Record{record(machine("machine"))}
	for w := range 4 {
		s := process(fmt.Sprint("s", w), arrival)
		s.Description = `{"run": "r"}`
		recs = append(recs, record(s))
	}
	floats := []float64{0, 1, -1, 0.1, math.NaN(), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 1 << 53}
	some := func() float64 { return floats[random.IntN(len(floats))] }
	for i := range tests {
		m := measured(fmt.Sprint("s", random.IntN(4)), fmt.Sprint("test_", i), arrival.Add(time.Duration(random.IntN(1e6))*time.Microsecond))
		m.ItemFSLoc, m.TotalTime, m.UserTime, m.KernelTime, m.MemUsage = fmt.Sprint(i/7), some(), some(), some(), some()
		recs = append(recs, record(m))
		measurements = append(measurements, fmt.Sprint(m.Item, m.SessionH, m.ItemFSLoc, m.TotalTime, m.UserTime+m.KernelTime, m.MemUsage))
	}
	appendAll(t, db, recs...)
	slices.Sort(measurements)
	return measurements
}

func readWorkers(t *testing.T, db *sqlite.DB) (measurements []string, err error) {
	t.Helper()
	run := &monitor.RunInfo{Project: "shop", ID: "r", Sessions: []string{"s0", "s1", "s2", "s3", "s0", "unknown"}}
	for s, err := range db.Samples(t.Context(), monitor.Tests, []*monitor.RunInfo{run}) {
		if err != nil {
			return nil, err
		}
		measurements = append(measurements, fmt.Sprint(s.Series.Item, s.Session, s.Location, s.TotalTime, s.CPUTime, s.MemUsage))
	}
	slices.Sort(measurements)
	return measurements, nil
}

// TestSamplesOfWorkersThatMix reads a tree of two levels. The first and the last metric by time have any numbers, so some are outside of
// the numbers between.
func TestSamplesOfWorkersThatMix(t *testing.T) {
	for _, atOnce := range []int{7, 100, 10_000} {
		db, path := openNew(t)
		db.ReadSamples(atOnce)
		want := fillWorkers(t, db, 700)
		got, err := readWorkers(t, db)
		require.NoError(t, err)
		assert.Equal(t, want, got, "%d at once", atOnce)
		_, err = raw(t, path).Exec("ALTER TABLE metrics ADD COLUMN later INTEGER NOT NULL DEFAULT 7")
		require.NoError(t, err)
		got, err = readWorkers(t, db)
		require.NoError(t, err)
		assert.Equal(t, want, got, "a version with one more column")
	}
}

// TestSamplesOfWhatSQLiteWouldRefuse has what this program stores nowhere. The error is SQLite's, or that of a column that SQLite gives.
func TestSamplesOfWhatSQLiteWouldRefuse(t *testing.T) {
	for name, tc := range map[string]struct{ change, wanted string }{
		"a whole number":     {"UPDATE metrics SET total_time = 7 WHERE seq = 400", "expected a float, found int64"},
		"a text":             {"UPDATE metrics SET mem_usage = 'much' WHERE seq = 400", "expected a float, found string"},
		"a row of two pages": {"UPDATE metrics SET cpu_usage = zeroblob(9000) WHERE seq = 400", ""},
	} {
		t.Run(name, func(t *testing.T) {
			db, path := openNew(t)
			db.ReadSamples(100)
			want := fillWorkers(t, db, 700)
			_, err := raw(t, path).Exec(tc.change)
			require.NoError(t, err)
			got, err := readWorkers(t, db)
			if tc.wanted != "" {
				require.ErrorContains(t, err, tc.wanted)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

// TestSamplesOfDamagedPages writes nonsense into pages of tables that nobody looks at when the file is opened. SQLite refuses them, or
// finds all rows nevertheless. The instants are in order, so the numbers span the run, and the index alone would find nothing missing.
func TestSamplesOfDamagedPages(t *testing.T) {
	db, path := openNew(t)
	s := process("s", arrival)
	s.Description = `{"run": "r"}`
	recs := []*monitor.Record{record(machine("machine")), record(s)}
	for i := range 400 {
		recs = append(recs, record(measured("s", fmt.Sprint("test_", i), arrival.Add(time.Duration(i)*time.Millisecond))))
	}
	appendAll(t, db, recs...)
	file := raw(t, path)
	checkpoint(t, file, "TRUNCATE")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, table := range []string{"metrics", "series"} {
		var root, leaf int
		require.NoError(t, file.QueryRow("SELECT min(pageno) FILTER (WHERE path = '/'), min(pageno) FILTER (WHERE path = '/001/') FROM dbstat WHERE name = ?", table).
			Scan(&root, &leaf))
		t.Run(table, func(t *testing.T) {
			for name, damage := range damagesOf(root, leaf) {
				requireRefused(t, name, whole, damage)
			}
		})
	}
}

// requireRefused damages a file of 400 tests, and reads it.
func requireRefused(t *testing.T, name string, whole []byte, damage func(b []byte)) {
	t.Helper()
	damaged := filepath.Join(t.TempDir(), sqlite.FileName)
	b := slices.Clone(whole)
	damage(b)
	require.NoError(t, os.WriteFile(damaged, b, 0o600))
	db := dbAt(damaged, utcZones())
	require.NoError(t, db.OpenShared(t.Context()), name)
	run := &monitor.RunInfo{Project: "shop", ID: "r", Sessions: []string{"s"}}
	for _, atOnce := range []int{10, 10_000} {
		db.ReadSamples(atOnce)
		read, failed, items := 0, false, map[string]bool{}
		for s, err := range db.Samples(t.Context(), monitor.Tests, []*monitor.RunInfo{run}) {
			if failed = failed || err != nil; err == nil {
				read, items[s.Series.Item] = read+1, true
			}
		}
		assert.True(t, failed || read == 400 && len(items) == 400, "%s, %d at once: read %d", name, atOnce, read)
	}
	require.NoError(t, db.Close())
}

// damagesOf returns what may happen to a table with a root and a leaf.
func damagesOf(root, leaf int) map[string]func(b []byte) {
	damages := map[string]func(b []byte){}
	for _, at := range []int{0, 3, 4, 8, 12} { // kind, number of cells, and where some are
		damages[fmt.Sprint("byte ", at, " of a leaf")] = func(b []byte) { b[4096*(leaf-1)+at] ^= 0xff }
	}
	damages["a row twice, another not"] = func(b []byte) { copy(b[4096*(leaf-1)+12:], b[4096*(leaf-1)+10:][:2]) }
	damages["a row fewer"] = func(b []byte) { b[4096*(leaf-1)+4]-- }
	for _, child := range []int{1, 2, 3} {
		cell := func(b []byte, child int) []byte {
			p := b[4096*(root-1):]
			return p[binary.BigEndian.Uint16(p[12+2*child:]):][:4]
		}
		damages[fmt.Sprint("child ", child, " beyond the end")] = func(b []byte) { cell(b, child)[0] = 0xf0 }
		damages[fmt.Sprint("child ", child, " is page 0")] = func(b []byte) { clear(cell(b, child)) }
		damages[fmt.Sprint("child ", child, " is the root")] = func(b []byte) { binary.BigEndian.PutUint32(cell(b, child), uint32(root)) }
		damages[fmt.Sprint("child ", child, " is its neighbour")] = func(b []byte) { copy(cell(b, child), cell(b, child+1)) }
		damages[fmt.Sprint("child ", child, " is the one before")] = func(b []byte) { copy(cell(b, child), cell(b, child-1)) }
	}
	return damages
}
