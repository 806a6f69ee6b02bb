package journal_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/journal"
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

func TestReportCourierRetriesNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reports := &fakeReports{answers: []monitor.Reply{{Kind: monitor.Denied, Status: 401}}}
		reports.add("run")
		c := journal.NewReportCourier(reports, reports, discard())
		assert.NoError(t, c.Open())
		after(10 * time.Second)
		assert.Empty(t, reports.delivered)
		c.RetryNow()
		after(0)
		assert.Equal(t, []string{"run"}, reports.delivered)
		assert.NoError(t, c.Close())
	})
}

// Something refuses a good point in other words each time, and accepts probes. The courier asks less and less often.
func TestCourierPausesBetweenCountsOfRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		requests := 0
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
			requests++
			return monitor.Reply{Kind: monitor.Refused, Status: 400, Message: strings.Repeat("x", requests%7)}
		}
		r.add(context1("p", "c"))
		r.run(t, func() {
			r.after(time.Hour)
			assert.InDelta(t, 120, requests, 50)
			assert.Empty(t, r.j.deadSeqs())
			assert.False(t, r.Health().OK)
		})
	})
}

// Some servers put an ID into each error. The words are the same.
func TestCourierBuriesARecordThatIsRefusedWithAnID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		requests := 0
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
			requests++
			return monitor.Reply{Kind: monitor.Refused, Status: 400, Message: fmt.Sprintf("no field (trace %x)", sha256.Sum256([]byte{byte(requests)}))}
		}
		r.add(context1("p", "c"))
		r.run(t, func() {
			r.after(time.Minute)
			assert.Len(t, r.j.deadSeqs(), 1)
		})
	})
}
