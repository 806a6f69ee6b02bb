package web

import (
	"math"
	"slices"
	"strconv"

	"pymon-bridge/monitor"
)

// Total is the ratio of the sums over the tests of both runs.
func (d *comparePage) Total() monitor.Number { return d.HeadTotal / d.BaseTotal }

// Metrics lists the values of the parameter metric.
func (d *comparePage) Metrics() []string { return compared }

// MetricOf returns the name of a metric by the value of the parameter.
func (d *comparePage) MetricOf(value string) string {
	return comparedNames[slices.Index(compared, value)]
}

// Multiple says how many times as great as the noise a difference is.
func (c *comparison) Multiple() string {
	times := math.Abs(float64(c.Times))
	if times >= 10 {
		return strconv.FormatFloat(times, 'f', 0, 64) + " × noise"
	}
	return strconv.FormatFloat(times, 'f', 1, 64) + " × noise"
}

// Headline says what differs in a few words.
func (d *comparePage) Headline() string {
	worse, better := count(d.Worse, "test")+" "+d.word(true), count(d.Better, "test")+" "+d.word(false)
	switch {
	case d.Worse+d.Better == 0:
		return "No difference beyond noise"
	case d.Better == 0:
		return worse
	case d.Worse == 0:
		return better
	}
	return worse + ", " + thousands(d.Better) + " " + d.word(false)
}

// word says in which direction a test differs.
func (d *comparePage) word(up bool) string {
	if d.Metric == monitor.MetricMemUsage {
		return map[bool]string{true: "hungrier", false: "more frugal"}[up]
	}
	return map[bool]string{true: "slower", false: "faster"}[up]
}

// Word says how a test differs.
func (d *comparePage) Word(c *comparison) string {
	if !c.beyond() {
		return "within noise"
	}
	return d.word(c.Times > 0)
}

// Up and Down are the words for the directions.
func (d *comparePage) Up() string { return d.word(true) }

// Down is documented at Up.
func (d *comparePage) Down() string { return d.word(false) }

// Least lists the values of the parameter min that the page offers.
func (d *comparePage) Least() []string { return []string{"1", "1.2", "1.5", "2"} }

// sum returns a sum of the compared metric with its unit.
func (f *frame) sum(v monitor.Number) string {
	if d, ok := f.Data.(*comparePage); ok && d.Metric == monitor.MetricMemUsage {
		return f.amount(d.Metric, v)
	}
	return f.span(v)
}

// compare returns the address of the comparison of two runs.
func (f *frame) compare(base, head string) string {
	return f.prefix + comparePath(f.Project, base, head)
}
