package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// unknown stands for a number that is not known.
const unknown = "–"

// judgedMetric finds a metric by its name. ok is false for a name that this program does not know, which is text from outside.
func judgedMetric(name string) (m monitor.JudgedMetric, ok bool) {
	i := slices.IndexFunc(monitor.JudgedMetrics[:], func(m monitor.JudgedMetric) bool { return m.Name == name })
	if i < 0 {
		return monitor.JudgedMetric{}, false
	}
	return monitor.JudgedMetrics[i], true
}

// metricName returns what people call a metric.
func metricName(name string) string {
	if m, ok := judgedMetric(name); ok {
		return m.Title
	}
	return show(name, shortName)
}

// amount returns a value of a metric with its unit, in three digits or so: 1.23 s, 45 ms, 12.5 MiB.
func amount(metric string, n monitor.Number) string {
	if !known(n) {
		return unknown
	}
	v := float64(n)
	switch m, _ := judgedMetric(metric); m.Unit {
	case monitor.UnitSeconds:
		return seconds(v)
	case monitor.UnitMiB:
		return digits(v) + " MiB"
	default:
		return digits(v)
	}
}

func seconds(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0 s"
	case a < 0.9995e-3:
		return digits(v*1e6) + " µs"
	case a < 0.9995:
		return digits(v*1e3) + " ms"
	default:
		return digits(v) + " s"
	}
}

// shownAsNothing says whether people see a value as zero.
func shownAsNothing(metric string, v float64) bool {
	return v == 0 || amount(metric, monitor.Number(v)) == amount(metric, 0)
}

// digits returns a number in three digits, or in more if it has more before the point. Numbers that nobody measures get an
// exponent.
func digits(v float64) string {
	a := math.Abs(v)
	switch {
	case a >= 1e9 || a > 0 && a < 1e-3:
		return fmt.Sprintf("%.2e", v)
	case a >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case a >= 9.995:
		return fewer(fmt.Sprintf("%.1f", v))
	default:
		return fewer(fmt.Sprintf("%.2f", v))
	}
}

// fewer drops decimals that are all zero, and the sign of 0: 45.0 is 45, 1.50 stays, and -0.00 is 0.
func fewer(s string) string {
	whole, decimals, _ := strings.Cut(s, ".")
	switch {
	case strings.Trim(decimals, "0") != "":
		return s
	case whole == "-0":
		return "0"
	}
	return whole
}

// ratio returns a ratio as ×1.50.
func ratio(n monitor.Number) string {
	if !known(n) {
		return unknown
	}
	if v := float64(n); math.Abs(v) >= 9.995 {
		return "×" + digits(v)
	}
	return fmt.Sprintf("×%.2f", float64(n))
}

// probability returns p or q, in three decimals; "<0.001" below that.
func probability(n monitor.Number) string {
	if v := float64(n); v >= 0.001 {
		return fmt.Sprintf("%.3f", v)
	}
	return "<0.001"
}

// known says whether a number is finite.
func known(n monitor.Number) bool {
	return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0)
}

// offsets lists how much slower a run is, by metric: "CPU time ×1.50, wall time ×1.62". The text is made of this package's
// own words.
func offsets(by map[string]monitor.Number) string {
	var parts []string
	for _, m := range monitor.JudgedMetrics {
		if n, ok := by[m.Name]; ok && known(n) {
			parts = append(parts, m.Title+" "+ratio(n))
		}
	}
	return strings.Join(parts, ", ")
}
