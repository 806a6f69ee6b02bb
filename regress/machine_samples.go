package regress

import (
	"cmp"
	"math"
	"slices"
	"sync/atomic"

	"pymon-bridge/monitor"
)

// machine is what was measured on one class of machine. Tests are numbered. The tests that the judged run does not have are
// not judged, but they tell how fast the machine was in the other runs.
type machine struct {
	env      string
	series   []*monitor.Series // by test
	files    []string          // of each test, as the judged run says
	inJudged []bool            // by test, whether the judged run has it
	// session is by run the one session that measured something, none, or several.
	session []int32
	spans   []span // by session
	// strange is by run when the first test started that the judged run does not have; never if there is none.
	strange []int64
	retried atomic.Int64 // number of tests whose attempts in the judged run became one measurement

	chunks [][]sample // in the order in which they came, until they are grouped

	// What group makes of the chunks: the samples by test, then run, then start, each once.
	samples    []sample
	first, end []int // where the samples of a test begin and end

	byPointer map[*monitor.Series]int32
	byValue   map[monitor.Series]int32
}

// Instead of the number of a session or run.
const (
	none    = -1
	several = -2
)

// never is later than any start.
const never = math.MaxInt64

func newMachine(env string, runs int) *machine {
	return &machine{
		env:       env,
		session:   slices.Repeat([]int32{none}, runs),
		strange:   slices.Repeat([]int64{never}, runs),
		byPointer: map[*monitor.Series]int32{},
		byValue:   map[monitor.Series]int32{},
	}
}

// test returns the number of a series. Samples of one listing share the pointer; those of two listings may not.
func (m *machine) test(s *monitor.Series) int32 {
	if test, ok := m.byPointer[s]; ok {
		return test
	}
	test, ok := m.byValue[*s]
	if !ok {
		test = int32(len(m.series))
		m.byValue[*s] = test
		m.series = append(m.series, s)
		m.files = append(m.files, "")
		m.inJudged = append(m.inJudged, false)
	}
	m.byPointer[s] = test
	return test
}

// add keeps a sample. Samples are allocated in chunks: growing one slice would copy all of them again and again.
func (m *machine) add(s *sample) {
	last := len(m.chunks) - 1
	if last < 0 || len(m.chunks[last]) == cap(m.chunks[last]) {
		m.chunks = append(m.chunks, make([]sample, 0, 1<<14))
		last++
	}
	m.chunks[last] = append(m.chunks[last], *s)
	m.extend(s)
	if m.session[s.run] == none {
		m.session[s.run] = s.session
	} else if m.session[s.run] != s.session {
		m.session[s.run] = several
	}
}

// group brings the samples of each test together, sorts them, and makes one measurement of what was measured repeatedly.
func (m *machine) group() {
	m.first, m.end = make([]int, len(m.series)), make([]int, len(m.series))
	for _, chunk := range m.chunks {
		for i := range chunk {
			m.end[chunk[i].test]++
		}
	}
	total := 0
	for test, n := range m.end {
		m.first[test], m.end[test] = total, total
		total += n
	}
	m.samples = make([]sample, total)
	for i, chunk := range m.chunks {
		for _, s := range chunk {
			if !m.inJudged[s.test] {
				m.strange[s.run] = min(m.strange[s.run], s.start)
			}
			m.samples[m.end[s.test]] = s
			m.end[s.test]++
		}
		m.chunks[i] = nil
	}
	inParallel(len(m.series), func(from, to int) {
		for test := from; test < to; test++ {
			m.tidy(test)
		}
	})
	m.mergeAttempts()
}

// tidy sorts the samples of a test and drops repeated deliveries: a test starts once at a time in a session.
func (m *machine) tidy(test int) {
	samples := m.of(test)
	slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.run, b.run) })
	kept := samples[:0]
	m.eachRun(test, func(_ int, of []sample) { kept = append(kept, distinct(of)...) })
	m.end[test] = m.first[test] + len(kept)
}

// distinct returns the samples of one test in one run by start, each once. Samples that start at once, in different
// sessions, are in the order of what they measured: sessions have no order here, and sums must not depend on one.
func distinct(samples []sample) []sample {
	if len(samples) == 1 {
		return samples
	}
	byMeasured := func(a, b sample) int { return slices.Compare(a.value[:], b.value[:]) }
	slices.SortFunc(samples, func(a, b sample) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.session, b.session), byMeasured(a, b))
	})
	samples = slices.CompactFunc(samples, func(a, b sample) bool { return a.start == b.start && a.session == b.session })
	slices.SortFunc(samples, func(a, b sample) int { return cmp.Or(cmp.Compare(a.start, b.start), byMeasured(a, b)) })
	return samples
}

// of returns the samples of a test.
func (m *machine) of(test int) []sample { return m.samples[m.first[test]:m.end[test]] }

// eachRun calls fn for each run that has samples of a test.
func (m *machine) eachRun(test int, fn func(run int, samples []sample)) {
	samples := m.of(test)
	for from, to := 0, 0; from < len(samples); from = to {
		run := samples[from].run
		for to = from + 1; to < len(samples) && samples[to].run == run; to++ {
		}
		fn(int(run), samples[from:to])
	}
}
