package regress

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// machine is what was measured on one class of machine. Tests are numbered. The tests that the judged run does not have are
// not judged, but they tell how fast the machine was in the other runs.
type machine struct {
	env      string
	byPlugin bool              // whether the project's own plugin measured
	series   []*monitor.Series // by test
	files    []string          // of each test, as the judged run says
	// session is by run the one session that measured something, none, or several.
	session []int32
	spans   []span // by session
	// strange is by run when the first test started that the judged run does not have; never if there is none.
	strange []int64
	retried int64 // number of tests whose attempts in the judged run became one measurement

	sizes   []int    // by run, how many measurements it has; 0 where it does not say
	columns []column // by run, the first sample of each test that came
	exact   []values // by test, what the first sample of the judged run measured
	// repeated has all samples of the tests of which a run has several, by run, then start. Until they are grouped, it has
	// those that are not in a column.
	repeated map[int32][]sample

	lastTest  int // number of the test of the last sample
	byPointer map[*monitor.Series]int32
	byValue   map[monitor.Series]int32
}

// column has the samples of a run, one for each test. Tests are numbered as they come, so those of a run are mostly
// neighbours, also where each run has another part of the suite.
type column struct {
	first   int // number of the first test
	samples []compact
}

// compact is a sample in few bytes, since there can be millions.
type compact struct {
	start   int64
	value   rounded
	session int32 // number + 1, so that 0 is no sample
}

// Instead of the number of a session or run.
const (
	none    = -1
	several = -2
)

// never is later than any start.
const never = math.MaxInt64

func newMachine(env string, sizes []int) *machine {
	runs := len(sizes)
	tests := min(sizes[runs-1], 1<<16) // a wrong guess costs little
	return &machine{
		env:       env,
		byPlugin:  monitor.ByPlugin(env),
		sizes:     sizes,
		session:   slices.Repeat([]int32{none}, runs),
		strange:   slices.Repeat([]int64{never}, runs),
		columns:   make([]column, runs),
		repeated:  map[int32][]sample{},
		byPointer: make(map[*monitor.Series]int32, tests),
		byValue:   make(map[monitor.Series]int32, tests),
	}
}

// test returns the number of a series. Samples of one listing share the pointer; those of two listings may not.
func (m *machine) test(s *monitor.Series) int32 {
	if next := m.lastTest + 1; next < len(m.series) && m.series[next] == s { // most runs have them in one order
		m.lastTest = next
		return int32(next)
	}
	test := m.find(s)
	m.lastTest = int(test)
	return test
}

func (m *machine) find(s *monitor.Series) int32 {
	if test, ok := m.byPointer[s]; ok {
		return test
	}
	test, ok := m.byValue[*s]
	if !ok {
		test = int32(len(m.series))
		m.byValue[*s] = test
		m.series = append(m.series, s)
		m.files = append(m.files, "")
	}
	m.byPointer[s] = test
	return test
}

// add keeps a sample of a test. All digits are kept of what the judged run measured, which its report shows.
func (m *machine) add(test int32, s *sample) {
	judged, short := int(s.run) == m.judgedRun(), compactOf(s)
	column := &m.columns[s.run]
	if column.samples == nil { // the run has hardly more tests than it says, and mostly those that are known
		most := len(m.series) - int(test)
		if size := m.sizes[s.run]; size > 0 {
			most = min(most, size)
		}
		column.samples = make([]compact, 0, most)
	}
	at := column.place(int(test))
	switch {
	case at.session != 0 && judged:
		m.repeated[test] = append(m.repeated[test], *s)
	case at.session != 0:
		m.repeated[test] = append(m.repeated[test], short.sample(int(s.run)))
	default:
		*at = short
		if judged {
			m.exact = append(m.exact, slices.Repeat([]values{absent()}, max(0, int(test)+1-len(m.exact)))...)
			m.exact[test] = s.value
		}
	}
	m.extend(s)
	if m.session[s.run] == none {
		m.session[s.run] = s.session
	} else if m.session[s.run] != s.session {
		m.session[s.run] = several
	}
}

// inJudged says whether the judged run has a test.
func (m *machine) inJudged(test int) bool { return m.columns[m.judgedRun()].at(test) != nil }

// judgedRun returns the number of the judged run, which is the last.
func (m *machine) judgedRun() int { return len(m.columns) - 1 }

// place makes room for a test.
func (c *column) place(test int) *compact {
	if len(c.samples) == 0 {
		c.first = test
	}
	if before := c.first - test; before > 0 {
		c.samples, c.first = slices.Insert(c.samples, 0, make([]compact, before)...), test
	}
	if after := test - c.first + 1 - len(c.samples); after > 0 {
		c.samples = append(c.samples, make([]compact, after)...)
	}
	return &c.samples[test-c.first]
}

// at returns the sample of a test, nil for none.
func (c *column) at(test int) *compact {
	if i := test - c.first; i >= 0 && i < len(c.samples) && c.samples[i].session != 0 {
		return &c.samples[i]
	}
	return nil
}

func compactOf(s *sample) compact {
	return compact{start: s.start, session: s.session + 1, value: s.value.round()}
}

func (c *compact) sample(run int) sample {
	s := sample{start: c.start, run: int32(run), session: c.session - 1}
	for metric, x := range c.value {
		s.value[metric] = float64(x)
	}
	return s
}

// sample returns the sample of a test in a column that has one.
func (m *machine) sample(run, test int) sample {
	s := m.columns[run].at(test).sample(run)
	if run == m.judgedRun() {
		s.value = m.exact[test]
	}
	return s
}

// group finds the tests that the judged run does not have, and makes one measurement of what was measured repeatedly.
func (m *machine) group() {
	each(len(m.columns), func(run int) {
		c := &m.columns[run]
		for i := range c.samples {
			if s := &c.samples[i]; s.session != 0 && !m.inJudged(c.first+i) {
				m.strange[run] = min(m.strange[run], s.start)
			}
		}
	})
	for test, samples := range m.repeated {
		for run := range m.columns {
			if m.columns[run].at(int(test)) != nil {
				samples = append(samples, m.sample(run, int(test)))
			}
		}
		slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.run, b.run) })
		kept := samples[:0]
		for _, of := range byRun(samples) {
			kept = append(kept, distinct(of)...)
		}
		m.repeated[test] = kept
	}
	m.mergeAttempts()
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

// in yields the samples of a test by run. The slice is valid until the next one.
func (m *machine) in(test int) iter.Seq2[int, []sample] {
	if samples, ok := m.repeated[int32(test)]; ok {
		return byRun(samples)
	}
	return func(yield func(int, []sample) bool) {
		var one [1]sample
		for run := range m.columns {
			if m.columns[run].at(test) != nil {
				if one[0] = m.sample(run, test); !yield(run, one[:]) {
					return
				}
			}
		}
	}
}

// byRun yields the parts of some samples that are of one run.
func byRun(samples []sample) iter.Seq2[int, []sample] {
	return func(yield func(int, []sample) bool) {
		for from, to := 0, 0; from < len(samples); from = to {
			run := samples[from].run
			for to = from + 1; to < len(samples) && samples[to].run == run; to++ {
			}
			if !yield(int(run), samples[from:to]) {
				return
			}
		}
	}
}
