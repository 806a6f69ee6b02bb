package monitor_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func TestArrangeSortsAndCountsResults(t *testing.T) {
	t.Parallel()
	unknown := monitor.Number(math.NaN())
	result := func(item, env, metric string, status monitor.Status, level monitor.Level, ratio monitor.Number) monitor.Result {
		return monitor.Result{TestID: monitor.TestID{Item: item, Env: env}, Metric: metric, Status: status, Level: level, Ratio: ratio}
	}
	want := []monitor.Result{
		result("a", "e", "cpu_time", monitor.StatusRegression, monitor.LevelCrit, 1.6),
		result("b", "e", "cpu_time", monitor.StatusRegression, monitor.LevelWarn, 1.9),
		result("a", "e", "mem_usage", monitor.StatusSuspect, "", 2),
		result("b", "e", "mem_usage", monitor.StatusImprovement, "", 0.3),
		result("c", "e", "mem_usage", monitor.StatusImprovement, "", 0.5),
		result("d", "e", "mem_usage", monitor.StatusResolved, "", 1),
		result("z", "a", "cpu_time", monitor.StatusNotJudged, "", unknown),
		result("c", "e", "cpu_time", monitor.StatusNotJudged, "", unknown),
		result("c", "e", "total_time", monitor.StatusNotJudged, "", unknown),
		result("new", "e", "total_time", monitor.StatusNotJudged, "", unknown),
		result("d", "e", "cpu_time", monitor.StatusLearning, "", unknown),
		result("new", "e", "cpu_time", monitor.StatusLearning, "", unknown),
		result("d", "e", "total_time", monitor.StatusOK, "", 1.1),
		result("a", "e", "total_time", monitor.StatusOK, "", 1),
	}
	ids := func(results []monitor.Result) (ids []monitor.ResultID) {
		for i := range results {
			ids = append(ids, results[i].ID())
		}
		return ids
	}
	for shift := range want {
		r := &monitor.Report{Results: append(append([]monitor.Result{}, want[shift:]...), want[:shift]...),
			Summary: monitor.Summary{Tests: 99, OK: 99}}
		r.Arrange()
		assert.Equal(t, ids(want), ids(r.Results))
		assert.Equal(t, monitor.Summary{Tests: 6, LearningTests: 1, NotJudgedTests: 1, Learning: 2, OK: 3, NotJudged: 4, Suspects: 1, Regressions: 2, Improvements: 2}, r.Summary)
	}
}

func TestANumberIsWrittenAsTheStandardLibraryWritesIt(t *testing.T) {
	t.Parallel()
	values := []float64{0, math.Copysign(0, -1), 1e-6, 9.99e-7, -1e-7, 1e20, 1e21, -1e21, math.MaxFloat64, math.SmallestNonzeroFloat64, 0.1, 123456789}
	for range 1000 {
		values = append(values, math.Float64frombits(rand.Uint64()), rand.NormFloat64())
	}
	for _, f := range values {
		want := []byte("null")
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			var err error
			want, err = json.Marshal(f)
			require.NoError(t, err)
		}
		got, err := json.Marshal(monitor.Number(f))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got))
	}
}
