package journal_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// A project is hidden while its pytest goes on. What arrives then is new, and waits for a session of its own.
func TestCourierForgetsTheOriginsOfWhatIsHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		var hides atomic.Uint64
		r.Hides = hides.Load
		r.run(t, func() {
			m := r.add(context1("p", "c"), session1("p", "s"), metric1("p", "c", "s"))[2]
			r.after(time.Second)
			assert.Equal(t, known("p", "c", "s"), r.sink.origin(m))
			hides.Add(1)
			r.j.mu.Lock()
			r.j.recs[0], r.j.recs[1] = context1("hidden", "c"), session1("hidden", "s")
			r.j.mu.Unlock()
			m = r.add(metric1("p", "c", "s"))[0]
			r.after(2 * time.Minute)
			assert.Equal(t, monitor.Origin{Env: monitor.UnknownEnv, Run: "s"}, r.sink.origin(m))
			assert.Equal(t, r.sink.origin(m), r.j.pins[m], "a later delivery sends the same")
		})
	})
}

// What a store far away had may be gone before the metric is delivered again.
func TestCourierPinsWhatItFoundFarAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := newFarStore(0)
		far.deliver("s", session1("p", "s").Session)
		r := newFarRig(far)
		r.run(t, func() {
			m := r.add(context1("p", "c"), metric1("p", "c", "s"))[1]
			r.after(5 * time.Second)
			assert.Equal(t, known("p", "c", "s"), r.sink.origin(m))
			assert.Equal(t, known("p", "c", "s"), r.j.pins[m])
		})
	})
}
