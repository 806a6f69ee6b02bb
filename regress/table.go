package regress

import (
	"cmp"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// unit is what is judged: a test, or one of several tests that share its id.
type unit struct {
	test       int
	occurrence int
	start      int64  // in the judged run
	value      values // in the judged run
	// mismatched counts the earlier runs that had the id a different number of times. regrouped counts those whose memory
	// does not compare because other tests ran before it.
	mismatched, regrouped int
}

// table has the measurements of one class of machine by unit and run.
type table struct {
	*machine
	runs
	thresholds *[metrics]*thresholds
	units      []unit // by name
	// histories are first those of the units, then those of tests that the judged run does not have.
	histories []history
	// changed is by run where its tests begin to differ from those of the judged run.
	changed []divergence
}

// history is what was measured in the runs. A test that each run has once has its history in the columns.
type history struct {
	test int
	rows []rounded // by run; nil for those in the columns. NaN where nothing was measured, or it does not compare.
}

// divergence is when the first test started that only one of two runs has, in the judged run and in the other one.
type divergence struct{ judged, other int64 }

// newTable matches the occurrences of each test.
func newTable(m *machine, all runs, th *[metrics]*thresholds) *table {
	t := &table{machine: m, runs: all, thresholds: th}
	t.compareSets()
	tests := t.byName()
	first := make([]int, len(tests)) // history of each test; where it makes several units, of the first
	t.units, t.histories = make([]unit, 0, len(tests)), make([]history, 0, len(tests))
	for _, test := range tests {
		first[test] = len(t.units)
		for k := range t.occurrences(test) {
			t.units = append(t.units, unit{test: test, occurrence: k})
			t.histories = append(t.histories, t.newHistory(test))
		}
	}
	for test := range t.series {
		if !t.inJudged(test) {
			first[test] = len(t.histories)
			t.histories = append(t.histories, t.newHistory(test))
		}
	}
	inParallel(len(tests), func(from, to int) {
		for test := from; test < to; test++ {
			if t.inJudged(test) {
				t.fill(test, first[test])
			} else {
				t.fillTimes(test, first[test])
			}
		}
	})
	return t
}

func (t *table) newHistory(test int) history {
	h := history{test: test}
	if _, ok := t.repeated[int32(test)]; ok {
		h.rows = slices.Repeat([]rounded{absent().round()}, len(t.infos))
	}
	return h
}

// byName returns the numbers of all tests in the order of their names.
func (t *table) byName() []int {
	order := numbers(len(t.series))
	slices.SortFunc(order, func(a, b int) int {
		s, o := t.series[a].ID(t.env), t.series[b].ID(t.env)
		return s.Compare(&o)
	})
	return order
}

// parallel says whether several sessions of a run measured something, as with pytest-xdist. Their tests ran at the same
// time, so that there is no first and second, and each process has a part of the memory.
func (t *table) parallel(run int) bool { return t.session[run] == several }

// occurrences returns how many units a test makes.
func (t *table) occurrences(test int) int {
	n := len(t.ofJudged(test))
	if n > 1 && t.parallel(t.last()) {
		return 1 // judged by their sum
	}
	return n
}

// addedUp counts the tests that several sessions of the judged run measured, which are judged by their sum.
func (t *table) addedUp() (n int) {
	for test := range t.series {
		samples := t.ofJudged(test)
		if slices.ContainsFunc(samples, func(s sample) bool { return s.session != samples[0].session }) {
			n++
		}
	}
	return n
}

// ofJudged returns the samples of a test in the judged run, which is the last.
func (t *table) ofJudged(test int) []sample {
	samples, ok := t.repeated[int32(test)]
	if !ok && t.inJudged(test) {
		return []sample{t.sample(t.last(), test)}
	}
	i := len(samples)
	for i > 0 && int(samples[i-1].run) == t.last() {
		i--
	}
	return samples[i:]
}

// compareSets finds out from when on each run did not run the same tests as the judged one.
func (t *table) compareSets() {
	t.changed = make([]divergence, len(t.infos))
	for run := range t.changed {
		t.changed[run] = divergence{judged: never, other: t.strange[run]}
	}
	times := make([]int, len(t.infos)) // of the test, by run
	for test := range t.series {
		judged := t.ofJudged(test)
		if len(judged) == 0 {
			continue
		}
		clear(times)
		for run, samples := range t.in(test) {
			times[run] = len(samples)
			if d := &t.changed[run]; len(samples) != len(judged) {
				d.other = min(d.other, samples[0].start)
			}
		}
		for run, n := range times {
			if d := &t.changed[run]; n != len(judged) {
				d.judged = min(d.judged, judged[0].start)
			}
		}
	}
}

// fill fills the units of a test, the first of which is from.
func (t *table) fill(test, from int) {
	judged := t.ofJudged(test)
	units := t.units[from : from+t.occurrences(test)]
	for k := range units {
		units[k].start, units[k].value = judged[k].start, absent()
	}
	for run, samples := range t.in(test) {
		// Several tests of an id are told apart by their order, which they have where one process ran them.
		otherwise := len(judged) > 1 && t.parallel(run) && !t.parallel(t.last())
		switch {
		case len(samples) != len(judged) || otherwise:
			if run < t.window {
				for k := range units {
					units[k].mismatched++
				}
			}
		case len(units) == 1:
			t.put(from, run, sum(samples), samples[0].start)
		default:
			for k := range units {
				t.put(from+k, run, samples[k].value, samples[k].start)
			}
		}
	}
}

// fillTimes fills the history of a test that the judged run does not have. A run counts if it has one test of the id.
func (t *table) fillTimes(test, history int) {
	rows := t.histories[history].rows
	if rows == nil {
		return
	}
	for run, samples := range t.in(test) {
		if len(samples) == 1 {
			rows[run] = samples[0].value.round()
		}
	}
}

// value is what a history has of a run.
func (t *table) value(metric, i, run int) float64 {
	h := &t.histories[i]
	if h.rows != nil {
		return float64(h.rows[run][metric])
	}
	if s := t.columns[run].at(h.test); s != nil {
		return float64(s.value[metric])
	}
	return math.NaN()
}

func (t *table) level(metric, i, run int) float64 {
	return t.thresholds[metric].level(t.value(metric, i, run))
}

// put notes what a unit measured in a run.
func (t *table) put(i, run int, value values, start int64) {
	u, h := &t.units[i], &t.histories[i]
	if run == t.last() {
		u.value = value
	}
	if !t.sameProcess(run, start, u.start) {
		if run < t.window && !math.IsNaN(value[memUsage]) {
			u.regrouped++
		}
		value[memUsage] = math.NaN()
		if h.rows == nil {
			t.columns[run].at(h.test).value[memUsage] = float32(math.NaN())
		}
	}
	if h.rows != nil {
		h.rows[run] = value.round()
	}
}

// sameProcess says whether the memory of a test compares with the judged run's. Its process had grown by the tests before
// it, so these have to be the same tests, all in one process. Their order may differ: what is left behind adds up all the
// same. The tests after it do not matter, so that a new test stops the judgement of the tests after it only.
func (t *table) sameProcess(run int, start, judgedStart int64) bool {
	if t.byPlugin {
		return true // the memory is the test's own
	}
	if t.parallel(run) || t.parallel(t.last()) {
		return false
	}
	return start < t.changed[run].other && judgedStart < t.changed[run].judged
}

// sum adds what the occurrences of a test measured. A metric that one of them lacks is absent, and so is the memory of
// several, which is no sum.
func sum(samples []sample) values {
	total := samples[0].value
	for _, s := range samples[1:] {
		for metric, x := range s.value {
			total[metric] += x
		}
		total[memUsage] = math.NaN()
	}
	return total
}

// ran says by run whether it measured something.
func (t *table) ran() []bool {
	ran := make([]bool, len(t.session))
	for run, session := range t.session {
		ran[run] = session != none
	}
	return ran
}

// earlier counts the baseline's runs that measured something.
func (t *table) earlier() (n int) {
	for _, ran := range t.ran()[:t.window] {
		if ran {
			n++
		}
	}
	return n
}

// byStart returns the numbers of all units in the order in which the judged run had them.
func (t *table) byStart() []int {
	order := numbers(len(t.units))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t.units[a].start, t.units[b].start) })
	return order
}

// id returns what a unit is called in reports.
func (t *table) id(u *unit) monitor.TestID {
	id := t.series[u.test].ID(t.env)
	id.Occurrence = u.occurrence
	return id
}
