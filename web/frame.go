package web

import (
	"embed"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"spark": spark, "bar": bar, "thousands": thousands, "sign": sign, "word": word, "title": title, "headline": headline,
	"count": count, "short": short, "histogram": histogram, "mark": mark, "size": size, "metric": metricTitle, "when": when,
	"add":      func(a, b int) int { return a + b },
	"pageRows": func() int { return pageRows }, "homeRows": func() int { return homeRows },
	"part": func(f *frame, rows any) *frame { of := *f; of.Rows = rows; return &of },

	// Templates call these as functions: a template that finds a method by its name makes a type for it each time, which takes longer
	// than the call.
	"amount": (*frame).amount, "asset": (*frame).asset, "between": (*frame).between, "choice": (*frame).choice, "column": (*frame).column,
	"commit": (*frame).commit, "compare": (*frame).compare, "growth": (*frame).growth, "here": (*frame).here, "hidden": (*frame).hidden,
	"in": (*frame).in, "label": (*frame).label, "links": (*frame).links, "machine": (*frame).machine,
	"measurements": (*frame).measurements, "pager": (*frame).pager, "ratio": (*frame).ratio, "run": (*frame).run, "since": (*frame).since, "span": (*frame).span,
	"standard": (*frame).standard, "sum": (*frame).sum, "test": (*frame).test, "tests": (*frame).tests, "text": (*frame).text,
	"to": (*frame).to, "value": (*frame).value, "whole": (*frame).whole,
}).ParseFS(templateFiles, "templates/*.html"))

// frame is what every template gets: the data of its page, and what all pages have.
type frame struct {
	View     *view
	Data     any // of the view
	Rows     any // of a part that several pages have
	Places   []place
	Project  string
	Projects []string // that the reader can go to
	// MoreProjects says that there are others, which only the first page lists.
	MoreProjects bool
	Open         int // regressions of the main branch
	Version      string
	LoggedIn     bool
	Quiet        string

	words  Words
	prefix string // before all paths
	state  *state
}

// maxSwitch is how many projects the menu of each page has.
const maxSwitch = 30

func (p *Pages) frame(v *visit, found *view) (*frame, error) {
	f := &frame{View: found, Data: found.Data, Project: v.Project, Version: p.parts.Version, words: p.parts.Words, prefix: httpd.LinkPrefix(v.Context),
		state: v.State, LoggedIn: p.server.LoggedIn(v.Context), Quiet: span(p.Quiet.Seconds())}
	if v.Project == "" {
		return f, nil
	}
	f.Places = places
	if v.GetHeader(fragmentHeader) != "" {
		return f, nil
	}
	var err error
	if f.Open, err = p.openRegressions(v.Request.Context(), v.Project); err != nil || f.LoggedIn || v.GetHeader("Authorization") != "" {
		return f, err
	}
	f.Projects, err = p.parts.Store.Projects(v.Request.Context())
	f.MoreProjects = len(f.Projects) > maxSwitch
	f.Projects = f.Projects[:min(maxSwitch, len(f.Projects))]
	return f, err
}

func (f *frame) asset(name string) string {
	return f.prefix + staticPath + assets[name].hash + "/" + name
}

// to returns the address of a path outside projects.
func (f *frame) to(path string) string { return f.prefix + path }

// in returns the address of a place of a project.
func (f *frame) in(project, place string) string {
	return f.prefix + "/p/" + url.PathEscape(project) + "/" + place
}

func (f *frame) run(id string) string { return f.prefix + monitor.RunPath(f.Project, id) }

// test returns the address of a test on a class of machine.
func (f *frame) test(s monitor.Series, env string) string {
	return f.prefix + monitor.TestPath(f.Project, s.ID(env))
}

// here returns the address of the same page in another state: pairs of name and value.
func (f *frame) here(pairs ...string) string { return f.state.with(pairs...) }

// standard returns the value that a parameter has when it is left out.
func (f *frame) standard(name string) string { return f.state.defaults[name] }

// value returns the value of a parameter, if it is not the default.
func (f *frame) value(name string) string {
	if value := f.state.values.Get(name); value != f.state.defaults[name] {
		return value
	}
	return ""
}

func (f *frame) growth(metric string, d *monitor.Drift) string { return f.words.Growth(metric, d) }

// amount returns a value of a metric with its unit.
func (f *frame) amount(metric string, value monitor.Number) string {
	return f.words.Amount(metric, float64(value))
}

// span returns a sum of times in words.
func (f *frame) span(seconds any) string {
	if v, ok := seconds.(monitor.Number); ok {
		return spanOf(f.words, float64(v))
	}
	return spanOf(f.words, seconds.(float64))
}

// ratio returns a ratio as ×1.50.
func (f *frame) ratio(ratio monitor.Number) string { return f.words.Ratio(float64(ratio)) }

func (f *frame) commit(ref string) string { return f.words.Commit(ref) }

// maxName is how many characters of a name are shown among others.
const maxName = 200

// text returns a text from outside for readers, not longer than fits among others. Names differ at their ends.
func (f *frame) text(s string) string {
	all := f.words.Printable(s)
	if len(all) <= maxName {
		return all
	}
	if shown := []rune(all); len(shown) > maxName {
		return string(shown[:maxName-60]) + "…" + string(shown[len(shown)-59:])
	}
	return all
}

// label is text for a name that is a link. A name of spaces only gets quotes, so that there is something to see.
func (f *frame) label(name string) string {
	if shown := f.text(name); strings.TrimSpace(shown) != "" {
		return shown
	}
	return `"` + f.text(name) + `"`
}

// whole returns a text from outside for readers, however long it is.
func (f *frame) whole(s string) string { return f.words.Printable(s) }

func when(t time.Time) string { return t.Format("2 Jan 2006, 15:04") + " UTC" }

// thousands returns a whole number with commas.
func thousands(n any) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count returns a number with its noun: "1 test", "2,000 tests".
func count(n any, noun string) string {
	if fmt.Sprint(n) == "1" {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}
