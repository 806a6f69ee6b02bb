package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// Advice finds in the tests of a run what a person can do about its time and its memory. It says only what the measurements show
// beyond doubt.
type Advice struct {
	// CPUs is how many CPUs the machine has, 0 where that is not known.
	CPUs int
	// PassRates has the tests that are known to be flaky, as in [Digest].
	PassRates map[string]float64

	tests []advised
}

// advised is what is known of a test. Absent numbers are NaN.
type advised struct {
	name       string
	wall, cpu  float64 // seconds
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
	// longestShare is the greatest share of the suite's time that a test may take where two workers halve the time.
	longestShare = 0.1
	// bigTest is how many MiB a test adds at least that is worth a look, and bigShare its share of the process's memory.
	bigTest, bigShare = 100, 0.25
)

// Add adds a test of the run.
func (a *Advice) Add(o *monitor.Outcome) {
	t := advised{name: o.NodeID, wall: o.TotalTime, cpu: o.UserTime + o.KernelTime, added: o.MemTest, peak: o.MemPeak}
	if o.Outcome == monitor.Passed || o.Outcome == monitor.XPassed {
		t.attempts = o.Attempts
	}
	if start, err := monitor.ParseTime(o.ItemStartTime); err == nil && !math.IsNaN(t.wall) {
		t.start = start.Micros
		t.end = t.start + int64(t.wall*1e6)
	}
	a.tests = append(a.tests, t)
}

// steps returns the advice. pytest are the words of the command that runs pytest.
func (a *Advice) steps(pytest []string) (all []step) {
	total := 0.0
	for i := range a.tests {
		if !math.IsNaN(a.tests[i].wall) {
			total += a.tests[i].wall
		}
	}
	for _, find := range []func(total float64, pytest []string) (step, bool){a.waiting, a.few, a.parallel, a.memory, a.flaky} {
		if s, ok := find(total, pytest); ok {
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
		lines = append(lines, right(amount(t), 9)+show(t.name, longName))
	}
	return lines
}

// waiting finds tests that hardly use the CPU.
func (a *Advice) waiting(total float64, _ []string) (step, bool) {
	waited := func(t *advised) float64 { return t.wall - t.cpu }
	tests, sum := a.greatestBy(waited, func(t *advised) bool { return t.wall >= waitsLongerThan && waited(t) >= waitsAbove*t.wall })
	if sum < worthwhile || sum < worthShare*total {
		return step{}, false
	}
	says := fmt.Sprintf("%s for %s of %s (sleep, network, another process): wait for an event in place of a fixed time",
		count(len(tests), "test")+plural(len(tests), " waits", " wait"), seconds(sum), seconds(total))
	return step{says: says, lines: named(tests, func(t *advised) string { return seconds(waited(t)) })}, true
}

// few finds the few tests that take half of the time.
func (a *Advice) few(total float64, _ []string) (step, bool) {
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

// parallel finds that the tests ran one after another, where two workers would halve the time.
func (a *Advice) parallel(total float64, pytest []string) (step, bool) {
	wall := func(t *advised) float64 { return t.wall }
	tests, _ := a.greatestBy(wall, func(t *advised) bool { return t.wall > 0 })
	if a.CPUs < 2 || total < longSuite || len(tests) < manyTests || tests[0].wall > longestShare*total || !a.oneByOne() {
		return step{}, false
	}
	return step{says: fmt.Sprintf("%d tests ran one after another for %s on %d CPUs, none for more than %s. Two workers of pytest-xdist need about %s, if no test needs another",
		len(tests), seconds(total), a.CPUs, seconds(tests[0].wall), seconds(total/2)), command: commandOf(pytest, "-n", "2")}, true
}

// oneByOne says whether it is known of all tests that no two of them ran at once.
func (a *Advice) oneByOne() bool {
	tests := slices.Clone(a.tests)
	slices.SortFunc(tests, func(x, y advised) int { return cmp.Compare(x.start, y.start) })
	const exact = int64(time.Millisecond / time.Microsecond)
	for i, t := range tests {
		if t.end == 0 && t.wall > 0 || i > 0 && t.start < tests[i-1].end-exact {
			return false
		}
	}
	return true
}

// memory finds tests that make pytest's process big.
func (a *Advice) memory(float64, []string) (step, bool) {
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
func (a *Advice) flaky(_ float64, pytest []string) (step, bool) {
	var tests []*advised
	for i := range a.tests {
		t := &a.tests[i]
		if _, known := a.PassRates[t.name]; known || t.attempts > 1 {
			tests = append(tests, t)
		}
	}
	if len(tests) == 0 {
		return step{}, false
	}
	return step{says: count(len(tests), "test") + plural(len(tests), " passes and fails", " pass and fail") +
		" though nothing changed: other tests, the time or the network may matter. To run one alone", command: commandOf(pytest, show(tests[0].name, longName)),
		lines: named(tests, func(t *advised) string {
			if rate, known := a.PassRates[t.name]; known {
				return fmt.Sprintf("%.0f%%", 100*rate)
			}
			return fmt.Sprintf("try %d", t.attempts)
		})}, true
}
