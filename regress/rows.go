package regress

import (
	"cmp"
	"math"
	"slices"
)

// rows are the records of one class of machine by test. Of tests that the judged run does not have nothing is said, but
// they tell how fast the machine was in the other runs.
type rows struct {
	*machine
	sorted []record // by row, then run, then start; each sample once
	first  []int    // where the records of a row begin in sorted
	end    []int    // and end
	// strange is by run when the first test started that the judged run does not have.
	strange []int64
}

// never is later than any start.
const never = math.MaxInt64

// newRows sorts a machine's records, which it releases.
func newRows(m *machine, runs int) *rows {
	r := &rows{machine: m, strange: slices.Repeat([]int64{never}, runs)}
	r.group()
	inParallel(len(r.series), func(from, to int) {
		for row := from; row < to; row++ {
			r.tidy(row)
		}
	})
	r.mergeRepeats(runs)
	return r
}

// group brings the records of each row together, by counting.
func (r *rows) group() {
	count := make([]int, len(r.series))
	for _, records := range r.records {
		for i := range records {
			count[records[i].row]++
		}
	}
	r.first, r.end = make([]int, len(count)), make([]int, len(count))
	total := 0
	for row, n := range count {
		r.first[row], r.end[row] = total, total
		total += n
	}
	r.sorted = make([]record, total)
	for i, records := range r.records {
		for j := range records {
			r.place(&records[j])
		}
		r.records[i] = nil
	}
}

// place puts a record to its row.
func (r *rows) place(rec *record) {
	if r.judged[rec.row] == 0 {
		r.strange[rec.run] = min(r.strange[rec.run], rec.start)
	}
	r.sorted[r.end[rec.row]] = *rec
	r.end[rec.row]++
}

// tidy sorts the records of a row and drops repeated deliveries: a test starts once at a time in a session.
func (r *rows) tidy(row int) {
	records := r.of(row)
	byRun := func(a, b record) int { return cmp.Compare(a.run, b.run) }
	slices.SortFunc(records, byRun)
	kept := records[:0]
	for from, to := 0, 0; from < len(records); from = to {
		for to = from + 1; to < len(records) && records[to].run == records[from].run; to++ {
		}
		kept = append(kept, distinct(records[from:to])...)
	}
	r.end[row] = r.first[row] + len(kept)
}

// distinct returns the records of one test in one run by start, each once. The order of those that start at once, in
// different sessions, is by what they measured: sessions have no order here, and sums must not depend on one.
func distinct(records []record) []record {
	if len(records) == 1 {
		return records
	}
	slices.SortFunc(records, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.session, b.session), slices.Compare(a.value[:], b.value[:]))
	})
	records = slices.CompactFunc(records, func(a, b record) bool { return a.start == b.start && a.session == b.session })
	slices.SortFunc(records, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.start, b.start), slices.Compare(a.value[:], b.value[:]))
	})
	return records
}

// of returns the records of a row.
func (r *rows) of(row int) []record { return r.sorted[r.first[row]:r.end[row]] }

// eachRun calls fn for each run that has records of a row.
func (r *rows) eachRun(row int, fn func(run int, records []record)) {
	records := r.of(row)
	for from, to := 0, 0; from < len(records); from = to {
		run := records[from].run
		for to = from + 1; to < len(records) && records[to].run == run; to++ {
		}
		fn(int(run), records[from:to])
	}
}
