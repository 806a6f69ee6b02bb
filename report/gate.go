package report

import (
	"fmt"

	"pymon-bridge/monitor"
)

// FailOn is what makes a pipeline fail.
type FailOn string

// What a pipeline can fail on. A suite that is slower as a whole usually ran on a loaded machine. So it only warns, unless
// failing is asked for.
const (
	FailOnRegression FailOn = "regression" // a test confirmed to be slower or hungrier; the default
	FailOnSuspect    FailOn = "suspect"    // also one that is conspicuous in this run alone
	FailOnDrift      FailOn = "drift"      // a regression, or a test that grows slowly
	FailOnSuite      FailOn = "suite"      // a regression, or nearly all tests slower at once
	FailOnNever      FailOn = "never"      // nothing
)

// FailOns lists everything that a pipeline can fail on.
func FailOns() []FailOn {
	return []FailOn{FailOnRegression, FailOnSuspect, FailOnDrift, FailOnSuite, FailOnNever}
}

// ParseFailOn finds one by its name. Fails with EInvalid, naming all of them.
func ParseFailOn(text string) (FailOn, error) { return parseOne("reason to fail", text, FailOns()) }

// Gate says what a pipeline should do about a report, and why in a sentence or two. It goes by the summary, the suite and the
// runs that are missing, so it does not matter which results were left out. An empty on is [FailOnRegression]. The sentence is
// made of this package's own words and of numbers: it is safe in every format.
func Gate(r *monitor.Report, on FailOn) (gate monitor.Gate, sentence string) {
	gate, sentence = gateOf(r, on)
	if n := r.Summary.Accepted; n > 0 {
		sentence += fmt.Sprintf(" %s accepted.", count(n, "change")+plural(n, " is", " are"))
	}
	if over := overBudget(r); over != "" {
		sentence += " " + over + "."
	}
	if unknown := alsoUnknown(r.Summary); unknown != "" {
		sentence += " " + unknown + "."
	}
	if missing := notLookedAt(r, " of the commit"); missing != "" {
		sentence += " " + missing + "."
	}
	return gate, sentence
}

// fails says whether the gate fails.
func fails(r *monitor.Report, on FailOn) bool {
	gate, _ := gateOf(r, on)
	return gate == monitor.GateFail
}

func gateOf(r *monitor.Report, on FailOn) (gate monitor.Gate, sentence string) {
	s := r.Summary
	switch {
	case s.Regressions > 0 && on != FailOnNever:
		return monitor.GateFail, confirmed(r) + "."
	case r.Over() > 0 && on != FailOnNever:
		return monitor.GateFail, fine(r)
	case slow(r) && on == FailOnSuite:
		return monitor.GateFail, "No test regressed by itself, but " + slowSuite(r) + ", which is to fail."
	case s.Suspects > 0 && on == FailOnSuspect:
		return monitor.GateFail, fmt.Sprintf("No confirmed regression, but %s, which %s to fail.",
			count(s.Suspects, "suspect"), plural(s.Suspects, "is", "are"))
	case s.Drifts > 0 && on == FailOnDrift:
		return monitor.GateFail, "No confirmed regression, but " + drifts(r) + ", which is to fail."
	case Unjudged(r) != "":
		return monitor.GateNotJudged, fine(r)
	default:
		return monitor.GatePass, fine(r)
	}
}

// Unjudged says why nothing of a run could be judged, or not all of the commit that was asked for, in words that follow the
// name of the run in a sentence. That nothing was found proves nothing then. It is "" where something was judged, or will be
// when there are more runs. The words include the reason that most results of the report have.
func Unjudged(r *monitor.Report) string {
	switch s := r.Summary; {
	case s.Tests == 0:
		return "measured no test"
	case s.Learning+fineResults(s)+s.Suspects+s.Regressions > 0:
		if missing := notLookedAt(r, ""); missing != "" {
			return "is not all of its commit: " + missing
		}
		return ""
	}
	most, counts := "", map[string]int{}
	for i := range r.Results {
		reason := r.Results[i].Reason
		if counts[reason]++; reason != "" && counts[reason] > counts[most] {
			most = reason
		}
	}
	if most == "" {
		return "has no measurement that could be judged"
	}
	return "has no measurement that could be judged: " + show(most, longName)
}

