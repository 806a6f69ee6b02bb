package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestABrokenRunMakesNoTestFlaky has two runs on one commit. In the first run all tests pass. In the second run some fail.
func TestABrokenRunMakesNoTestFlaky(t *testing.T) {
	for name, c := range map[string]struct{ tests, failed, flaky int }{
		"one test":                  {30, 1, 1},
		"as many as pass":           {40, 20, 20},
		"more than pass":            {39, 20, 0},
		"all":                       {20, 20, 0},
		"all, but only a few tests": {19, 19, 19},
	} {
		t.Run(name, func(t *testing.T) {
			db, _ := openNew(t)
			recs := []*monitor.Record{record(machine("machine"))}
			for run := range 2 {
				start := arrival.Add(time.Duration(run) * time.Hour)
				s := process(fmt.Sprint("run", run), start)
				recs = append(recs, record(s))
				for i := range c.tests {
					o := became(s.SessionH, fmt.Sprint("test.py::", i), start.Add(time.Duration(i)*time.Second))
					o.Outcome, o.Attempts = monitor.Passed, 1
					if run == 1 && i < c.failed {
						o.Outcome = []string{monitor.OutcomeFailed, monitor.OutcomeError}[i%2]
					}
					recs = append(recs, record(o))
				}
			}
			for _, rec := range recs {
				rec.Received = arrival.Add(2 * time.Hour)
			}
			appendAll(t, db, recs...)
			n, err := db.CountFlakyTests(t.Context(), monitor.FlakyQuery{Project: "shop"})
			require.NoError(t, err)
			assert.EqualValues(t, c.flaky, n)
		})
	}
}
