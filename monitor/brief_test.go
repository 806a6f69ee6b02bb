package monitor_test

import (
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
