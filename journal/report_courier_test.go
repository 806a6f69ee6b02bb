package journal_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/journal"
	"pymon-bridge/monitor"
)

// fakeReports is a queue of reports, and also their destination.
type fakeReports struct {
	mu        sync.Mutex
	waiting   []monitor.PendingReport
	delivered []string // runs of the accepted reports
	tried     []time.Time
	answers   []monitor.Reply      // one for each attempt; Delivered after the last
	probe     func() monitor.Reply // answers probes; Delivered if nil
	report    func() monitor.Reply // answers reports that answers has nothing for
	nextErr   error
	ackErr    error
	panics    bool
}

func (f *fakeReports) NextReports(_ context.Context, _ monitor.Destination, n int) ([]monitor.PendingReport, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nextErr != nil {
		return nil, f.nextErr
	}
	return slices.Clone(f.waiting[:min(n, len(f.waiting))]), nil
}

func (f *fakeReports) AckReport(_ context.Context, _ monitor.Destination, p monitor.PendingReport) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ackErr != nil {
		return f.ackErr
	}
	f.waiting = slices.DeleteFunc(f.waiting, func(w monitor.PendingReport) bool { return w.Version == p.Version })
	return nil
}

func (f *fakeReports) Destination() monitor.Destination { return dest }

func (f *fakeReports) DeliverReport(_ context.Context, r *monitor.Report) monitor.Reply {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried = append(f.tried, time.Now())
	if f.panics {
		panic("a fault")
	}
	if len(f.answers) > 0 {
		v := f.answers[0]
		f.answers = f.answers[1:]
		if v.Kind != monitor.Delivered {
			return v
		}
	}
	if f.report != nil {
		if v := f.report(); v.Kind != monitor.Delivered {
			return v
		}
	}
	f.delivered = append(f.delivered, r.Run)
	return monitor.Reply{Kind: monitor.Delivered}
}

func (f *fakeReports) Probe(context.Context, monitor.Class) monitor.Reply {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.probe != nil {
		return f.probe()
	}
	return monitor.Reply{Kind: monitor.Delivered}
}

func (f *fakeReports) add(runs ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, run := range runs {
		f.waiting = append(f.waiting, monitor.PendingReport{Report: &monitor.Report{Run: run}, Version: int64(len(f.waiting)) + 1})
	}
}

func (f *fakeReports) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func openReportCourier(t *testing.T, f *fakeReports) (*journal.ReportCourier, *log) {
	t.Helper()
	l := &log{}
	m := journal.NewReportCourier(f, f, l.logger())
	require.NoError(t, m.Open())
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	return m, l
}

func TestReportCourierDeliversEachReportInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeReports{}
		for i := range 20 {
			f.add(strconv.Itoa(i))
		}
		m, _ := openReportCourier(t, f)
		synctest.Wait()
		var want []string
		for i := range 20 {
			want = append(want, strconv.Itoa(i))
		}
		require.Equal(t, want, f.delivered, "the reports that were there before Open")

		f.add("later")
		m.Wake()
		synctest.Wait()
		assert.Equal(t, "later", f.delivered[20])

		f.add("without Wake")
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		assert.Len(t, f.delivered, 22)
		assert.Empty(t, f.waiting)
	})
}

func TestReportCourierRepeatsADelivery(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer monitor.Reply
		least  time.Duration // shortest wait between attempts
	}{
		"while the destination is away":       {monitor.Reply{Kind: monitor.Unavailable}, 0},
		"after its Retry-After":               {monitor.Reply{Kind: monitor.Unavailable, RetryAfter: 40 * time.Second}, 40 * time.Second},
		"slowly until the operator has acted": {monitor.Reply{Kind: monitor.Denied, Status: 401}, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &fakeReports{answers: slices.Repeat([]monitor.Reply{tc.answer}, 5)}
				f.add("r")
				openReportCourier(t, f)
				time.Sleep(time.Hour)
				synctest.Wait()
				require.Len(t, f.tried, 6)
				assert.Equal(t, []string{"r"}, f.delivered)
				for i := range f.tried[1:] {
					assert.GreaterOrEqual(t, f.tried[i+1].Sub(f.tried[i]), tc.least)
				}
			})
		})
	}
}

func TestReportCourierSkipsARefusedReport(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*fakeReports{
		"by the destination": {answers: slices.Repeat([]monitor.Reply{{Kind: monitor.Refused, Status: 400, Message: "conflict"}}, 3)},
		"by a known limit":   {answers: []monitor.Reply{{Kind: monitor.Refused, Message: "outside retention"}}},
		"by a panic":         {panics: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f.add("bad", "good")
				_, log := openReportCourier(t, f)
				synctest.Wait()
				assert.Empty(t, f.waiting)
				assert.NotContains(t, f.delivered, "bad")
				assert.Contains(t, log.String(), "level=ERROR")
				assert.Contains(t, log.String(), "run=bad")
			})
		})
	}
}

func TestReportCourierSurvivesAFailingQueueAndStopsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeReports{nextErr: errors.New("disk on fire")}
		f.add("r")
		m, log := openReportCourier(t, f)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		assert.Contains(t, log.String(), "disk on fire")
		f.set(func() { f.nextErr = nil })
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"r"}, f.delivered)

		f.set(func() { f.answers = slices.Repeat([]monitor.Reply{{Kind: monitor.Unavailable}}, 1000) })
		f.add("kept")
		m.Wake()
		synctest.Wait()
		start := time.Now()
		require.NoError(t, m.Close())
		assert.Zero(t, time.Since(start), "Close does not wait for a destination that is away")
		assert.Len(t, f.waiting, 1)
	})
}

func TestReportCourierDeliversOnceWhenAcknowledgingFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeReports{ackErr: errors.New("disk on fire")}
		f.add("r", "next")
		_, log := openReportCourier(t, f)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"r"}, f.delivered, "the report is not delivered again, and the next one waits")
		assert.Contains(t, log.String(), "acknowledge the report on run r: disk on fire")
		f.set(func() { f.ackErr = nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"r", "next"}, f.delivered)
		assert.Empty(t, f.waiting)
	})
}

// A report is not at fault where harmless points are refused too.
func TestReportCourierKeepsReportsWhereEverythingIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeReports{}
		f.report = func() monitor.Reply {
			return monitor.Reply{Kind: monitor.Refused, Status: 422, Message: "no series left"}
		}
		f.probe = f.report
		f.add("run")
		_, log := openReportCourier(t, f)
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Len(t, f.waiting, 1)
		assert.Contains(t, log.String(), "refuses harmless points too")
		f.set(func() { f.report, f.probe = nil, nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"run"}, f.delivered)
	})
}

// A proxy that answers each n-th request itself makes no report vanish, whatever n is.
func TestReportCourierGivesUpNoReportForAProxy(t *testing.T) {
	t.Parallel()
	for n := 2; n <= 10; n++ {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeReports{}
			requests := 0
			f.probe = func() monitor.Reply {
				if requests++; requests%n == 0 {
					return monitor.Reply{Kind: monitor.TooLarge, Status: 413, Message: "<html>"}
				}
				return monitor.Reply{Kind: monitor.Delivered}
			}
			f.report = func() monitor.Reply {
				reply := f.probe()
				if reply.Kind == monitor.TooLarge {
					reply.Kind = monitor.Refused // a point alone
				}
				return reply
			}
			for run := range 50 {
				f.add(strconv.Itoa(run))
			}
			_, _ = openReportCourier(t, f)
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			assert.Len(t, f.delivered, 50, "n = %d", n)
		})
	}
}
