package journal_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// The classes of records of each bucket.
var (
	measured  = []monitor.Class{monitor.ClassMetric, monitor.ClassOutcome}
	described = []monitor.Class{monitor.ClassContext, monitor.ClassSession}
)

// A bucket that is created before the first delivery has lost nothing. A later one has, and this is said
// also after a restart, and when the journal could not note it at once.
func TestCourierSaysThatDeliveredRecordsAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.run(t, func() {
			r.Recreated("bucket pytest", measured)
			r.add(context1("p", "c"), session1("p", "s"))
			r.after(time.Second)
			r.Recreated("bucket pytest", measured)
			assert.True(t, r.Health().OK, "the bucket had nothing yet")
			assert.NotContains(t, r.log.String(), "the destination has lost")
			r.add(metric1("p", "c", "s"), metric1("p", "c", "unknown"))
			r.after(time.Second)
			assert.Equal(t, "delivering to "+string(dest), r.Health().Detail)
			r.Recreated("bucket pytest", measured)
			want := "bucket pytest was missing and was created again at 2000-01-01T00:00:02Z: the records delivered before are not all there, " +
				"and pymon-bridge replay delivers again what the file has of them"
			r.after(time.Hour)
			assert.Equal(t, "delivering to "+string(dest)+"; "+want, r.Health().Detail)
			assert.Equal(t, 1, strings.Count(r.log.String(), want))
			assert.False(t, r.Health().OK)
			assert.False(t, r.Health().Required, "an orchestrator must not stop the bridge for it")
			assert.True(t, r.Healthy(), "delivery goes on")
		})
		r = newRigOn(r.j)
		replays := &fakeReplays{fakeJournal: r.j}
		r.Replays = replays
		r.run(t, func() {
			assert.Contains(t, r.Health().Detail, "bucket pytest was missing")
			assert.False(t, r.Health().OK)
			r.j.FailFn = func(string) error { return monitor.Errorf(monitor.EUnavailable, "the file is busy") }
			r.Recreated("bucket pytest_meta", described)
			assert.Contains(t, r.Health().Detail, "bucket pytest_meta was missing", "also at the first delivery after a start")
			assert.Len(t, r.j.lost, 1)
			r.j.FailFn = nil
			r.after(2 * time.Minute)
			assert.Len(t, r.j.lost, 2, "it is noted later")
			assert.Contains(t, r.Health().Detail, "bucket pytest_meta was missing")
		})
	})
}

// Only a replay that sends all that was lost ends the words: not one of a part, and not one that had sent something before the
// bucket was made. One that finds the bucket missing and makes it sends everything into it.
func TestCourierSaysUntilAWholeReplayThatRecordsAreGone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		replay monitor.Replay
		mended bool
	}{
		{"everything", monitor.Replay{}, true},
		{"what was imported too", monitor.Replay{Imported: true}, true},
		{"a time in the future", monitor.Replay{Since: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)}, false},
		{"until a time", monitor.Replay{Until: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)}, false},
		{"a project", monitor.Replay{Project: "p"}, false},
		{"dead letters", monitor.Replay{Dead: &monitor.LetterQuery{}}, false},
	} {
		for _, when := range []string{"before", "first delivery", "later delivery"} {
			t.Run(tt.name+", "+when, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r, replays := newReplayRig()
					r.BatchSize = 10
					deliveries, created := 0, 0
					r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
						if deliveries++; deliveries == created {
							r.Recreated("bucket pytest", measured)
						}
						return delivered
					}
					r.run(t, func() {
						r.add(context1("p", "c"), session1("p", "s"))
						for range 98 {
							r.add(metric1("p", "c", "s"))
						}
						r.after(time.Minute)
						switch when {
						case "before":
							r.Recreated("bucket pytest", measured)
						case "first delivery":
							created = deliveries + 1
						case "later delivery":
							created = deliveries + 5
						}
						replays.ask(tt.replay)
						r.after(time.Minute)
						assert.True(t, replays.ended())
						if deliveries < created {
							return // the replay sends nothing
						}
						assert.Equal(t, tt.mended && when != "later delivery", r.Health().OK, r.Health().Detail)
					})
				})
			})
		}
	}
}
