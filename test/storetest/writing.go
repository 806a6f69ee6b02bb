package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func newRandom() *rand.Rand { return rand.New(rand.NewPCG(55, 66)) }

// RunWhileWriting reads lists while records are written before, at and after the position of the reader. The list must
// have all metrics that were there before, once and in order. write must return when the records are readable.
func RunWhileWriting(t *testing.T, store monitor.Store, write func(tb testing.TB, records []*monitor.Record)) {
	const before = 1500
	at := func(i int, item string) *monitor.Record {
		start := begin.Add(time.Duration(i) * time.Second)
		return &monitor.Record{Project: "shop", Received: start.Add(time.Second), Metric: &monitor.Metric{
			SessionH: "s", ContextH: "c", ItemStartTime: clock(start), Item: item, Kind: "function", Component: "core",
			TotalTime: float64(i % 100)}}
	}
	var records []*monitor.Record
	for i := range before {
		records = append(records, at(i, fmt.Sprintf("before_%d", i%50)))
	}
	write(t, records)
	queries := map[string]monitor.MetricQuery{
		"all":       {},
		"project":   {Project: "shop"},
		"component": {Where: []monitor.Match{{Field: monitor.FieldComponent, Text: "core"}}},
		"session":   {Where: []monitor.Match{{Field: monitor.FieldSessionH, Text: "s"}}},
		"top":       {Top: &monitor.Top{Of: monitor.TotalTime}},
	}
	for name, q := range queries {
		t.Run(name, func(t *testing.T) {
			want := all(t, store.Metrics(t.Context(), q, monitor.Page{}))
			n, written := 0, 0
			for m, err := range store.Metrics(t.Context(), q, monitor.Page{}) {
				require.NoError(t, err)
				if n < len(want) && want[n].Same(m) {
					n++
				}
				if n >= written+250 {
					written = n
					item := fmt.Sprintf("%s_%d", name, n)
					write(t, []*monitor.Record{at(n/2, item), at(n+1, item), at(before-n/2, item), at(before+n, item)})
				}
			}
			assert.Equal(t, len(want), n)
		})
	}
}
