package web

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"pymon-bridge/monitor"
)

// line is what a sparkline shows.
type line struct {
	Values []float64 // oldest first; NaN where nothing was measured
	// Usual and Limit bound the usual range, which is a band; NaN for none.
	Usual, Limit float64
	Status       string // verdict on the last value
	Marks        []int  // values that are marked, by their index
}

// The size of a sparkline in pixels, with room for the dot at its end.
const sparkWidth, sparkHeight, sparkPad = 190.0, 36.0, 4.0

// spark draws a small line: the usual range as a band, and the last value as a dot with the colour of its verdict. It is
// decoration: the numbers stand beside it. A steady series is a calm line, since the scale never shows less than a fifth of
// the value.
func spark(l line) template.HTML {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range l.Values {
		if !math.IsNaN(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if math.IsInf(lo, 0) {
		return ""
	}
	from, to := 2*l.Usual-l.Limit, min(l.Limit, bandRoom*hi)
	if l.Usual >= 0 {
		from = max(0, from)
	}
	band := l.Usual < to // not where one is NaN
	if band {
		lo, hi = min(lo, from), max(hi, to)
	}
	if least := 0.2 * math.Abs(hi); hi-lo < least || hi == lo {
		middle := (hi + lo) / 2
		lo, hi = middle-max(least, 1e-9)/2, middle+max(least, 1e-9)/2
	}
	y := func(v float64) float64 { return sparkPad + (sparkHeight-2*sparkPad)*(hi-v)/(hi-lo) }
	x := func(i int) float64 {
		return 1 + (sparkWidth-sparkPad-3)*float64(i)/float64(max(1, len(l.Values)-1))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="spark s-%s" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" aria-hidden="true">`,
		class(l.Status), sparkWidth, sparkHeight, sparkWidth, sparkHeight)
	if band {
		top := y(to)
		fmt.Fprintf(&b, `<rect class="band" x="0" y="%.1f" width="%.0f" height="%.1f"/>`, top, sparkWidth,
			max(1, y(from)-top))
	}
	move, last := "M", -1
	b.WriteString(`<path d="`)
	for i, v := range l.Values {
		if math.IsNaN(v) {
			move = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", move, x(i), y(v))
		move, last = "L", i
	}
	b.WriteString(`"/>`)
	if len(l.Marks) == 0 {
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="2.6"/>`, x(last), y(l.Values[last]))
	}
	for _, i := range l.Marks {
		fmt.Fprintf(&b, `<circle class="at" cx="%.1f" cy="%.1f" r="3"/>`, x(i), y(l.Values[i]))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) // #nosec G203 -- made of numbers and of words of this package
}

// bar shows an amount as a part of the greatest one and, as a tick, what is usual.
func bar(now, usual, most float64, status string) template.HTML {
	if math.IsNaN(now) || most <= 0 {
		return ""
	}
	part := func(v float64) float64 { return 100 * min(1, max(0, v/most)) }
	tick := ""
	if !math.IsNaN(usual) {
		tick = fmt.Sprintf(`<rect class="u" x="%.2f" width="0.8" height="10"/>`, min(99.2, part(usual)))
	}
	// #nosec G203 -- made of numbers and of words of this package
	return template.HTML(fmt.Sprintf(`<svg class="bar %s" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">`+
		`<rect class="bg" width="100" height="10"/><rect class="v" width="%.2f" height="10"/>%s</svg>`, class(status), part(now), tick))
}

// signs are shown before the words of verdicts and outcomes.
var signs = map[string]string{"regression": "▲", "suspect": "◆", "drift": "↗", "accepted": "△", "improvement": "▼", "resolved": "✓", "ok": "●", "learning": "○",
	"not_judged": "–", "failed": "✕", "error": "✕", "flaky": "≈", "running": "…", "judging": "…", "slow_machine": "◷", "new": "+"}

// sign returns the sign of a status of any type.
func sign(status any) string {
	if s := signs[fmt.Sprint(status)]; s != "" {
		return s
	}
	return signs["not_judged"]
}

// class returns a status as the name of a class in the style sheet.
func class(status string) string {
	if signs[status] == "" {
		return "not_judged"
	}
	return status
}

// word returns a status as people say it.
func word(status any) string {
	if fmt.Sprint(status) == string(monitor.StatusDrift) {
		return "slow growth"
	}
	return strings.ReplaceAll(class(fmt.Sprint(status)), "_", " ")
}

// span returns a long time in seconds as people say it: "54 min 12 s".
func span(seconds float64) string {
	s := int64(math.Round(max(0, seconds)))
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600 && s%60 == 0:
		return fmt.Sprintf("%d min", s/60)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 48*3600 && s%3600 < 60:
		return fmt.Sprintf("%d h", s/3600)
	case s < 48*3600:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	default:
		return fmt.Sprintf("%d days", s/86400)
	}
}

// spanOf returns a sum of times: in two units from two minutes on, else as a measurement.
func spanOf(w Words, seconds float64) string {
	if seconds >= 120 {
		return span(seconds)
	}
	return w.Amount(monitor.MetricTotalTime, seconds)
}

// noLine returns a line without values, a usual range or a verdict.
func noLine() line { return line{Usual: math.NaN(), Limit: math.NaN(), Status: "ok"} }
