package journal_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// A bucket that is created before the first delivery has lost nothing. A later one has, and this is said until a restart.
func TestCourierSaysThatDeliveredRecordsAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.run(t, func() {
			r.Recreated("bucket pytest")
			r.add(context1("p", "c"), session1("p", "s"), metric1("p", "c", "s"), metric1("p", "c", "unknown"))
			r.after(time.Second)
			assert.Equal(t, "delivering to "+string(dest), r.Health().Detail)
			r.Recreated("bucket pytest")
			want := "bucket pytest was missing and was created again at 2000-01-01T00:00:01Z: the 3 records delivered before are not all there, " +
				"and pymon-bridge replay delivers them again"
			r.after(time.Hour)
			assert.Equal(t, "delivering to "+string(dest)+"; "+want, r.Health().Detail)
			assert.Equal(t, 1, strings.Count(r.log.String(), want))
			assert.False(t, r.Health().OK)
			assert.False(t, r.Health().Required, "an orchestrator must not stop the bridge for it")
			assert.True(t, r.Healthy(), "delivery goes on")
		})
		r = newRigOn(r.j)
		r.run(t, func() {
			r.j.FailFn = func(string) error { return monitor.Errorf(monitor.EUnavailable, "the file is busy") }
			r.Recreated("bucket pytest_meta")
			assert.Contains(t, r.Health().Detail, "the records delivered before are not all there", "they cannot be counted")
			assert.Contains(t, r.Health().Detail, "bucket pytest_meta was missing", "also at the first delivery after a start")
			assert.NotContains(t, r.Health().Detail, "bucket pytest was")
		})
	})
}
