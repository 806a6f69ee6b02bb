package regress

import (
	"cmp"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// unit is what is judged: a test, or one of several that share its id.
type unit struct {
	row        int
	occurrence int
	start      int64            // in the judged run
	value      [metrics]float64 // in the judged run, NaN where absent
	// mismatched counts the earlier runs that had the id a different number of times, and regrouped those whose memory
	// does not compare because other tests ran before it.
	mismatched, regrouped int
}

// table has the measurements of one class of machine by unit and run.
type table struct {
	*rows
	runs
	gates *[metrics]*gate
	units []unit
	// paced is how many histories there are: those of the units first, then those of tests that the judged run does not
	// have.
	paced int
	// level holds by metric the logarithms of all runs of the first history, then those of the second, and so on.
	// NaN is what was not measured, or does not compare.
	level [metrics][]float64
	// changed is by run when the first test started, in the judged run and in that one, that only one of the two
	// has.
	changed []divergence
}

// divergence is from when on two runs did not run the same tests.
type divergence struct{ judged, other int64 }

// newTable matches the occurrences of each test.
func newTable(r *rows, all runs, gates *[metrics]*gate) *table {
	t := &table{rows: r, runs: all, gates: gates}
	t.compareSets()
	first := make([]int, len(r.series)+1)
	for row := range r.series {
		first[row+1] = first[row] + t.occurrences(row)
	}
	t.units = make([]unit, first[len(r.series)])
	other := make([]int, len(r.series)) // history of a row that makes no unit
	t.paced = len(t.units)
	for row := range r.series {
		if other[row] = t.paced; first[row] == first[row+1] {
			t.paced++
		}
	}
	for metric := range t.level {
		t.level[metric] = slices.Repeat([]float64{math.NaN()}, t.paced*len(t.heads))
	}
	inParallel(len(r.series), func(from, to int) {
		for row := from; row < to; row++ {
			if first[row] < first[row+1] {
				t.fill(row, first[row], first[row+1])
			} else {
				t.pace(row, other[row])
			}
		}
	})
	return t
}

// parallel says whether several sessions of a run measured something, as with pytest-xdist: their tests ran at the
// same time, so that there is no first and second, and each process has a part of the memory.
func (t *table) parallel(run int) bool { return t.session[run] == several }

// occurrences returns how many units a row makes.
func (t *table) occurrences(row int) int {
	n := len(t.inJudged(row))
	if n > 1 && t.parallel(t.last()) {
		return 1 // judged by their sum
	}
	return n
}

// inJudged returns the records of a row in the judged run, which is the last.
func (t *table) inJudged(row int) []record {
	records := t.of(row)
	i := len(records)
	for i > 0 && int(records[i-1].run) == t.last() {
		i--
	}
	return records[i:]
}

// compareSets finds out from when on each run did not run the same tests as the judged one.
func (t *table) compareSets() {
	t.changed = make([]divergence, len(t.heads))
	for run := range t.changed {
		t.changed[run] = divergence{judged: never, other: t.strange[run]}
	}
	times := make([]int, len(t.heads)) // of the row, by run
	for row := range t.series {
		judged := t.inJudged(row)
		if len(judged) == 0 {
			continue
		}
		clear(times)
		t.eachRun(row, func(run int, records []record) {
			times[run] = len(records)
			if d := &t.changed[run]; len(records) != len(judged) {
				d.other = min(d.other, records[0].start)
			}
		})
		for run, n := range times {
			if d := &t.changed[run]; n != len(judged) {
				d.judged = min(d.judged, judged[0].start)
			}
		}
	}
}

// fill makes the units from one to another of a row.
func (t *table) fill(row, from, to int) {
	judged := t.inJudged(row)
	for i := from; i < to; i++ {
		t.units[i] = unit{row: row, occurrence: i - from, start: judged[i-from].start, value: absent()}
	}
	t.eachRun(row, func(run int, records []record) {
		if !t.matches(run, len(records), len(judged)) {
			if run < t.window {
				for i := from; i < to; i++ {
					t.units[i].mismatched++
				}
			}
			return
		}
		if to-from == 1 {
			t.put(from, run, sum(records), records[0].start)
			return
		}
		for i := from; i < to; i++ {
			t.put(i, run, records[i-from].value, records[i-from].start)
		}
	})
}

// pace notes the times of a test that the judged run does not have, where they are one test's.
func (t *table) pace(row, history int) {
	t.eachRun(row, func(run int, records []record) {
		if len(records) > 1 {
			return
		}
		for _, metric := range timed() {
			t.history(metric, history)[run] = t.gates[metric].level(records[0].value[metric])
		}
	})
}

// history returns what a unit measured of a metric, by run.
func (t *table) history(metric, unit int) []float64 {
	n := len(t.heads)
	return t.level[metric][unit*n : (unit+1)*n]
}

// matches says whether a test that a run has n times is told apart there in the same way as in the judged run.
func (t *table) matches(run, n, judged int) bool {
	if n != judged {
		return false
	}
	return n == 1 || t.parallel(t.last()) || !t.parallel(run)
}

// put notes what a unit measured in a run.
func (t *table) put(i, run int, value [metrics]float64, start int64) {
	u := &t.units[i]
	if run == t.last() {
		u.value = value
	}
	for metric, x := range value {
		if metric == memUsage && !t.sameProcess(run, start, u.start) {
			if run < t.window && !math.IsNaN(x) {
				u.regrouped++
			}
			continue
		}
		t.history(metric, i)[run] = t.gates[metric].level(x)
	}
}

// sameProcess says whether the memory of a test compares with the judged run's. Its process had grown by the tests
// before it, so these have to be the same ones, all in one process. Their order may differ: what is left behind adds up
// all the same. Asking for this of the tests before it only, instead of the whole suite, lets a new test stop the
// judgement of what comes after it and not of what came before.
func (t *table) sameProcess(run int, start, judgedStart int64) bool {
	if t.parallel(run) || t.parallel(t.last()) {
		return false
	}
	return start < t.changed[run].other && judgedStart < t.changed[run].judged
}

// sum adds what the occurrences of a test measured. What one of them did not is absent, and so is the memory of
// several, which is no sum.
func sum(records []record) [metrics]float64 {
	total := records[0].value
	for _, r := range records[1:] {
		total[memUsage] = math.NaN()
		total[cpuTime] += r.value[cpuTime]
		total[totalTime] += r.value[totalTime]
	}
	return total
}

func absent() [metrics]float64 {
	return [metrics]float64{math.NaN(), math.NaN(), math.NaN()}
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
	for _, session := range t.session[:t.window] {
		if session != none {
			n++
		}
	}
	return n
}

// byStart returns the numbers of all units in the order in which the judged run had them.
func (t *table) byStart(rank []int) []int {
	order := make([]int, len(t.units))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(t.units[a].start, t.units[b].start), cmp.Compare(rank[a], rank[b]))
	})
	return order
}

// id returns what a unit is called in reports.
func (t *table) id(u *unit) monitor.TestID {
	s := t.series[u.row]
	return monitor.TestID{Component: s.Component, ItemPath: s.ItemPath, Item: s.Item, ItemVariant: s.ItemVariant,
		Kind: s.Kind, Env: t.env, Occurrence: u.occurrence}
}
