package regress

import (
	"cmp"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// When a job is run again, or the suspects of a run, the new sessions may count as part of the same run: the pipeline names
// the run, or they follow at once. Such sessions begin after the others have ended. They are another attempt: what they
// measured of a test is a repetition of the same measurement, and not another test of the same id.

// span is from when to when a session of a run measured something.
type span struct {
	run         int32
	start, last int64
}

// extend takes a sample into the span of its session.
func (m *machine) extend(s *sample) {
	for int(s.session) >= len(m.spans) {
		m.spans = append(m.spans, span{run: none, start: never, last: math.MinInt64})
	}
	ended := monitor.Instant{UTC: s.start}.Plus(s.value[totalTime]).UTC
	at := &m.spans[s.session]
	at.run, at.start, at.last = s.run, min(at.start, s.start), max(at.last, s.start, ended)
}

// attempts returns by session the number of its attempt within its run. An attempt begins with a session that begins after
// all sessions before it have ended. The result is nil where every run has one attempt.
func (m *machine) attempts() (attempt []int32) {
	order := numbers(len(m.spans))
	slices.SortFunc(order, func(a, b int) int {
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

// mergeAttempts makes one measurement of the attempts at each test, if the judged run then compares with more earlier runs.
// So a suite that runs every test in two sessions, one after the other, in each run keeps both.
func (m *machine) mergeAttempts() {
	attempt := m.attempts()
	if attempt == nil {
		return
	}
	for test := range m.repeated {
		m.mergeTest(test, attempt)
	}
	later := make([]bool, len(m.session)) // by run, whether it has tests that its first attempt does not have
	for test := range m.series {
		for run, samples := range m.in(test) {
			for _, s := range samples {
				later[run] = later[run] || attempt[s.session] > 0
			}
		}
	}
	for run := range later {
		if m.session[run] == several && !later[run] {
			m.session[run] = m.firstSession(int32(run), attempt)
		}
	}
}

// firstSession returns the one session of a run's first attempt.
func (m *machine) firstSession(run int32, attempt []int32) int32 {
	first := int32(none)
	for session, s := range m.spans {
		if s.run == run && attempt[session] == 0 {
			if first != none {
				return several
			}
			first = int32(session)
		}
	}
	return first
}

// mergeTest makes one measurement of the attempts at a test in each run, if the judged run then compares with more runs.
func (m *machine) mergeTest(test int32, attempt []int32) {
	times, timesMerged := make([]int, len(m.session)), make([]int, len(m.session)) // how often each run has the test
	var merged []sample
	for run, of := range m.in(int(test)) {
		once := merge(of, attempt)
		times[run], timesMerged[run] = len(of), len(once)
		merged = append(merged, once...)
	}
	if alike(timesMerged) > alike(times) {
		if last := len(times) - 1; timesMerged[last] < times[last] {
			m.retried++
		}
		m.repeated[test] = merged
	}
}

// alike counts the earlier runs that have a test as often as the judged run has it.
func alike(times []int) (n int) {
	last := len(times) - 1
	for _, t := range times[:last] {
		if t == times[last] {
			n++
		}
	}
	return n
}

// merge returns the samples of a test in a run, each of them standing for all attempts. An attempt counts if it has the test
// as often as the first attempt that has it.
func merge(samples []sample, attempt []int32) []sample {
	var attempts [][]sample
	for i, s := range samples {
		if i == 0 || attempt[samples[i-1].session] != attempt[s.session] {
			attempts = append(attempts, nil)
		}
		last := len(attempts) - 1
		attempts[last] = append(attempts[last], s)
	}
	first := attempts[0]
	attempts = slices.DeleteFunc(attempts, func(a []sample) bool { return len(a) != len(first) })
	for k := range first {
		for metric := range timed {
			first[k].value[metric] = typical(attempts, k, metric)
		}
	}
	return first
}

// typical returns the lower median of what the attempts measured: a disturbance makes a test slower, and hardly ever
// faster. It is NaN where none measured anything.
func typical(attempts [][]sample, k, metric int) float64 {
	var measured []float64
	for _, a := range attempts {
		if x := a[k].value[metric]; !math.IsNaN(x) {
			measured = append(measured, x)
		}
	}
	if len(measured) == 0 {
		return math.NaN()
	}
	slices.Sort(measured)
	return measured[(len(measured)-1)/2]
}
