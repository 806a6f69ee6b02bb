package judge_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestAFewTestsClearNothingThatIsAsSlow holds that a test that was run again among so few that the speed of the machine is
// not known is cleared only by a value that was usual in the run before. Where the speed is known, the status counts.
func TestAFewTestsClearNothingThatIsAsSlow(t *testing.T) {
	t.Parallel()
	const ok, suspect, bad = monitor.StatusOK, monitor.StatusSuspect, monitor.StatusRegression
	for name, tc := range map[string]struct {
		first, again monitor.Status
		value, speed float64 // of the second run; the limit of the first is 2
		want         monitor.Status
	}{
		"as slow, speed unknown":             {bad, ok, 2.5, math.NaN(), bad},
		"a suspect as slow, speed unknown":   {suspect, ok, 2.5, math.NaN(), suspect},
		"a suspect now, speed unknown":       {bad, suspect, 2.5, math.NaN(), bad},
		"a regression now, speed unknown":    {suspect, bad, 2.5, math.NaN(), bad},
		"as usual, speed unknown":            {bad, ok, 1.5, math.NaN(), ok},
		"fine before, speed unknown":         {ok, ok, 2.5, math.NaN(), ok},
		"a suspect again, speed unknown":     {ok, suspect, 2.5, math.NaN(), suspect},
		"as slow as the machine, which told": {bad, ok, 2.5, 1.7, ok},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHistory{}
			h.add("first", "c", "main", "ci")
			h.add("again", "c", "main", "ci")
			j := newJudge(h, detect(func(c monitor.Comparison) *monitor.Report {
				x, speed := result("test", "cpu_time", tc.first, 1), 1.0
				x.Env, x.Value, x.Limit = "ci", 2.5, 2
				if c.Judged().ID == "again" {
					x.Status, x.Value, x.Limit, speed = tc.again, monitor.Number(tc.value), 3, tc.speed
				}
				return &monitor.Report{Results: []monitor.Result{x}, Suite: monitor.Suite{Status: ok, Machines: []monitor.Machine{
					{Env: "ci", Status: ok, Offset: map[string]monitor.Number{"cpu_time": monitor.Number(speed)}}}}}
			}))
			report, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c"})
			require.NoError(t, err)
			assert.Equal(t, tc.want, report.Results[0].Status)
			assert.Equal(t, tc.first != ok && tc.want == ok, len(report.LeftOut) == 1, "cleared")
		})
	}
}
