package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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

func (p *HistoryPoint) value(metric string) float64 {
	return monitor.JudgedValue(metric, float64(p.Wall), float64(p.CPU), float64(p.Memory))
}

// Values returns the measurements of a metric that are known, in the order of time.
func (h *History) Values(metric string) (values []float64) {
	for i := range h.Points {
		if v := h.Points[i].value(metric); !math.IsNaN(v) {
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
	fmt.Fprintf(t, "%s\n%s\n", t.painted(bold, t.wrapped(show(h.Name, longName), 0)), t.wrapped(h.number()+" on "+dash(show(h.Env, shortName)), 0))
	for _, env := range h.OtherEnvs {
		fmt.Fprintln(t, t.wrapped("also measured on "+show(env, shortName), 0))
	}
	for _, note := range h.Notes {
		fmt.Fprintln(t, t.wrapped(Printable(note), 0))
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
	table.columns[2].number, table.columns[3].number, table.columns[4].number = true, true, true
	for i := len(h.Points) - 1; i >= max(0, len(h.Points)-lastPoints); i-- {
		p := &h.Points[i]
		table.add(cell{text: p.Started.Local().Format("2006-01-02 15:04")}, cell{text: dash(show(p.Branch, 20))},
			cell{text: amount(monitor.MetricCPUTime, p.CPU)}, cell{text: amount(monitor.MetricTotalTime, p.Wall)},
			cell{text: memory(p.Memory)}, cell{text: dash(commit(p.ScmRef))})
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
		if v := h.Points[i].value(m.Name); !math.IsNaN(v) {
			c.values, commits = append(c.values, v), append(commits, h.Points[i].ScmRef)
		}
	}
	if !slices.ContainsFunc(c.values, func(v float64) bool { return !shownAsNothing(m.Name, v) }) {
		return // such as the memory of a test that needs none
	}
	c.since = len(c.values) // no verdict
	about := amount(m.Name, monitor.Number(c.values[len(c.values)-1]))
	at := slices.IndexFunc(h.Results, func(r monitor.Result) bool { return r.Metric == m.Name })
	if at < 0 {
		fmt.Fprintf(t, "\n%s  %s\n", padRight(m.Title, 9), about)
		t.graph(c, columns)
		return
	}
	r := &h.Results[at]
	c.verdict = verdictOf(r.Status)
	if hasNumbers(r) {
		c.usual, c.limit = r.Baseline, r.Limit
		about += ", usually " + usually(r)
	}
	const indent = 11
	verdict, apart := c.verdict.sign+" "+c.verdict.word, "  "
	if t.width > 0 && indent+utf8.RuneCountInString(about+apart+verdict) > t.width {
		apart = "\n" + strings.Repeat(" ", indent)
	}
	fmt.Fprintf(t, "\n%s  %s%s%s", padRight(m.Title, 9), t.wrapped(about, indent), apart, t.painted(c.verdict.colour, verdict))
	if since(r) != "" {
		fmt.Fprintf(t, "\n           since %s", since(r))
	}
	if r.UsualAgain {
		fmt.Fprintf(t, "\n           %s", usualAgain)
	}
	if c.since = slices.Index(commits, r.FirstBad); r.FirstBad == "" || c.since < 0 {
		c.since = len(c.values) - 1
	}
	t.WriteByte('\n')
	t.graph(c, columns)
}

// usually says what is usual: the value and the limit of a report, or the range of earlier measurements. A range that begins at
// nothing says nothing, so it is the value and the limit too.
func usually(r *monitor.Result) string {
	if known(r.P) || r.Baseline >= 0 && r.Limit >= 2*r.Baseline {
		return amount(r.Metric, r.Baseline) + ", limit " + amount(r.Metric, r.Limit)
	}
	return amount(r.Metric, 2*r.Baseline-r.Limit) + " to " + amount(r.Metric, r.Limit)
}

// memory is an amount of memory in a table, where nothing is not shown.
func memory(n monitor.Number) string {
	if shownAsNothing(monitor.MetricMemUsage, float64(n)) {
		return unknown
	}
	return amount(monitor.MetricMemUsage, n)
}
