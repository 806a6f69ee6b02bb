package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"pymon-bridge/monitor"
)

// Advice finds in the tests of a run what a person can do about its time and its memory. It says only what the measurements show
// beyond doubt.
type Advice struct {
	// CPUs is how many CPUs the machine has, 0 where that is not known.
	CPUs int
	// Whole says that the run is known to be one of the whole suite, in one session.
	Whole bool
	// PassRates has the tests that are known to be flaky, by node id: how often they pass at once, from 0 to 1.
	PassRates map[string]float64

	tests  []advised
	waited map[string]bool // tests of an earlier run that mostly waited
	listed bool            // the reader knows already which tests are flaky
}

// advised is what is known of a test. Absent numbers are NaN.
type advised struct {
	name       string
	wall, cpu  float64 // seconds
	setup      float64 // seconds before it
	added      float64 // MiB
	peak       float64 // MiB of the process
	start, end int64   // microseconds on the clock of the tests; 0 where not known
	attempts   int64   // 0 where it did not pass
}

const (
	// waitsLongerThan in seconds and waitsAbove, the share of a test's time without CPU, make a test one that mostly waits.
	waitsLongerThan, waitsAbove = 0.1, 0.9
	// worthwhile is the time in seconds that a piece of advice is about at least, and worthShare its share of the suite's time.
	worthwhile, worthShare = 1, 0.2
	// longSuite in seconds and manyTests say from which suite on its shape matters.
	longSuite, manyTests = 10, 20
	// mostFew is how many tests are few.
	mostFew = 5
	// leastTests is the least share of the time from the first test to the last one that is in tests, where two workers halve it.
	leastTests = 0.9
	// longestShare is the greatest share of the suite's time that a test may take where two workers halve the time.
	longestShare = 0.1
	// bigTest is how many MiB a test adds at least that is worth a look, and bigShare its share of the process's memory.
	bigTest, bigShare = 100, 0.25
)

// Add adds a test of the run.
func (a *Advice) Add(o *monitor.Outcome) { a.tests = append(a.tests, advisedOf(o)) }

// Waits says whether a test of the run mostly waits. Only an earlier run can tell whether this is so each time: on a busy machine
// every test waits for the CPU.
func (a *Advice) Waits() bool {
	return slices.ContainsFunc(a.tests, func(t advised) bool { return t.waits() })
}

// AddEarlier adds a test of an earlier run, for the advice about waiting.
func (a *Advice) AddEarlier(o *monitor.Outcome) {
	if t := advisedOf(o); t.waits() {
		if a.waited == nil {
			a.waited = map[string]bool{}
		}
		a.waited[t.name] = true
	}
}

func (t *advised) waits() bool { return t.wall >= waitsLongerThan && t.wall-t.cpu >= waitsAbove*t.wall }

func advisedOf(o *monitor.Outcome) advised {
	t := advised{name: o.NodeID, wall: o.TotalTime, cpu: o.UserTime + o.KernelTime, setup: o.SetupTime, added: o.MemTest, peak: o.MemPeak}
	if o.Outcome == monitor.Passed || o.Outcome == monitor.XPassed {
		t.attempts = o.Attempts
	}
	if start, err := monitor.ParseTime(o.ItemStartTime); err == nil && !math.IsNaN(t.wall) {
		t.start = start.Micros
		t.end = t.start + int64(t.wall*1e6)
	}
	return t
}

// steps returns the advice.
func (a *Advice) steps(o Options) (all []step) {
	total := 0.0
	for i := range a.tests {
		if !math.IsNaN(a.tests[i].wall) {
			total += a.tests[i].wall
		}
	}
	for _, find := range []func(total float64, o Options) (step, bool){a.waiting, a.few, a.parallel, a.memory, a.flaky} {
		if s, ok := find(total, o); ok {
			all = append(all, s)
		}
	}
	return all
}

// greatestBy returns the tests that are chosen, the one with the greatest amount first.
func (a *Advice) greatestBy(amount func(t *advised) float64, chosen func(t *advised) bool) (tests []*advised, sum float64) {
	for i := range a.tests {
		if t := &a.tests[i]; chosen(t) {
			tests = append(tests, t)
			sum += amount(t)
		}
	}
	slices.SortStableFunc(tests, func(x, y *advised) int { return cmp.Compare(amount(y), amount(x)) })
	return tests, sum
}

// named lists the first tests with their amounts.
func named(tests []*advised, amount func(t *advised) string) (lines []string) {
	for i, t := range tests {
		if i == mostFew {
			return append(lines, fmt.Sprintf("and %d more", len(tests)-i))
		}
		lines = append(lines, padRight(amount(t), 8)+" "+show(t.name, longName))
	}
	return lines
}

