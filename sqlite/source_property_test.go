package sqlite_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// anyCell draws a value of any storage class, and often one that fits.
func anyCell(fits *rapid.Generator[any]) *rapid.Generator[any] {
	return rapid.OneOf(fits, fits, fits, fits, fits, fits, rapid.Custom(func(t *rapid.T) any {
		return rapid.OneOf(rapid.Just[any](nil), rapid.Map(rapid.Int64(), func(n int64) any { return n }),
			rapid.Map(rapid.Float64(), func(f float64) any { return f }),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 4), func(b []byte) any { return b }),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 4), func(b []byte) any { return string(b) })).Draw(t, "odd")
	}))
}

// pick draws one of some texts.
func pick(texts ...string) *rapid.Generator[any] {
	return rapid.Map(rapid.SampledFrom(texts), func(s string) any { return s })
}

// TestAnyFileIsImportedOnce fills the tables of pytest-monitor with values of any class. Each row is imported or skipped, those
// that are imported are equal, and a second import adds nothing, also in another zone.
func TestAnyFileIsImportedOnce(t *testing.T) {
	zones := []string{"UTC", "Europe/Paris", "+05:30", "America/St_Johns"}
	path, round := pymonFile(t, func(func(string, ...any)) {}), 0
	file, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer file.Close()
	file.SetMaxOpenConns(1)
	_, err = file.Exec("PRAGMA synchronous = off")
	require.NoError(t, err)
	db, _ := openNew(t)
	rapid.Check(t, func(t *rapid.T) {
		round++ // all rounds share the files; each round has a project of its own
		columns := map[string][]*rapid.Generator[any]{
			"TEST_SESSIONS":      {pick("s1", "s2", "s3"), pick("2026-03-29T01:59:00", "2026-03-29T02:30:00", "2026-03-29T01:59:10.5"), pick("", "c0ffee"), pick("{}", `{"run": "1"}`, "7", "{")},
			"EXECUTION_CONTEXTS": {pick("c1", "c2")},
		}
		for range 10 {
			columns["EXECUTION_CONTEXTS"] = append(columns["EXECUTION_CONTEXTS"], pick("8", "x"))
		}
		for i := range 14 {
			c := pick("a", "b")
			switch {
			case i < 2:
				c = pick("s1", "s2", "s3", "c1")
			case i == 2:
				c = pick("2026-03-29T01:59:30", "2026-03-29T03:00:00.000001", "2026-03-29 02:30", "2026-03-29T01:59:30+00:00")
			case i > 8:
				c = rapid.Map(rapid.SampledFrom([]float64{0, 0.25, 1e300}), func(f float64) any { return f })
			}
			columns["TEST_METRICS"] = append(columns["TEST_METRICS"], c)
		}
		rows := 0
		for table, cells := range columns {
			_, err := file.Exec("DELETE FROM " + table)
			require.NoError(t, err)
			for range rapid.IntRange(0, 6).Draw(t, table) {
				var values []any
				for i, c := range cells {
					values = append(values, anyCell(c).Draw(t, fmt.Sprint("column ", i)))
				}
				marks := "?"
				for range len(values) - 1 {
					marks += ", ?"
				}
				if _, err := file.Exec("INSERT INTO "+table+" VALUES ("+marks+")", values...); err == nil { // a key may be there
					rows++
				}
			}
		}
		project := fmt.Sprint("project", round)
		for i := range 2 {
			zone, err := monitor.ParseZone(rapid.SampledFrom(zones).Draw(t, "zone"))
			require.NoError(t, err)
			s, err := sqlite.OpenSource(t.Context(), path, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			var recs []*monitor.Record
			skipped := 0
			require.NoError(t, s.Read(t.Context(), 3, func(batch []*monitor.Record) error {
				recs = append(recs, batch...)
				return nil
			}, func(string) { skipped++ }))
			require.NoError(t, s.Close())
			require.Equal(t, rows, len(recs)+skipped)
			for _, rec := range recs {
				rec.Project, rec.Import = project, &monitor.Import{Zone: zone}
			}
			sent := copies(recs)
			require.NoError(t, db.Append(t.Context(), recs))
			for j, rec := range recs {
				require.True(t, i == 0 || rec.Repeat, "%+v", rec.Metric)
				if rec.Metric != nil {
					require.True(t, rec.Metric.Same(sent[j].Metric))
				}
			}
		}
	})
}
