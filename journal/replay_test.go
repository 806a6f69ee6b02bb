package journal_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/journal"
	"pymon-bridge/monitor"
)

// newReplayRig returns a rig whose journal has replays.
func newReplayRig() (*rig, *fakeReplays) {
	r := newRig()
	replays := &fakeReplays{fakeJournal: r.j}
	r.Replays, r.j.replay = replays, replays.atBegin
	return r, replays
}

// A destination that lost everything gets everything again, and nothing twice. Meanwhile new records go out at once, and
// afterwards the bridge is ready again.
func TestCourierDeliversAgainBesideNewRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, replays := newReplayRig()
		r.BatchSize = 10
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
			time.Sleep(100 * time.Millisecond)
			return delivered
		}
		r.run(t, func() {
			r.add(context1("p", "c"), session1("p", "s"))
			for range 998 {
				r.add(metric1("p", "c", "s"))
			}
			r.after(time.Minute)
			r.sink.lose()
			r.Recreated("bucket pytest", measured)
			assert.Contains(t, r.Health().Detail, "pymon-bridge replay delivers again what the file has of them")
			replays.ask(monitor.Replay{Project: "q"})
			r.after(3 * time.Second)
			assert.True(t, replays.ended())
			assert.False(t, r.Health().OK, "the records of other projects are still gone")
			id := replays.ask(monitor.Replay{})
			r.after(3 * time.Second)
			for range 5 {
				seq := r.add(metric1("p", "c", "s"))[0]
				r.after(time.Second)
				assert.True(t, r.sink.has(seq), "a new record waits for one delivery of the replay at most")
			}
			assert.True(t, replays.state(id).Ended.IsZero(), "the replay takes longer")
			assert.False(t, r.Health().OK)
			r.after(time.Minute)
			assert.Equal(t, 1005, r.sink.count())
			assert.EqualValues(t, 1000, replays.state(id).Sent, "records behind the cursor at the begin go out anyway")
			assert.True(t, r.Health().OK, r.Health().Detail)
		})
	})
}

// What is refused now, and was delivered before, is counted and not buried. A dead letter that is refused again has the
// new words, and one that is taken is no dead letter any more.
func TestCourierCountsWhatIsRefusedWhenItIsDeliveredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, replays := newReplayRig()
		bad := map[uint64]bool{3: true, 4: true}
		words := "point is outside retention of 24h"
		r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
			if contains(points, bad) {
				return monitor.Reply{Kind: monitor.Refused, Status: 422, Message: words}
			}
			return delivered
		}
		r.run(t, func() {
			r.add(context1("p", "c"), session1("p", "s"))
			for range 500 {
				r.add(metric1("p", "c", "s"))
			}
			r.after(time.Minute)
			require.Equal(t, []uint64{3, 4}, r.j.deadSeqs())
			delete(bad, 3)
			for seq := range uint64(300) {
				bad[seq+200] = true
			}
			words = "point is outside retention of 12h"
			id := replays.ask(monitor.Replay{})
			r.after(time.Hour)
			s := replays.state(id)
			assert.Equal(t, []uint64{4}, r.j.deadSeqs())
			assert.Equal(t, words, r.j.dead[4].Reason)
			assert.Equal(t, []int64{300, 1, 201}, []int64{s.Refused, s.StillDead, s.Sent})
			assert.Equal(t, monitor.Reasons{"point is outside retention of 12h": 301}, s.Reasons)
			assert.Contains(t, r.Health().Detail, "1 records are dead letters")

			again := replays.ask(monitor.Replay{Dead: &monitor.LetterQuery{}})
			clear(bad)
			r.after(time.Hour)
			assert.Empty(t, r.j.deadSeqs())
			assert.EqualValues(t, 1, replays.state(again).Sent)
			assert.NotContains(t, r.Health().Detail, "dead letters")
		})
	})
}

// A record that a proxy does not take now is set aside, and tried again. Also then it is not buried, since the destination
// had it once.
func TestCourierSetsAsideWhatIsDeliveredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, replays := newReplayRig()
		reply := delivered
		r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
			if contains(points, map[uint64]bool{3: true}) {
				return reply
			}
			return delivered
		}
		r.run(t, func() {
			r.add(context1("p", "c"), session1("p", "s"), metric1("p", "c", "s"), metric1("p", "c", "s"))
			r.after(time.Minute)
			r.sink.lose()
			reply = tooLarge
			id := replays.ask(monitor.Replay{})
			r.after(time.Minute)
			assert.False(t, replays.state(id).Ended.IsZero())
			assert.EqualValues(t, 1, replays.state(id).SetAside)
			assert.Equal(t, 3, r.sink.count())
			reply = refused
			r.after(time.Hour)
			assert.Empty(t, r.j.deadSeqs())
			assert.Zero(t, r.j.parkedCount())
			assert.True(t, r.log.has("refuses a record now that it had before", 3))
		})
	})
}

// A metric that waits for its context is not delivered before it, also not by a replay. One whose context the file has lost
// is left out, since it would become another point.
func TestCourierLeavesOutWhatHasNoOrigin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, replays := newReplayRig()
		r.run(t, func() {
			lost := context1("p", "c")
			r.add(lost, session1("p", "s"), metric1("p", "c", "s"), metric1("p", "unknown", "s"))
			r.after(time.Second)
			lost.Context.H = "another"
			id := replays.ask(monitor.Replay{})
			r.after(10 * time.Second)
			s := replays.state(id)
			assert.Equal(t, []int64{2, 1}, []int64{s.Sent, s.Incomplete})
			assert.False(t, r.sink.has(4))
		})
	})
}

// The reports of a replay follow its records. A report that is refused now is counted.
func TestReportCourierDeliversAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		replays := &fakeReplays{fakeJournal: newFakeJournal()}
		for version := range int64(20) {
			rep := &monitor.Report{Project: "p", Run: fmt.Sprint(version + 1)}
			if version == 4 {
				rep = nil // is not chosen
			}
			replays.reports = append(replays.reports, monitor.PendingReport{Report: rep, Version: version + 1})
		}
		f := &fakeReports{answers: []monitor.Reply{delivered, delivered, delivered, delivered, delivered,
			{Kind: monitor.Refused, Message: "outside the retention of 24h"}}}
		c := journal.NewReportCourier(f, f, discard())
		c.Replays = replays
		require.NoError(t, c.Open())
		id := replays.ask(monitor.Replay{State: monitor.ReplayState{Dest: dest, Began: time.Now(), UpTo: 5, ReportsUpTo: 19}})
		after(2 * time.Minute)
		assert.Empty(t, f.delivered, "the records are not done")
		replays.mu.Lock()
		replays.all[0].State.Position = 5
		replays.mu.Unlock()
		c.Wake()
		after(time.Second)
		require.NoError(t, c.Close())
		s := replays.state(id)
		assert.False(t, s.Ended.IsZero())
		assert.Equal(t, []int64{17, 1}, []int64{s.SentReports, s.Refused}, "18 of 19 are chosen")
		assert.Len(t, f.delivered, 17)
		assert.NotContains(t, f.delivered, "7")
		assert.Equal(t, monitor.Reasons{"outside the retention of 24h": 1}, s.Reasons)
	})
}
