package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// History is the measurements of a test on one class of machine, and how the last one was judged.
type History struct {
	Project     string   `json:"project"`
	ItemPath    string   `json:"item_path"`
	Item        string   `json:"item"`
	ItemVariant string   `json:"item_variant"`
	NodeID      string   `json:"node_id,omitempty"` // where only the node id tells the test from others
	Name        string   `json:"-"`                 // for people
	Env         string   `json:"env"`
	OtherEnvs   []string `json:"other_envs,omitempty"` // classes of machine with measurements that are not in Points
	// Points are in the order of time. Results are of the last one, empty where it could not be judged.
	Points  []HistoryPoint   `json:"points"`
	Results []monitor.Result `json:"results"`
	Notes   []string         `json:"notes,omitempty"` // what there is to know of the choice
	Page    string           `json:"page,omitempty"`
}

// HistoryPoint is one measurement.
type HistoryPoint struct {
	Run     string         `json:"run"`
	ScmRef  string         `json:"scm_ref"`
	Branch  string         `json:"branch"`
	Started time.Time      `json:"started"`
	CPU     monitor.Number `json:"cpu_time"`   // seconds
	Wall    monitor.Number `json:"total_time"` // seconds
	Memory  monitor.Number `json:"mem_usage"`  // MiB
}

func (p *HistoryPoint) value(metric string) monitor.Number {
	switch metric {
	case monitor.MetricCPUTime:
		return p.CPU
	case monitor.MetricMemUsage:
		return p.Memory
	default:
		return p.Wall
	}
}

// Values returns the measurements of a metric that are known, in the order of time.
func (h *History) Values(metric string) (values []float64) {
	for i := range h.Points {
		if v := float64(h.Points[i].value(metric)); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	return values
}

// lastPoints is how many measurements the table has.
const lastPoints = 10

// WriteHistory writes a graph for each metric, with its verdict, and a table of the last measurements. Fails with the error of w.
func WriteHistory(w io.Writer, h *History, s Screen) error {
	t := textWriter{Buffer: &bytes.Buffer{}, colour: s.Colour, width: s.Width}
	fmt.Fprintf(t, "%s\n%s on %s\n", t.painted(bold, show(h.Name, longName)), h.number(), dash(show(h.Env, shortName)))
	for _, env := range h.OtherEnvs {
		fmt.Fprintf(t, "also measured on %s\n", show(env, shortName))
	}
	for _, note := range h.Notes {
		fmt.Fprintln(t, Printable(note))
	}
	columns := 60
	if s.Width > 0 {
		columns = max(10, min(s.Width-16, 120))
	}
	for _, m := range monitor.JudgedMetrics {
		t.metric(h, m, columns)
	}
	t.WriteByte('\n')
	table := newTable(s, "STARTED", "BRANCH", "CPU TIME", "WALL TIME", "MEMORY", "COMMIT")
	table.right[2], table.right[3], table.right[4] = true, true, true
	for i := len(h.Points) - 1; i >= max(0, len(h.Points)-lastPoints); i-- {
		p := &h.Points[i]
		table.add(cell{text: p.Started.Local().Format("2006-01-02 15:04")}, cell{text: dash(show(p.Branch, 20))},
			cell{text: amount(monitor.MetricCPUTime, p.CPU)}, cell{text: amount(monitor.MetricTotalTime, p.Wall)},
			cell{text: amount(monitor.MetricMemUsage, p.Memory)}, cell{text: dash(commit(p.ScmRef))})
	}
	if err := table.write(t); err != nil {
		return err
	}
	if h.Page != "" {
		fmt.Fprintf(t, "\n%s\n", h.Page)
	}
	_, err := t.WriteTo(w)
	return err
}

// number says how many runs there are, and how many measurements where these are more.
func (h *History) number() string {
	runs := map[string]bool{}
	for i := range h.Points {
		runs[h.Points[i].Run] = true
	}
	if len(runs) == len(h.Points) {
		return count(len(runs), "run")
	}
	return fmt.Sprintf("%s of %s", count(len(h.Points), "measurement"), count(len(runs), "run"))
}

// metric writes what is known of one metric.
func (t textWriter) metric(h *History, m monitor.JudgedMetric, columns int) {
	c := curve{metric: m.Name, usual: monitor.Number(math.NaN()), limit: monitor.Number(math.NaN())}
	var commits []string
	for i := range h.Points {
		if v := float64(h.Points[i].value(m.Name)); !math.IsNaN(v) {
			c.values, commits = append(c.values, v), append(commits, h.Points[i].ScmRef)
		}
	}
	if !slices.ContainsFunc(c.values, func(v float64) bool { return !shownAsNothing(m.Name, v) }) {
		return // such as the memory of a test that needs none
	}
	c.since = len(c.values) // no verdict
	fmt.Fprintf(t, "\n%s  %s", right(m.Title, 9), amount(m.Name, monitor.Number(c.values[len(c.values)-1])))
	if at := slices.IndexFunc(h.Results, func(r monitor.Result) bool { return r.Metric == m.Name }); at >= 0 {
		r := &h.Results[at]
		if c.verdict = verdictOf(r.Status); hasNumbers(r) {
			c.usual, c.limit = r.Baseline, r.Limit
			if known(r.P) {
				fmt.Fprintf(t, ", usually %s, limit %s", amount(m.Name, r.Baseline), amount(m.Name, r.Limit))
			} else { // the usual range of earlier measurements
				fmt.Fprintf(t, ", usually %s to %s", amount(m.Name, 2*r.Baseline-r.Limit), amount(m.Name, r.Limit))
			}
		}
		fmt.Fprintf(t, "  %s", t.painted(c.verdict.colour, c.verdict.sign+" "+c.verdict.word))
		if since(r) != "" {
			fmt.Fprintf(t, "\n           since %s", since(r))
		}
		if c.since = slices.Index(commits, r.FirstBad); r.FirstBad == "" || c.since < 0 {
			c.since = len(c.values) - 1
		}
	}
	t.WriteByte('\n')
	t.graph(c, columns)
}
