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
	"spark": spark, "bar": bar, "thousands": thousands, "span": span, "sign": sign, "word": word, "title": title,
	"count": count, "short": short, "histogram": histogram,
	"add":  func(a, b int) int { return a + b },
	"size": size, "metric": metricTitle,
	"when": func(t time.Time) string { return t.Format("2 Jan 2006, 15:04") + " UTC" },
	"part": func(f *frame, rows any) part { return part{f, rows} },
}).ParseFS(templateFiles, "templates/*.html"))

// frame is what every template gets: the data of its page, and what all pages have.
type frame struct {
	*view
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

// part is what a template gets that several pages have.
type part struct {
	*frame
	Rows any
}

func (p *Pages) frame(v *visit, found *view) (*frame, error) {
	f := &frame{view: found, Project: v.Project, Version: p.parts.Version, words: p.parts.Words, prefix: httpd.LinkPrefix(v.Context),
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

// Asset returns the address of a file.
func (f *frame) Asset(name string) string { return f.prefix + assetPath(name) }

// Home returns the address of the first page.
func (f *frame) Home() string { return f.prefix + "/" }

// To returns the address of a path outside projects.
func (f *frame) To(path string) string { return f.prefix + path }

// In returns the address of a place of a project.
func (f *frame) In(project, place string) string {
	return f.prefix + "/p/" + url.PathEscape(project) + "/" + place
}

// Run returns the address of a run.
func (f *frame) Run(id string) string { return f.prefix + monitor.RunPath(f.Project, id) }

// Test returns the address of a test on a class of machine.
func (f *frame) Test(s monitor.Series, env string) string {
	return f.prefix + monitor.TestPath(f.Project, s.ID(env))
}

// With returns the address of the same page in another state: pairs of name and value.
func (f *frame) With(pairs ...string) string { return f.state.with(pairs...) }

// Default returns the value that a parameter has when it is left out.
func (f *frame) Default(name string) string { return f.state.defaults[name] }

// State returns the value of a parameter, if it is not the default.
func (f *frame) State(name string) string {
	if value := f.state.values.Get(name); value != f.state.defaults[name] {
		return value
	}
	return ""
}

// Amount returns a value of a metric with its unit.
func (f *frame) Growth(metric string, d *monitor.Drift) string { return f.words.Growth(metric, d) }

// Amount returns a value of a metric with its unit.
func (f *frame) Amount(metric string, value monitor.Number) string {
	return f.words.Amount(metric, float64(value))
}

// Span returns a sum of times in words.
func (f *frame) Span(seconds any) string {
	if v, ok := seconds.(monitor.Number); ok {
		return spanOf(f.words, float64(v))
	}
	return spanOf(f.words, seconds.(float64))
}

// Ratio returns a ratio as ×1.50.
func (f *frame) Ratio(ratio monitor.Number) string { return f.words.Ratio(float64(ratio)) }

// Commit returns a short commit.
func (f *frame) Commit(ref string) string { return f.words.Commit(ref) }

// maxName is how many characters of a name are shown among others.
const maxName = 200

// Text returns a text from outside for readers, not longer than fits among others. Names differ at their ends.
func (f *frame) Text(s string) string {
	shown := []rune(f.words.Printable(s))
	if len(shown) > maxName {
		return string(shown[:maxName-60]) + "…" + string(shown[len(shown)-59:])
	}
	return string(shown)
}

// Label is Text for a name that is a link. A name of spaces only gets quotes, so that there is something to see.
func (f *frame) Label(name string) string {
	if shown := f.Text(name); strings.TrimSpace(shown) != "" {
		return shown
	}
	return `"` + f.Text(name) + `"`
}

// Whole returns a text from outside for readers, however long it is.
func (f *frame) Whole(s string) string { return f.words.Printable(s) }

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
