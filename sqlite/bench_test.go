package sqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// load makes the records of a busy site. It has 5,000 tests. Each 1,000 records begin with a session; the others are
// metrics.
type load struct {
	random *rand.Rand
	n      int
	stated bool // sessions state the offset of their clock, as those of the project's own plugin do
}

func newLoad() *load { return &load{random: rand.New(rand.NewPCG(1, 2))} }

func (l *load) record() *monitor.Record {
	session := fmt.Sprintf("%032x", l.n/1000)
	start := arrival.Add(time.Duration(l.n) * 20 * time.Millisecond)
	var rec *monitor.Record
	if l.n%1000 == 0 {
		p := process(session, start)
		p.StatesOffset = l.stated
		rec = record(p)
	} else {
		m := measured(session, fmt.Sprintf("test_%d", l.random.IntN(5000)), start)
		m.TotalTime, m.UserTime, m.CPUUsage = l.random.Float64(), l.random.Float64(), l.random.Float64()
		m.MemUsage = l.random.Float64()
		rec = record(m)
	}
	rec.Received = start.Add(300 * time.Millisecond)
	l.n++
	return rec
}

func (l *load) records(n int) []*monitor.Record {
	recs := make([]*monitor.Record, n)
	for i := range recs {
		recs[i] = l.record()
	}
	return recs
}

func filled(b *testing.B, n int) (*sqlite.DB, *load) {
	b.Helper()
	db, _ := openNew(b)
	l := newLoad()
	for range n / 5000 {
		require.NoError(b, db.Append(b.Context(), l.records(5000)))
	}
	return db, l
}

// BenchmarkAppend stores metrics in transactions of several sizes. The file has 500,000 records.
func BenchmarkAppend(b *testing.B) {
	db, l := filled(b, 500_000)
	for _, stated := range []bool{false, true} {
		for _, size := range []int{1, 16, 64, 512} {
			b.Run(fmt.Sprintf("stated=%v/%d", stated, size), func(b *testing.B) {
				l.stated = stated
				for b.Loop() {
					b.StopTimer()
					recs := l.records(size)
					b.StartTimer()
					require.NoError(b, db.Append(b.Context(), recs))
				}
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}

// BenchmarkNext reads a backlog of 500,000 records as the courier does.
func BenchmarkNext(b *testing.B) {
	db, _ := filled(b, 500_000)
	b.ReportAllocs()
	read, after := 0, uint64(0)
	for b.Loop() {
		pending, err := db.Next(context.Background(), dest, after, 5000)
		require.NoError(b, err)
		read += len(pending)
		after = 0
		if len(pending) == 5000 {
			after = pending[len(pending)-1].Seq
		}
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkStats asks for the state of a backlog of 500,000 records.
func BenchmarkStats(b *testing.B) {
	db, _ := filled(b, 500_000)
	for b.Loop() {
		_, err := db.Stats(context.Background(), dest)
		require.NoError(b, err)
	}
}

// BenchmarkGroupCommit lets 16 clients post one record at a time through a group commit. The file has 500,000 records.
// It reports how long the clients wait for their answers. One operation is one record.
func BenchmarkGroupCommit(b *testing.B) {
	const clients = 16
	db, l := filled(b, 500_000)
	recs := l.records(b.N)
	queue := make(chan func() (*monitor.Record, chan error), clients)
	go func() {
		for first := range queue {
			batch, answers := []*monitor.Record{}, []chan error{}
			for take := first; take != nil; {
				rec, answer := take()
				batch, answers = append(batch, rec), append(answers, answer)
				select {
				case take = <-queue:
				default:
					take = nil
				}
			}
			err := db.Append(context.Background(), batch)
			for _, answer := range answers {
				answer <- err
			}
		}
	}()
	waits := make([]time.Duration, b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range clients {
		wg.Go(func() {
			answer := make(chan error, 1)
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				start := time.Now()
				queue <- func() (*monitor.Record, chan error) { return recs[i], answer }
				assert.NoError(b, <-answer)
				waits[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	close(queue)
	slices.Sort(waits)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	for _, p := range []float64{0.5, 0.99, 0.999} {
		b.ReportMetric(float64(waits[int(p*float64(len(waits)-1))].Microseconds())/1000, fmt.Sprintf("p%g-ms", 100*p))
	}
	b.ReportMetric(float64(waits[len(waits)-1].Microseconds())/1000, "max-ms")
}
