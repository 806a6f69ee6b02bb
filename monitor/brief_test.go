package monitor_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

func TestVerdictOfAReport(t *testing.T) {
	t.Parallel()
	for want, r := range map[monitor.Status]*monitor.Report{
		monitor.StatusRegression:  {Summary: monitor.Summary{Regressions: 1, Suspects: 2, OK: 3}, Suite: monitor.Suite{Status: monitor.StatusSlowMachine}},
		monitor.StatusSlowMachine: {Summary: monitor.Summary{Suspects: 2, OK: 3}, Suite: monitor.Suite{Status: monitor.StatusRegression}},
		monitor.StatusSuspect:     {Summary: monitor.Summary{Suspects: 2, OK: 3}, Suite: monitor.Suite{Status: monitor.StatusOK}},
		monitor.StatusOK:          {Summary: monitor.Summary{Improvements: 1, Learning: 3}},
		monitor.StatusLearning:    {Summary: monitor.Summary{Learning: 3, NotJudged: 3}},
		monitor.StatusNotJudged:   {Summary: monitor.Summary{NotJudged: 3}},
	} {
		assert.Equal(t, want, r.Verdict())
		assert.Equal(t, want, r.Brief().Verdict)
	}
}

func TestUsualRange(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before           []float64
		usual, low, high float64
	}{
		"steady":         {[]float64{10, 10, 10, 10, 10}, 10, 9.5, 10.5},
		"spread":         {[]float64{9, 10, 11, 12, 8}, 10, 6, 14},
		"one is far off": {[]float64{10, 10, 10, 10, 1000}, 10, 9.5, 10.5},
		"of the last 30": {append(slices.Repeat([]float64{1}, 30), slices.Repeat([]float64{9}, 100)...), 1, 0.95, 1.05},
		"negative":       {[]float64{-2, -2, -2, -2, -2}, -2, -2.1, -1.9},
		"too few":        {[]float64{1, 1, 1, 1}, math.NaN(), math.NaN(), math.NaN()},
	} {
		usual, low, high := monitor.UsualRange(tc.before)
		for i, pair := range [][2]float64{{tc.usual, usual}, {tc.low, low}, {tc.high, high}} {
			if math.IsNaN(pair[0]) {
				assert.True(t, math.IsNaN(pair[1]), "%s %d", name, i)
			} else {
				assert.InDelta(t, pair[0], pair[1], 1e-9, "%s %d", name, i)
			}
		}
	}
}
