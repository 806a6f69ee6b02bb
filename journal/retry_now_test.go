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
