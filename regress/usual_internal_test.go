package regress

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheUsualTimeOfATest holds what offsets are taken from: the median of the levels, of an even number of runs the middle of two.
func TestTheUsualTimeOfATest(t *testing.T) {
	t.Parallel()
	d, err := New(Defaults())
	require.NoError(t, err)
	d.settings.MinRuns = 2
	missing := math.NaN()
	for name, c := range map[string]struct {
		values []float64 // of the baseline, and of the judged run
		usual  float64
	}{
		"two":              {[]float64{1, 4, 99}, 2},
		"three":            {[]float64{9, 1, 4, 99}, 4},
		"four":             {[]float64{16, 1, 64, 4, 99}, 8},
		"one is missing":   {[]float64{16, missing, 1, 64, 4, 99}, 8},
		"too few":          {[]float64{1, missing, 99}, missing},
		"one is too fast":  {[]float64{1e-6, 4, 99}, math.Sqrt(d.byMonitor[totalTime].Least * 4)},
		"all are too fast": {[]float64{1e-6, 1e-5, 1e-6, 1e-6, 99}, missing},
	} {
		rows := make([]rounded, len(c.values))
		for i, v := range c.values {
			row := absent()
			row[totalTime] = v
			rows[i] = row.round()
		}
		table := &table{thresholds: &d.byMonitor, histories: []history{{rows: rows}}}
		table.window = len(rows) - 1
		usual := d.usual(table, totalTime)
		require.Len(t, usual, 1, name)
		assert.InDelta(t, c.usual, math.Exp(usual[0]), 1e-6, name)
	}
}
