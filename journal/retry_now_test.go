package journal_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

func TestCourierWaitsFiveMinutesAtMostAndRetriesNow(t *testing.T) {
	for _, now := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			tries := 0
			r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
				if tries++; tries == 1 {
					return monitor.Reply{Kind: monitor.Unavailable, Status: 503, RetryAfter: 2e9 * time.Second}
				}
				return delivered
			}
			r.run(t, func() {
				r.add(context1("p", "c"))
				r.after(4 * time.Minute)
				assert.Zero(t, r.sink.count())
				if now {
					r.RetryNow()
					r.after(0)
				} else {
					r.after(2 * time.Minute)
				}
				assert.Equal(t, 1, r.sink.count())
			})
		})
	}
}

func TestCourierCloseTriesAgainWhenTheJournalFailsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		failures := 0
		r.j.FailFn = func(op string) error {
			if op == "ack" && failures < 2 {
				failures++
				return monitor.Errorf(monitor.EUnavailable, "ack fails")
			}
			return nil
		}
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
			time.Sleep(time.Second)
			return delivered
		}
		assert.NoError(t, r.Open(t.Context()))
		r.add(context1("p", "c"))
		r.after(500 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		assert.NoError(t, r.Close(ctx))
		assert.EqualValues(t, 1, r.j.acked())
	})
}
