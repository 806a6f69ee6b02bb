package journal_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pymon-bridge/journal"
	"pymon-bridge/monitor"
)

func benchName(what string, n int) string { return fmt.Sprintf("%s=%d", what, n) }

// spin waits more exactly than a timer of the system. On some machines timers have a granularity of a millisecond.
func spin(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

// BenchmarkCourier measures the cost of the courier per record. Its sink and its journal cost almost nothing.
func BenchmarkCourier(b *testing.B) {
	j := newFakeJournal()
	j.add(context1("p", "c"))
	j.add(session1("p", "s"))
	for range b.N {
		j.add(metric1("p", "c", "s"))
	}
	c := journal.NewCourier(benchJournal{j}, nullSink{}, j, j, discard())
	b.ReportAllocs()
	b.ResetTimer()
	if err := c.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := c.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// benchJournal acknowledges without the checks of the fake.
type benchJournal struct{ *fakeJournal }

func (benchJournal) Ack(context.Context, monitor.Destination, monitor.Acknowledgement) error {
	return nil
}

// nullSink accepts everything.
type nullSink struct{}

func (nullSink) Destination() monitor.Destination { return dest }
func (nullSink) Limit(*monitor.Point) string      { return "" }
func (nullSink) Prepare([]*monitor.Point) monitor.Delivery {
	return func(context.Context) monitor.Reply { return monitor.Reply{} }
}
func (nullSink) Probe(context.Context, monitor.Class) monitor.Reply { return monitor.Reply{} }
