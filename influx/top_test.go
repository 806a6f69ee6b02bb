package influx_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// TestTopLeavesNoneOut asks for each of the first ones of many tests with floats that have all their digits: the last
// one of an answer is the limit that InfluxDB is asked with.
func TestTopLeavesNoneOut(t *testing.T) {
	t.Parallel()
	b := mustBridge(t, settings(harness.SharedInflux(t)))
	random := rand.New(rand.NewPCG(5, 6))
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var records []*monitor.Record
	for i := range 60 {
		at := begin.Add(time.Duration(i) * time.Second)
		records = append(records, &monitor.Record{Project: "shop", Received: at.Add(time.Second), Metric: &monitor.Metric{
			SessionH: "s", ContextH: "c", ItemStartTime: at.Format("2006-01-02T15:04:05.000000"), ItemPath: "tests.top",
			Item: "test_a", ItemVariant: fmt.Sprintf("test_a[%d]", i), Kind: "function", TotalTime: random.Float64() / 20,
		}})
	}
	b.write(t, records)
	for n := int64(1); n <= 40; n++ {
		for _, smallest := range []bool{true, false} {
			listed := int64(0)
			for _, err := range b.writer.Store().Metrics(t.Context(), monitor.MetricQuery{Project: "shop",
				Top: &monitor.Top{Of: monitor.TotalTime, Smallest: smallest}}, monitor.Page{Limit: n}) {
				require.NoError(t, err)
				listed++
			}
			assert.Equal(t, n, listed, "smallest: %v", smallest)
		}
	}
}

// TestTopOfTheGreatestFloats asks for the first ones where all, or some, are as great or as small as floats can be.
func TestTopOfTheGreatestFloats(t *testing.T) {
	t.Parallel()
	b := mustBridge(t, settings(harness.SharedInflux(t)))
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var records []*monitor.Record
	for i := range 12 {
		at := begin.Add(time.Duration(i) * time.Second)
		m := &monitor.Metric{SessionH: "s", ContextH: "c", ItemStartTime: at.Format("2006-01-02T15:04:05.000000"), ItemPath: "tests.top",
			Item: "test_a", ItemVariant: fmt.Sprintf("test_a[%d]", i), Kind: "function", TotalTime: math.MaxFloat64,
			UserTime: -math.MaxFloat64, KernelTime: math.MaxFloat64, CPUUsage: -math.MaxFloat64, MemUsage: math.SmallestNonzeroFloat64}
		if i%2 == 0 {
			m.KernelTime, m.CPUUsage, m.MemUsage = -math.MaxFloat64, math.MaxFloat64, -math.SmallestNonzeroFloat64
		}
		records = append(records, &monitor.Record{Project: "shop", Received: at.Add(time.Second), Metric: m})
	}
	b.write(t, records)
	for _, of := range []monitor.Measurement{monitor.TotalTime, monitor.UserTime, monitor.KernelTime, monitor.CPUUsage, monitor.MemUsage} {
		for _, smallest := range []bool{true, false} {
			for _, n := range []int64{1, 3, 6, 9, 12} {
				q := monitor.MetricQuery{Project: "shop", Top: &monitor.Top{Of: of, Smallest: smallest}}
				assert.Equal(t, valuesOf(t, b.db.Store(), q, n), valuesOf(t, b.writer.Store(), q, n), "%d, %d, smallest: %v", of, n, smallest)
			}
		}
	}
}

// valuesOf returns the values of the first n metrics by rank.
func valuesOf(t *testing.T, store monitor.Store, q monitor.MetricQuery, n int64) (all []float64) {
	t.Helper()
	for m, err := range store.Metrics(t.Context(), q, monitor.Page{Limit: n}) {
		require.NoError(t, err)
		all = append(all, m.Floats()[q.Top.Of])
	}
	require.Len(t, all, int(n))
	return all
}
