package sqlite_test

import (
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// TestZoneMapsBoundTheirMetrics appends batches of many sizes. Some batches fail, and the DB is opened again between
// batches. Then it computes all zone maps from the metrics and compares them.
func TestZoneMapsBoundTheirMetrics(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	defer func() { require.NoError(t, db.Close()) }()
	at := arrival
	for batch := range 25 {
		var recs []*monitor.Record
		for range 1 + random.IntN(40) {
			at = at.Add(time.Duration(random.IntN(2000)-500) * time.Millisecond)
			m := measured("s", fmt.Sprint("test_", random.IntN(30)), at)
			m.TotalTime, m.UserTime, m.KernelTime, m.CPUUsage = random.Float64(), random.NormFloat64(), 0, math.NaN()
			m.MemUsage = []float64{math.NaN(), random.Float64()}[random.IntN(2)]
			recs = append(recs, record(m))
			if random.IntN(10) == 0 { // so many that some zones have no metric
				for i := range random.IntN(150) {
					recs = append(recs, record(process(fmt.Sprint("session", batch, "-", len(recs), "-", i), at)))
				}
			}
		}
		if random.IntN(4) == 0 {
			bad := record(measured("s", "bad", at))
			bad.Metric.ItemStartTime = "yesterday"
			require.Error(t, db.Append(t.Context(), append(recs, bad)))
			continue
		}
		appendAll(t, db, recs...)
		if random.IntN(10) == 0 {
			require.NoError(t, db.Close())
			db = dbAt(path, utcZones())
			require.NoError(t, db.Open(t.Context()))
		}
	}
	file := raw(t, path)
	want := zones(t, file, fmt.Sprintf(`SELECT seq / %[1]d, min(utc_ns), max(total_time), min(total_time), max(user_time),
		min(user_time), max(kernel_time), min(kernel_time), max(cpu_usage), min(cpu_usage), max(mem_usage), min(mem_usage)
		FROM metrics WHERE seq < (SELECT max(seq) / %[1]d * %[1]d FROM metrics) GROUP BY seq / %[1]d`, sqlite.ZoneSize))
	require.Greater(t, len(want), 10)
	assert.Equal(t, want, zones(t, file, "SELECT * FROM zone_maps ORDER BY id"))
	var numbers int
	require.NoError(t, file.QueryRow("SELECT max(seq) FROM metrics").Scan(&numbers))
	assert.Less(t, len(want), numbers/sqlite.ZoneSize, "some zones have no metric")
}

func zones(t *testing.T, file *sql.DB, query string) (found [][12]any) {
	t.Helper()
	rows, err := file.Query(query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var zone [12]any
		var into [12]any
		for i := range zone {
			into[i] = &zone[i]
		}
		require.NoError(t, rows.Scan(into[:]...))
		found = append(found, zone)
	}
	require.NoError(t, rows.Err())
	return found
}
