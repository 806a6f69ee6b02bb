package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// Digest is what people read when a run has ended: what became of the tests, which ones stand out, and what changed.
type Digest struct {
	// Name tells the run from other runs of the same command, such as py312. It is empty where there is one run.
	Name string
	// Partial says why the run is not a run of the whole suite. It is empty for a whole run.
	Partial string
	// Report is the report on the run, nil where there is none. Then Unjudged says why.
	Report   *monitor.Report
	Unjudged string
	// Needed is how many earlier runs a test needs before it is judged, besides the last Window ones: these can confirm a
	// change, and so say nothing of what is usual.
	Needed, Window int
	// Advice is what to do about the time and the memory of the tests. The digest sets [Advice.Whole].
	Advice

	counts    map[string]int // of tests, by outcome
	seconds   float64        // sum over the tests
	broken    []test         // failed or error
	flaky     []test         // passed at a later attempt, or known to be flaky, and not broken
	slowest   []test
	hungriest []test
}

// test is a test that stands out.
type test struct {
	nodeID string
	what   string  // of a broken or a flaky test
	amount float64 // seconds or MiB
}

const (
	// maxStanding is how many of the slowest and hungriest tests a digest has.
	maxStanding = 5
	// maxBroken is how many broken or flaky tests a digest shows.
	maxBroken = 20
	// leastTime in seconds and leastMemory in MiB are the least with which a test is called slow or hungry.
	leastTime, leastMemory = 0.001, 1
)

// Add adds a test of the run. PassRates must be there before.
func (d *Digest) Add(o *monitor.Outcome) {
	if d.counts == nil {
		d.counts = map[string]int{}
	}
	d.counts[o.Outcome]++
	d.Advice.Add(o)
	if !math.IsNaN(o.TotalTime) {
		d.seconds += o.TotalTime
	}
	if o.TotalTime >= leastTime {
		d.slowest = greatest(d.slowest, test{nodeID: o.NodeID, amount: o.TotalTime})
	}
	if o.MemTest >= leastMemory {
		d.hungriest = greatest(d.hungriest, test{nodeID: o.NodeID, amount: o.MemTest})
	}
	passed := o.Outcome == monitor.Passed || o.Outcome == monitor.XPassed
	rate, flaky := d.PassRates[o.NodeID]
	switch {
	case o.Outcome == monitor.OutcomeFailed || o.Outcome == monitor.OutcomeError:
		d.broken = append(d.broken, test{nodeID: o.NodeID, what: o.Outcome})
	case passed && o.Attempts > 1:
		d.flaky = append(d.flaky, test{nodeID: o.NodeID, what: fmt.Sprintf("attempt %d", o.Attempts)})
	case flaky:
		d.flaky = append(d.flaky, test{nodeID: o.NodeID, what: fmt.Sprintf("passes %.0f%%", 100*rate)})
	}
}

// greatest adds a test to the few with the greatest amounts.
func greatest(tests []test, one test) []test {
	at := slices.IndexFunc(tests, func(other test) bool { return other.amount < one.amount })
	if at < 0 {
		at = len(tests)
	}
	tests = slices.Insert(tests, at, one)
	return tests[:min(maxStanding, len(tests))]
}

// Tests is the number of tests.
func (d *Digest) Tests() (n int) {
	for _, count := range d.counts {
		n += count
	}
	return n
}

// headline says how many tests there were and what became of them. show writes a text from outside, as the format needs it.
func (d *Digest) headline(show func(s string, max int) string) string {
	text := "no test ran"
	if n := d.Tests(); n > 0 {
		var parts []string
		for _, outcome := range monitor.Outcomes {
			if n := d.counts[outcome]; n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, outcome))
			}
		}
		text = fmt.Sprintf("%s, %s in tests: %s", count(n, "test"), seconds(d.seconds), strings.Join(parts, ", "))
	}
	if d.Partial != "" {
		text += "; not the whole suite (" + show(d.Partial, shortName) + ")"
	}
	return text
}

// changed says in a sentence what the report says.
func (d *Digest) changed(o Options, show func(s string, max int) string) string {
	switch r := d.Report; {
	case d.Tests() == 0, r == nil && d.Unjudged == "":
		return ""
	case r == nil:
		return "not known: " + show(d.Unjudged, longName)
	case d.learning() > 0:
		note := ""
		if r.Completion == monitor.Partial {
			note = "; this run does not count for runs of the whole suite"
		}
		if over := overBudget(r); over != "" {
			note += "; " + over
		}
		return fmt.Sprintf("learning: at least %s needed on this class of machine before slower and hungrier tests show%s",
			count(d.learning(), "more run")+plural(d.learning(), " is", " are"), note)
	default:
		_, sentence := Gate(r, o.FailOn)
		return sentence
	}
}

// learning returns how many more runs are needed at least before anything can be judged. It is 0 where something can, and where there
// are runs enough that do not have these tests.
func (d *Digest) learning() int {
	if s := d.Report.Summary; s.Learning == 0 || fineResults(s)+s.Suspects+s.Regressions > 0 {
		return 0
	}
	needed := d.Needed - d.Report.BaselineRuns
	if r := d.Report; r.Against == "" || r.Against == r.Branch {
		needed += d.Window - r.WindowRuns
	}
	return max(0, needed)
}

// hints says what to do about the time and the memory of the tests.
func (d *Digest) hints(o Options) []step {
	a := d.Advice
	a.listed = true
	a.Whole = d.Partial == "" && (d.Report == nil || len(d.Report.Sessions) == 1)
	return a.steps(o)
}

// next says what to do about the report.
func (d *Digest) next(o Options) []step {
	steps := nextSteps(d.Report, o)
	if len(steps) == 0 && d.learning() > 0 {
		says := "run it again"
		if o.BridgeURL == "" { // the bridge ends with the command
			says += ", and keep the data directory, also in CI"
		}
		return []step{{says: says}}
	}
	return steps
}
