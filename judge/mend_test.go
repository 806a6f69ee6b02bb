package judge_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// TestClerkTellsWhatIsMended follows regressions of one run into the next.
func TestClerkTellsWhatIsMended(t *testing.T) {
	t.Parallel()
	of := func(item string, status monitor.Status, baseline, value monitor.Number) monitor.Result {
		return monitor.Result{TestID: monitor.TestID{Item: item}, Metric: monitor.MetricCPUTime, Status: status,
			Baseline: baseline, Value: value, Ratio: value / baseline}
	}
	before := &monitor.Report{Run: "before", Results: []monitor.Result{
		of("mended", monitor.StatusRegression, 1, 2), of("stays", monitor.StatusRegression, 1, 2),
		of("accepted", monitor.StatusRegression, 1, 2), of("removed", monitor.StatusRegression, 1, 2),
		of("suspected", monitor.StatusSuspect, 1, 2),
	}}
	now := func() *monitor.Report {
		return &monitor.Report{Run: "now", Previous: "before", Results: []monitor.Result{
			of("stays", monitor.StatusRegression, 1, 2), of("accepted", monitor.StatusOK, 2, 2),
			of("fine", monitor.StatusOK, 1, 1), of("mended", monitor.StatusOK, 1, 1.1), of("suspected", monitor.StatusOK, 1, 1),
		}}
	}
	for name, tc := range map[string]struct {
		earlier map[string]*monitor.Report
		want    []string
	}{
		"after its report":      {map[string]*monitor.Report{"before": before}, []string{"mended"}},
		"of which nothing said": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				j, r := &fakeJudge{give: now()}, &fakeReports{earlier: tc.earlier}
				c, _ := openClerk(t, j, r)
				c.Ended("p", "now")
				synctest.Wait()
				var mended []string
				for _, result := range r.last.Results {
					if result.Status == monitor.StatusMended {
						mended = append(mended, result.Item)
					}
				}
				assert.Equal(t, tc.want, mended)
				assert.Equal(t, "stays", r.last.Results[0].Item, "the worst first")
				assert.Len(t, r.last.Results, 5)
			})
		})
	}
}