// waiting finds tests that hardly use the CPU, in this run and in an earlier one. Work in a process of its own looks the same.
func (a *Advice) waiting(total float64, _ Options) (step, bool) {
	waited := func(t *advised) float64 { return t.wall - t.cpu }
	tests, sum := a.greatestBy(waited, func(t *advised) bool { return t.waits() && a.waited[t.name] })
	if sum < worthwhile || sum < worthShare*total {
		return step{}, false
	}
	says := fmt.Sprintf("%s no CPU of %s own for %s of %s, as before (sleep, network, subprocesses): where it is a fixed time, wait for an event",
		count(len(tests), "test")+plural(len(tests), " uses", " use"), plural(len(tests), "its", "their"), seconds(sum), seconds(total))
	return step{says: says, lines: named(tests, func(t *advised) string { return seconds(waited(t)) })}, true
}

// few finds the few tests that take half of the time.
func (a *Advice) few(total float64, _ Options) (step, bool) {
	wall := func(t *advised) float64 { return t.wall }
	tests, _ := a.greatestBy(wall, func(t *advised) bool { return t.wall > 0 })
	sum, n := 0.0, 0
	for n < len(tests) && sum < total/2 {
		sum += tests[n].wall
		n++
	}
	if total < longSuite || len(tests) < manyTests || n > mostFew || n > len(tests)/10 {
		return step{}, false
	}
	return step{says: fmt.Sprintf("%d of %d tests take half of the time, %s of %s: begin with them", n, len(tests), seconds(sum), seconds(total)),
		lines: named(tests[:n], func(t *advised) string { return seconds(t.wall) })}, true
}

// parallel finds that the tests ran one after another, with so little between them that two workers would halve the time.
func (a *Advice) parallel(total float64, _ Options) (step, bool) {
	wall := func(t *advised) float64 { return t.wall }
	tests, _ := a.greatestBy(wall, func(t *advised) bool { return t.wall > 0 })
	if !a.Whole || a.CPUs < 2 || total < longSuite || len(tests) < manyTests || tests[0].wall > longestShare*total {
		return step{}, false
	}
	span, oneByOne := a.oneByOne()
	if !oneByOne || total < leastTests*span {
		return step{}, false
	}
	return step{says: fmt.Sprintf("%d tests ran one after another, for %s of %s with what was set up, on %d CPUs: "+
		"where they are independent, two workers of pytest-xdist take about half of the time", len(tests), seconds(total), seconds(span), a.CPUs)}, true
}

// oneByOne says whether it is known of all tests that no two of them ran at once. span is the time in seconds from the set-up of
// the first one to the end of the last one.
func (a *Advice) oneByOne() (span float64, ok bool) {
	tests := slices.Clone(a.tests)
	slices.SortFunc(tests, func(x, y advised) int { return cmp.Compare(x.start, y.start) })
	const exact = int64(time.Millisecond / time.Microsecond)
	var first, last *advised
	for i := range tests {
		t := &tests[i]
		switch {
		case t.end == 0 && t.wall > 0 || i > 0 && t.start < tests[i-1].end-exact:
			return 0, false
		case t.end == 0:
			continue
		case first == nil:
			first = t
		}
		last = t
	}
	if first == nil || math.IsNaN(first.setup) {
		return 0, false
	}
	return float64(last.end-first.start)/1e6 + first.setup, true
}

// memory finds tests that make pytest's process big.
func (a *Advice) memory(float64, Options) (step, bool) {
	peak := 0.0
	for i := range a.tests {
		if p := a.tests[i].peak; p > peak { // not NaN
			peak = p
		}
	}
	added := func(t *advised) float64 { return t.added }
	tests, _ := a.greatestBy(added, func(t *advised) bool { return t.added >= bigTest && t.added >= bigShare*peak && t.peak > 0 })
	if len(tests) == 0 || len(tests) > mostFew {
		return step{}, false
	}
	return step{says: fmt.Sprintf("%s the memory of pytest, which reaches %s MiB: smaller data, or a process of its own, keeps it low",
		count(len(tests), "test")+plural(len(tests), " raises", " raise"), digits(peak)),
		lines: named(tests, func(t *advised) string { return digits(t.added) + " MiB" })}, true
}

// flaky finds tests whose result says little.
func (a *Advice) flaky(_ float64, o Options) (step, bool) {
	var tests []*advised
	command := ""
	for i := range a.tests {
		t := &a.tests[i]
		if _, known := a.PassRates[t.name]; known || t.attempts > 1 {
			tests = append(tests, t)
			if command == "" && t.name != "" && utf8.RuneCountInString(t.name) <= longName && t.name[0] != '-' && t.name[0] != '@' {
				command = commandOf(o.Pytest, t.name)
			}
		}
	}
	if len(tests) == 0 {
		return step{}, false
	}
	says := count(len(tests), "test") + plural(len(tests), " passes and fails", " pass and fail") +
		" though nothing changed: other tests, the time or the network may matter"
	if command != "" {
		says += ". To run one alone, in the root directory of pytest"
	}
	found := o.typed(says, command)
	if !a.listed {
		found.lines = named(tests, func(t *advised) string {
			if rate, known := a.PassRates[t.name]; known {
				return fmt.Sprintf("%.0f%% pass", 100*rate)
			}
			return fmt.Sprintf("try %d", t.attempts)
		})
	}
	return found, true
}
