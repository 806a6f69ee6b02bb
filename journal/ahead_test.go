package journal_test

import (
	"context"
	"strings"
	"sync/atomic"
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

// A session with long texts has many metrics. Their points go in parts, and few of these are in memory.
func TestLongOriginsMakeSmallParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const megabyte, metrics = 1 << 20, 40
		r := newRig()
		var held, most atomic.Int64 // bytes that are prepared and not delivered
		r.sink.PrepareFn = func(points []*monitor.Point) {
			most.Store(max(most.Load(), held.Add(int64(len(points)*megabyte))))
		}
		release := make(chan struct{})
		r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
			<-release
			held.Add(-int64(len(points) * megabyte))
			return delivered
		}
		r.run(t, func() {
			s := session1("p", "s")
			s.Session.Branch = strings.Repeat("b", megabyte)
			recs := []*monitor.Record{context1("p", "c"), s}
			for range metrics {
				recs = append(recs, metric1("p", "c", "s"))
			}
			r.add(recs...)
			r.after(time.Second)
			assert.LessOrEqual(t, most.Load(), int64(20*megabyte), "of what waits for the destination")
			close(release)
			r.after(time.Second)
			assert.Equal(t, 2+metrics, r.sink.count())
			assert.Equal(t, []int{2, 7, 7, 7, 7, 7, 5}, r.sink.sent())
			s = session1("p", "long")
			s.Session.Branch = strings.Repeat("b", 9*megabyte)
			r.add(s, metric1("p", "c", "long"), metric1("p", "c", "long"))
			r.after(time.Second)
			assert.Equal(t, []int{1, 1, 1}, r.sink.sent(), "a point above the size goes alone")
		})
	})
}