// fine says that nothing fails, and what is conspicuous all the same.
func fine(r *monitor.Report) string {
	s := r.Summary
	switch {
	case s.Tests == 0:
		return "No test was measured."
	case s.Regressions > 0:
		return confirmed(r) + ", but nothing is to fail."
	case slow(r) && s.Suspects > 0:
		return fmt.Sprintf("No confirmed regression, %s; %s.", count(s.Suspects, "suspect"), slowSuite(r))
	case slow(r):
		return "No test regressed by itself; " + slowSuite(r) + "."
	case s.Suspects > 0:
		return fmt.Sprintf("No confirmed regression; there %s %s, which another run confirms or clears.",
			plural(s.Suspects, "is", "are"), count(s.Suspects, "suspect"))
	case s.Drifts > 0:
		return "No regression; " + drifts(r) + "."
	case len(growing(r)) > 0 && fineResults(s) > 0:
		return fmt.Sprintf("No regression in %s; the suite or a part of it grows slowly.", count(judged(s), "test"))
	case fineResults(s) == 0 && s.Learning > 0 && len(r.Branches) > 1:
		return "Nothing to judge by yet on at least one branch of the commit: too few earlier runs there have these tests on this class of machine."
	case fineResults(s) == 0 && s.Learning > 0:
		return fmt.Sprintf("Nothing to judge by yet: too few earlier runs have these tests on this class of machine. The baseline has %s.",
			count(r.BaselineRuns, "run")) // which may be of other tests, as those of other shards are
	case fineResults(s) == 0:
		return "No measurement could be judged."
	case s.Improvements > 0:
		return fmt.Sprintf("No regression and %s in %s.", count(s.Improvements, "improvement"), count(judged(s), "test"))
	default:
		return fmt.Sprintf("No regression in %s.", count(judged(s), "test"))
	}
}

// drifts says how many measurements grow slowly.
func drifts(r *monitor.Report) string {
	n := r.Summary.Drifts
	return count(n, "measurement") + plural(n, " grows", " grow") + " slowly"
}

// fineResults is the number of results that were judged, and are neither a regression nor a suspect.
func fineResults(s monitor.Summary) int { return s.OK + s.Improvements + s.Accepted + s.Drifts }

// judged is the number of tests with a result that could be judged.
func judged(s monitor.Summary) int { return s.Tests - s.LearningTests - s.NotJudgedTests }

// alsoUnknown says how many tests could not be judged where others could. It is "" for none.
func alsoUnknown(s monitor.Summary) string {
	learning := count(s.LearningTests, "more test") + plural(s.LearningTests, " is", " are") + " learning"
	switch {
	case judged(s) == 0 || s.LearningTests+s.NotJudgedTests == 0:
		return ""
	case s.NotJudgedTests == 0:
		return learning
	case s.LearningTests == 0:
		return count(s.NotJudgedTests, "more test") + " could not be judged"
	default:
		return fmt.Sprintf("%s, and %d could not be judged", learning, s.NotJudgedTests)
	}
}

// confirmed says how many tests regressed, and whether the suite as a whole is slower.
func confirmed(r *monitor.Report) string {
	s := count(r.Summary.Regressions, "regression") + " in " + count(judged(r.Summary), "test")
	if slow(r) {
		s += ", and " + slowSuite(r)
	}
	return s
}

// slow says whether the suite as a whole is slower than usual.
func slow(r *monitor.Report) bool {
	return r.Suite.Status == monitor.StatusSlowMachine || r.Suite.Status == monitor.StatusRegression
}

// slowSuite says how much slower the suite is, and what the reason may be.
func slowSuite(r *monitor.Report) string {
	s := "the whole suite is slower than usual"
	if by := offsets(r.Suite.Offset); by != "" {
		s += " (" + by + ")"
	}
	if r.Suite.Status == monitor.StatusRegression {
		return s + " and has been for several runs"
	}
	return s + ": a slow machine, or a change that all tests feel"
}

// count returns a number with its noun: "1 test", "2 tests".
func count(n int, noun string) string { return fmt.Sprintf("%d %s", n, plural(n, noun, noun+"s")) }

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
