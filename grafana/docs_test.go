package grafana_test

import (
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
	"pymon-bridge/test/harness"
)

// page returns docs/data-model.md.
func page(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "data-model.md"))
	require.NoError(t, err)
	return string(content)
}

// blocks returns the code blocks of the page in one language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var all []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(page(t), -1) {
		all = append(all, m[1])
	}
	require.NotEmpty(t, all)
	return all
}

// TestDocumentedFluxReturnsRows runs each Flux example on realistic data.
func TestDocumentedFluxReturnsRows(t *testing.T) {
	db, h := harness.SharedInflux(t), realistic()
	metrics, metadata := h.store(t, db)
	for _, query := range blocks(t, "flux") {
		named := strings.NewReplacer(`"pytest"`, strconv.Quote(metrics), `"pytest_meta"`, strconv.Quote(metadata)).Replace(query)
		require.NotEqual(t, query, named, "a query without a bucket")
		assert.NotEmpty(t, db.Query(named), query)
	}
}

// TestDocumentedSQLReturnsRows runs each SQL example on a file of the bridge. It also checks the columns of the views.
func TestDocumentedSQLReturnsRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	journal := sqlite.New(path, monitor.Zones{Fixed: time.UTC}, slog.New(slog.DiscardHandler))
	journal.MinFree = 0
	require.NoError(t, journal.Open(t.Context()))
	defer func() { require.NoError(t, journal.Close()) }()
	require.NoError(t, journal.Append(t.Context(), realistic().records))
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, query := range blocks(t, "sql") {
		rows, err := db.QueryContext(t.Context(), query)
		require.NoError(t, err, query)
		assert.True(t, rows.Next(), query)
		require.NoError(t, rows.Close())
	}
	for view, columns := range views(t) {
		rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+view+" LIMIT 0")
		require.NoError(t, err)
		names, err := rows.Columns()
		require.NoError(t, err)
		assert.Equal(t, columns, names, view)
		require.NoError(t, rows.Close())
	}
}

var quoted = regexp.MustCompile("`([^`]+)`")

// rows returns the code in each cell of the tables on the page: a list for each row and column.
func rows(t *testing.T) [][][]string {
	t.Helper()
	var all [][][]string
	for line := range strings.Lines(page(t)) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		var row [][]string
		for _, cell := range strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ") {
			var code []string
			for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
				code = append(code, m[1])
			}
			row = append(row, code)
		}
		all = append(all, row)
	}
	return all
}

// views returns the documented columns of each view.
func views(t *testing.T) map[string][]string {
	t.Helper()
	columns := map[string][]string{}
	for _, row := range rows(t) {
		if name := row[0][0]; name == strings.ToUpper(name) && strings.Contains(name, "_") {
			columns[name] = row[1]
		}
	}
	require.Len(t, columns, 3)
	return columns
}

// TestDocumentedTagsAreEncodedSo checks the examples of texts and their tags.
func TestDocumentedTagsAreEncodedSo(t *testing.T) {
	examples := 0
	for _, row := range rows(t) {
		if !strings.HasPrefix(row[0][0], `"`) {
			continue
		}
		examples++
		text, err := strconv.Unquote(row[0][0])
		require.NoError(t, err)
		tag, _ := influx.EncodeTag(text)
		assert.Equal(t, row[1][0], tag)
	}
	assert.GreaterOrEqual(t, examples, 8)
}

// TestEveryColumnIsDocumented checks that the page has every tag and field of the measurements of records.
func TestEveryColumnIsDocumented(t *testing.T) {
	db, h := harness.SharedInflux(t), realistic()
	metrics, metadata := h.store(t, db)
	documented := map[string]bool{}
	for _, row := range rows(t) {
		for _, cell := range row {
			for _, code := range cell {
				documented[code] = true
			}
		}
	}
	documented["prefix"] = strings.Contains(page(t), "`prefix`")
	for _, in := range []struct{ bucket, measurement string }{{metrics, "test_metrics"}, {metrics, "test_outcomes"}, {metadata, "sessions"}, {metadata, "contexts"}} {
		points := db.Points(in.bucket, in.measurement)
		require.NotEmpty(t, points)
		for name := range points[0] {
			if !strings.HasPrefix(name, "_") {
				assert.True(t, documented[name], "%s of %s", name, in.measurement)
			}
		}
	}
}
