package regress

import (
	"cmp"
	"math"
	"slices"
	"sync/atomic"

	"pymon-bridge/monitor"
)

// A job that is run again, or the suspects of a run, may be taken for more of the same run: when the pipeline gives its
// run a name, or when it follows the run before at once. Its sessions begin after the others have ended. They are
// attempts, and what they have of a test are repetitions of one measurement and not several tests of one id.

// span is from when to when a session of a run measured something.
type span struct {
	run         int32
	start, last int64
}

// extend takes a record into the span of its session.
func (m *machine) extend(r *record) {
	for int(r.session) >= len(m.spans) {
		m.spans = append(m.spans, span{run: none, start: never, last: math.MinInt64})
	}
	s := &m.spans[r.session]
	s.run = r.run
	s.start, s.last = min(s.start, r.start), max(s.last, r.start, r.end())
}

// end is when a test ended.
func (r *record) end() int64 {
	started := monitor.Instant{UTC: r.start}
	return started.Plus(r.value[totalTime]).UTC
}

// attempts returns by session which attempt of its run it is part of: one begins where a session begins after all before
// have ended. It is nil where every run has one.
func (m *machine) attempts() (attempt []int32) {
	order := make([]int32, len(m.spans))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		x, y := &m.spans[a], &m.spans[b]
		return cmp.Or(cmp.Compare(x.run, y.run), cmp.Compare(x.start, y.start))
	})
	attempt = make([]int32, len(m.spans))
	var run, number int32 = none, 0
	var last int64
	repeated := false
	for _, session := range order {
		s := &m.spans[session]
		switch {
		case s.run == none:
			continue
		case s.run != run:
			run, number, last = s.run, 0, s.last
		case s.start > last:
			number, repeated = number+1, true
		}
		attempt[session], last = number, max(last, s.last)
	}
	if !repeated {
		return nil
	}
	return attempt
}

// mergeRepeats makes one measurement of the attempts at each test, where the judged run compares with more earlier runs
// then. A suite that runs every test in two sessions, one after the other, in each run keeps both.
func (r *rows) mergeRepeats(runs int) {
	attempt := r.attempts()
	if attempt == nil {
		return
	}
	later := make([]atomic.Bool, runs) // whether the run has tests that its first attempt does not have
	inParallel(len(r.series), func(from, to int) {
		for row := from; row < to; row++ {
			r.mergeRow(row, runs, attempt)
			for _, rec := range r.of(row) {
				if attempt[rec.session] > 0 {
					later[rec.run].Store(true)
				}
			}
		}
	})
	for run := range later {
		if r.session[run] == several && !later[run].Load() {
			r.session[run] = r.firstSession(int32(run), attempt)
		}
	}
}

// firstSession returns the one session of a run's first attempt.
func (r *rows) firstSession(run int32, attempt []int32) int32 {
	first := int32(none)
	for session, s := range r.spans {
		if s.run == run && attempt[session] == 0 {
			if first != none {
				return several
			}
			first = int32(session)
		}
	}
	return first
}

// mergeRow makes one of the attempts of a test in each run, if the judged run compares with more runs then.
func (r *rows) mergeRow(row, runs int, attempt []int32) {
	as, merged := make([]int, runs), make([]int, runs) // how often each run has the test
	var records []record
	r.eachRun(row, func(run int, of []record) {
		as[run] = len(of)
		once := merge(of, attempt)
		merged[run] = len(once)
		records = append(records, once...)
	})
	if alike(merged) > alike(as) {
		r.end[row] = r.first[row] + copy(r.of(row), records)
	}
}

// alike counts the earlier runs that have a test as often as the last one.
func alike(times []int) (n int) {
	last := len(times) - 1
	for _, t := range times[:last] {
		if t == times[last] {
			n++
		}
	}
	return n
}

// merge returns the records of a test in a run, of which each stands for all attempts. Those attempts count that have the
// test as often as the first one that has it.
func merge(records []record, attempt []int32) []record {
	var attempts [][]record
	for i := range records {
		of := attempt[records[i].session]
		if i == 0 || attempt[records[i-1].session] != of {
			attempts = append(attempts, nil)
		}
		last := len(attempts) - 1
		attempts[last] = append(attempts[last], records[i])
	}
	first := attempts[0]
	attempts = slices.DeleteFunc(attempts, func(a []record) bool { return len(a) != len(first) })
	for k := range first {
		for _, metric := range timed() {
			first[k].value[metric] = typical(attempts, k, metric)
		}
	}
	return first
}

// typical returns the lower median of what the attempts measured: a disturbance makes a test slower, and hardly ever
// faster. NaN where none measured anything.
func typical(attempts [][]record, k, metric int) float64 {
	var values []float64
	for _, a := range attempts {
		if x := a[k].value[metric]; !math.IsNaN(x) {
			values = append(values, x)
		}
	}
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}
