package web

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// chart is what the script of the page draws. All lists are of the same points, oldest first.
type chart struct {
	Time    []int64        `json:"t"` // UTC seconds
	Run     []string       `json:"run"`
	Commit  []string       `json:"commit"`
	Branch  []string       `json:"branch"`
	Metrics []*chartMetric `json:"metrics"`
	Main    string         `json:"-"` // branch of the line, where all branches are shown
	// Change is the first point after the change that the last verdict is about; -1 for none. Label has its commits.
	Change int    `json:"change"`
	Label  string `json:"label"`
	// Machines are the points from which on the machine was another one of the same class.
	Machines []machineChange `json:"machines"`
}

// chartMetric is one of the stacked charts.
type chartMetric struct {
	Name    string           `json:"name"`
	Title   string           `json:"title"`
	Unit    string           `json:"unit"`
	Values  []monitor.Number `json:"v"`
	Failed  []monitor.Number `json:"failed"` // of attempts that failed
	Other   []monitor.Number `json:"other"`  // of other branches than that of the line
	Usual   []monitor.Number `json:"usual"`
	Low     []monitor.Number `json:"low"`
	High    []monitor.Number `json:"high"` // the limit, where a report says one
	Verdict []string         `json:"verdict"`
}

const (
	usualRuns  = 40 // runs before a point, whose values say what is usual there
	leastUsual = 5
)

// chart makes the chart of some points of a history of tests on a class of machine. Both have the latest first.
func (p *Pages) chart(drawn, all []*point, env, main string) *chart {
	c := &chart{Change: -1, Main: main}
	position := make(map[time.Time]int, len(all))
	for i, pt := range all {
		position[pt.Started] = i
	}
	for _, m := range monitor.JudgedMetrics {
		c.Metrics = append(c.Metrics, &chartMetric{Name: m.Name, Title: m.Title, Unit: string(m.Unit)})
	}
	slices.SortStableFunc(c.Metrics, func(a, b *chartMetric) int { return strings.Compare(b.Unit, a.Unit) }) // times first
	for i := len(drawn) - 1; i >= 0; i-- {
		pt := drawn[i]
		c.Time, c.Run = append(c.Time, pt.Started.Unix()), append(c.Run, pt.Run)
		c.Commit, c.Branch = append(c.Commit, pt.ScmRef), append(c.Branch, pt.Branch)
		for _, m := range c.Metrics {
			low, usual, high := p.usual(all[position[pt.Started]+1:], env, m.Name)
			m.add(pt, low, usual, high, main != "" && pt.Branch != main)
		}
	}
	for _, m := range c.Metrics {
		m.clip()
	}
	c.Machines = machineChanges(drawn)
	if len(drawn) > 0 {
		c.mark(drawn)
	}
	return c
}

// add adds a point, and what is usual there by the points before it. elsewhere says that it is not of the branch of the line.
func (m *chartMetric) add(pt *point, low, usual, high float64, elsewhere bool) {
	value, failed, other := pt.Value(m.Name), math.NaN(), math.NaN()
	switch {
	case pt.Outcome != "":
		value, failed = failed, value
	case elsewhere:
		value, other = other, value
	}
	r, found := pt.Changes[m.Name]
	if found && !math.IsNaN(float64(r.Baseline)) && !math.IsNaN(float64(r.Limit)) {
		below := usual - low // a report says nothing of it, and the band must not open at one point
		if math.IsNaN(below) {
			below = float64(r.Limit - r.Baseline)
		}
		usual, low, high = float64(r.Baseline), float64(r.Baseline)-below, float64(r.Limit)
	}
	if usual >= 0 {
		low = max(0, low)
	}
	m.Values, m.Failed, m.Other = append(m.Values, rounded(value)), append(m.Failed, rounded(failed)), append(m.Other, rounded(other))
	m.Usual, m.Low, m.High = append(m.Usual, rounded(usual)), append(m.Low, rounded(low)), append(m.High, rounded(high))
	m.Verdict = append(m.Verdict, string(r.Status))
}

// bandRoom is how many times the greatest value a chart is high at most. What is usual for a fast test may be far above that.
const bandRoom = 3

// clip takes away what is too far above the values for the chart to show.
func (m *chartMetric) clip() {
	top := math.Inf(-1)
	for _, values := range [][]monitor.Number{m.Values, m.Failed, m.Other} {
		for _, v := range values {
			if !math.IsNaN(float64(v)) {
				top = max(top, bandRoom*float64(v))
			}
		}
	}
	if math.IsInf(top, 0) {
		return
	}
	for i := range m.High {
		if float64(m.Usual[i]) > top {
			m.Low[i], m.Usual[i] = monitor.Number(math.NaN()), monitor.Number(math.NaN())
		}
		if float64(m.High[i]) > top {
			m.High[i] = monitor.Number(top)
		}
	}
}

// usual returns what is usual by some points, the latest first; NaN where they are too few to say it.
func (p *Pages) usual(before []*point, env, metric string) (low, usual, high float64) {
	var values []float64
	for _, pt := range before {
		if v := pt.Value(metric); pt.Outcome == "" && !math.IsNaN(v) {
			values = append(values, v)
		}
		if len(values) == usualRuns {
			break
		}
	}
	if len(values) < leastUsual {
		values = nil
	}
	slices.Reverse(values)
	return p.parts.Detector.Usual(env, metric, values)
}

// rounded returns a number in five digits, since more are not seen in a chart.
func rounded(v float64) monitor.Number {
	short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 5, 64), 64)
	if err != nil {
		return monitor.Number(math.NaN())
	}
	return monitor.Number(short)
}

// mark finds the change that the last verdict is about. drawn has the latest point first.
func (c *chart) mark(drawn []*point) {
	for _, m := range monitor.JudgedMetrics {
		r, found := drawn[0].Changes[m.Name]
		if !found || r.FirstBad == "" {
			continue
		}
		if i := slices.Index(c.Commit, r.FirstBad); i > 0 {
			c.Change, c.Label = i, shortRange(r.LastGood, r.FirstBad)
			return
		}
	}
}

func shortRange(from, to string) string {
	cut := func(s string) string { return s[:min(7, len(s))] }
	if from == "" || from == to {
		return cut(to)
	}
	return cut(from) + ".." + cut(to)
}

// line returns the values as a simple line.
func (m *chartMetric) line(status string) line {
	l := line{Status: status, Usual: math.NaN(), Limit: math.NaN()}
	for _, v := range m.Values {
		l.Values = append(l.Values, float64(v))
	}
	if n := len(m.Values); n > 0 {
		l.Usual, l.Limit = float64(m.Usual[n-1]), float64(m.High[n-1])
	}
	return l
}

// testTable returns the measurements of a test as CSV.
func testTable(data *testPage) *table {
	t := &table{Header: []string{"run", "scm_ref", "branch", "build", "started", "status", "total_time", "cpu_time", "mem_usage", "outcome",
		"attempts"}}
	for _, pt := range data.Runs {
		t.Rows = append(t.Rows, []string{pt.Run, pt.ScmRef, pt.Branch, pt.Build, pt.Started.Format(time.RFC3339Nano), pt.Status,
			numberText(pt.Wall), numberText(pt.CPU), numberText(pt.Mem), pt.Outcome, strconv.FormatInt(pt.Attempts, 10)})
	}
	return t
}

// numberText returns a number as JSON has it; "" for null.
func numberText(n monitor.Number) string {
	b, err := json.Marshal(n)
	if err != nil || string(b) == "null" {
		return ""
	}
	return string(b)
}
