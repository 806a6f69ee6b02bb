package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"pymon-bridge/monitor"
)

// levels returns what a result compares, and by which ratio: of slow growth the first level and the present one.
func levels(r *monitor.Result) (usual, now, by monitor.Number) {
	if d := r.Drift; d != nil {
		return d.First, d.Now, d.Ratio
	}
	return r.Baseline, r.Value, r.Ratio
}

// pace says how fast something grows: "about 1 % a run since 1a2b3c4d5e (12 March 2026)".
func pace(d *monitor.Drift) string {
	s := "about " + share(d.Rate) + " a run"
	if at := mark(d.Since); at != "" {
		s += " since " + at
	}
	return s
}

// mark names a run by its commit and day. A run without a commit is named by its day.
func mark(m monitor.RunMark) string {
	day := ""
	if !m.Started.IsZero() {
		day = m.Started.UTC().Format("2 January 2006")
	}
	switch ref := commit(m.ScmRef); {
	case ref == "":
		return day
	case day == "":
		return ref
	default:
		return ref + " (" + day + ")"
	}
}

// share returns a share in per cent, in one digit or two: 1 %, 0.3 %, 1.5 %.
func share(n monitor.Number) string {
	if !known(n) {
		return unknown
	}
	digits := 1
	if math.Abs(float64(n)) >= 0.01 {
		digits = 2
	}
	return strconv.FormatFloat(100*float64(n), 'g', digits, 64) + " %"
}

// Growth says how something grew slowly, in a sentence without a subject.
func Growth(metric string, d *monitor.Drift) string {
	return fmt.Sprintf("grew by %s: %s → %s (%s)", pace(d), amount(metric, d.First), amount(metric, d.Now), ratio(d.Ratio))
}

// growing lists the slow growth of the suite and its parts, the suite first.
func growing(r *monitor.Report) []monitor.PartDrift { return slices.Concat(r.Suite.Drift, r.Parts) }

// partGrowth says how a part of a suite grew slowly, and what of it is new. show writes a text from outside, as the format needs it.
func partGrowth(p *monitor.PartDrift, show func(s string, max int) string) string {
	what := "the whole suite"
	if p.Kind != monitor.PartSuite {
		what = string(p.Kind) + " " + show(p.Part, longName)
	}
	s := fmt.Sprintf("%s of %s %s", metricName(p.Metric), what, Growth(p.Metric, &p.Drift))
	var from []string
	for _, part := range []struct {
		n    monitor.Number
		what string
	}{{p.FromNew, "new tests"}, {p.FromSlower, "slower tests"}, {p.Machine, "all tests alike, maybe the machine"}} {
		if known(part.n) && !shownAsNothing(p.Metric, float64(part.n)) {
			from = append(from, signed(p.Metric, part.n)+" "+part.what)
		}
	}
	if known(p.Growth) && len(from) > 0 {
		s += fmt.Sprintf("; %s: %s", signed(p.Metric, p.Growth), strings.Join(from, ", "))
	}
	return s
}

func signed(metric string, n monitor.Number) string {
	if n < 0 {
		return "−" + amount(metric, -n)
	}
	return "+" + amount(metric, n)
}

// maxGrowing is how many parts of a suite are listed where room is short.
const maxGrowing = 10

// growth lists in lines what grew slowly of the suite and its parts.
func growth(r *monitor.Report, envs bool, show func(s string, max int) string) (lines []string) {
	all := growing(r)
	for i := range all {
		if i == maxGrowing {
			return append(lines, fmt.Sprintf("and %d more parts", len(all)-i))
		}
		line := partGrowth(&all[i], show)
		if envs {
			line += ", on " + show(all[i].Env, shortName)
		}
		lines = append(lines, line)
	}
	return lines
}
