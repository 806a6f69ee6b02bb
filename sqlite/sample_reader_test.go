package sqlite_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestAReaderHasTheTextsOfSeveralLists holds that the lists of one report share their series, also of two sorts.
func TestAReaderHasTheTextsOfSeveralLists(t *testing.T) {
	db, _ := openNew(t)
	module := measured("s", "test_shop", arrival)
	module.Kind = "module"
	appendAll(t, db, record(process("s", arrival)), record(measured("s", "test_a", arrival)), record(module))
	runs, err := db.RunInfos(t.Context(), monitor.RunInfoQuery{Project: "shop"})
	require.NoError(t, err)
	reader := db.SampleReader()
	list := func(of monitor.Sort) (series []*monitor.Series) {
		for s, err := range reader.Samples(t.Context(), of, runs) {
			require.NoError(t, err)
			series = append(series, s.Series)
		}
		return series
	}
	first := list(monitor.Tests)
	require.Len(t, first, 1)
	assert.Equal(t, "test_a", first[0].Item)
	modules := list(monitor.Modules)
	require.Len(t, modules, 1)
	assert.Equal(t, "module", modules[0].Kind)
	again := list(monitor.Tests)
	require.Len(t, again, 1)
	assert.Same(t, first[0], again[0])
}
