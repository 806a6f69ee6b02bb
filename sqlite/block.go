package sqlite

import (
	"context"
	"math"

	"pymon-bridge/monitor"
)

// blockSize is how many numbers of the sequence a row of blocks is about. Smaller ones leave fewer metrics to be read of
// each, and more of them to choose from.
const blockSize = 64

// block is the block of the sequence that the last metric is in, as long as it is not complete. Values are NaN, and
// the time 0, while there is none.
type block struct {
	id      int64
	first   int64 // start of the metric that started first
	some    bool  // there is a metric
	extreme [5]struct{ greatest, least float64 }
}

func newBlock(seq uint64) block {
	b := block{id: int64(seq / blockSize)}
	for i := range b.extreme {
		b.extreme[i].greatest, b.extreme[i].least = math.NaN(), math.NaN()
	}
	return b
}

// add takes in a metric.
func (b *block) add(start int64, measured [monitor.Measurements]*float64) {
	if !b.some || start < b.first {
		b.first, b.some = start, true
	}
	for i, v := range measured {
		f := *v
		e := &b.extreme[i]
		if math.IsNaN(f) {
			continue
		}
		if !(f <= e.greatest) { // also when there is none yet
			e.greatest = f
		}
		if !(f >= e.least) {
			e.least = f
		}
	}
}

// measure takes a metric that is being stored into its block. The block before is complete then, and written.
func (w *writer) measure(seq uint64, start int64, m *monitor.Metric) error {
	if int64(seq/blockSize) != w.open.id {
		if err := w.writeBlock(); err != nil {
			return err
		}
		w.open = newBlock(seq)
	}
	w.open.add(start, m.Values())
	return nil
}

func (w *writer) writeBlock() error {
	if !w.open.some {
		return nil
	}
	args := []any{w.open.id, w.open.first}
	for _, e := range w.open.extreme {
		args = append(args, number(e.greatest), number(e.least))
	}
	_, err := w.exec(`INSERT INTO blocks (id, first_ns, total_time_max, total_time_min, user_time_max, user_time_min,
		kernel_time_max, kernel_time_min, cpu_usage_max, cpu_usage_min, mem_usage_max, mem_usage_min)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, args...)
	return err
}

// lastBlock reads what is stored of the block that the last metric is in.
func lastBlock(ctx context.Context, q querier) (block, error) {
	last, err := countOf(ctx, q, newClause("SELECT coalesce(max(seq), 0) FROM metrics"))
	b := newBlock(uint64(last))
	if err != nil {
		return b, err
	}
	var m monitor.Metric
	var start int64
	err = each(ctx, q, `SELECT utc_ns, total_time, user_time, kernel_time, cpu_usage, mem_usage FROM metrics WHERE seq >= ?`,
		[]any{b.id * blockSize}, func(row scanner) error {
			err := row.Scan(append([]any{&start}, floats(&m)...)...)
			b.add(start, m.Values())
			return err
		})
	return b, err
}
