package journal_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// slowly makes each delivery of measured records take a minute.
func slowly(_ context.Context, points []*monitor.Point) monitor.Reply {
	if points[0].Measured() != nil {
		time.Sleep(time.Minute)
	}
	return delivered
}

func TestTheNextBatchIsPreparedWhileOneIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.BatchSize = 10
		prepared := 0
		r.sink.PrepareFn = func(points []*monitor.Point) { prepared += len(points) }
		r.sink.DeliverFn = slowly
		r.fill(40)
		r.run(t, func() {
			r.after(time.Second)
			assert.Equal(t, []int{2, 8}, r.sink.sent(), "the first batch: its metadata, and its metrics")
			assert.Equal(t, 20, prepared, "one batch ahead, and not more")
			r.after(5 * time.Minute)
			assert.Equal(t, []int{10, 10, 10}, r.sink.sent())
			assert.Equal(t, 40, prepared, "each point once")
		})
	})
}

// A batch can be ready before the limit of one of its points is known.
func TestAPreparedPointAboveALimitIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.BatchSize = 10
		r.sink.DeliverFn = slowly
		r.fill(20)
		r.run(t, func() {
			r.after(time.Second) // the second batch is ready
			r.sink.LimitFn = func(p *monitor.Point) string {
				if p.Seq == 15 {
					return "outside retention"
				}
				return ""
			}
			r.after(5 * time.Minute)
			assert.Equal(t, []int{2, 8, 9}, r.sink.sent())
			assert.Equal(t, []uint64{15}, r.j.deadSeqs())
			assert.Equal(t, 19, r.sink.count())
		})
	})
}
