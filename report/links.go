package report

import (
	"cmp"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// The dashboards that reports link to.
const (
	overviewDashboard = "pymon-test-suite-overview"
	testDashboard     = "pymon-test"
)

// maxURL is the longest address that is linked. Some browsers and proxies refuse longer ones.
const maxURL = 2000

// links makes the addresses in a report. Each is empty where its base is not known.
type links struct {
	project, id     string
	sent            string     // page of the run
	of              url.Values // what the report is about
	against         string     // branch of the baseline; empty where it is the run's own
	bridge, grafana *url.URL
	from, to        time.Time
}

func newLinks(r *monitor.Report, o Options) links {
	const before = 30 * 24 * time.Hour
	l := links{of: about(r), project: r.Project, id: r.Run, sent: r.Page, bridge: base(o.BridgeURL), grafana: base(o.GrafanaURL)}
	if r.Against != r.Branch {
		l.against = r.Against
	}
	if !r.Started.IsZero() {
		l.from, l.to = r.Started.Add(-before), r.Started.Add(24*time.Hour)
	}
	return l
}

// about returns the parameters that ask for the report again: of the commit where several runs are in it.
func about(r *monitor.Report) url.Values {
	if len(r.Runs) < 2 {
		return url.Values{"run": {r.Run}}
	}
	query := url.Values{"scm_ref": {r.ScmRef}}
	if len(r.Branches) == 1 && r.Branch != "" {
		query.Set("head", r.Branch)
	}
	return query
}

// base returns an address of the web to build on, or nil.
func base(text string) *url.URL {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
}

// report returns where the bridge has the whole report, for people to read.
func (l links) report() string {
	if l.bridge == nil || !monitor.ValidProject(l.project) {
		return ""
	}
	u := l.bridge.JoinPath("p", l.project, "api", "v1", "regressions")
	query := maps.Clone(l.of)
	query.Set("all", "true")
	query.Set("format", string(Text))
	if l.against != "" {
		query.Set("branch", l.against)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

func (l links) run() string {
	if l.bridge == nil {
		return ""
	}
	return cmp.Or(l.again(l.sent), RunPage(l.bridge.String(), l.project, l.id))
}

// again returns a page that the bridge sent at the address that the reader knows, "" where it sent none. JSON has U+FFFD for what
// is no Unicode in a name, so the name does not tell the page. The bridge may not know its proxy.
func (l links) again(sent string) string {
	_, path, found := strings.Cut(sent, monitor.ProjectPath(l.project))
	if !found || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\`", r) }) {
		return ""
	}
	return page(l.bridge.String(), l.project, monitor.ProjectPath(l.project)+path)
}

// saysMore says whether the whole report has more than the page of the run, which shows the run alone, judged by its own branch.
func (l links) saysMore() bool { return l.of.Has("scm_ref") || l.against != "" }

// testPage returns the page of a test on its class of machine.
func (l links) testPage(r *monitor.Result) string {
	if l.bridge == nil {
		return ""
	}
	return cmp.Or(l.again(r.Page), TestPage(l.bridge.String(), l.project, r.TestID))
}

// test returns where a reader of Markdown sees the history of a test: in Grafana where that is known, else on the page.
func (l links) test(r *monitor.Result) string {
	if l.grafana == nil {
		return l.testPage(r)
	}
	return l.testDashboard(r)
}

// ProjectPage returns the address of a project's page on a bridge, RunPage that of a run, and TestPage that of a test. Each is ""
// where there can be none.
func ProjectPage(bridge, project string) string {
	return page(bridge, project, monitor.ProjectPath(project))
}

// RunPage is described at [ProjectPage].
func RunPage(bridge, project, run string) string {
	if run == "" {
		return ""
	}
	return page(bridge, project, monitor.RunPath(project, run))
}

// TestPage is described at [ProjectPage]. Without a class of machine the page shows the one that measured the test last.
func TestPage(bridge, project string, test monitor.TestID) string {
	return page(bridge, project, monitor.TestPath(project, test))
}

func page(bridge, project, path string) string {
	u := base(bridge)
	if u == nil || !monitor.ValidProject(project) {
		return ""
	}
	return monitor.PageURL(u.String(), path)
}

// testDashboard returns the dashboard of a test on its class of machine, in the month before the run. Dashboards choose by the tags in
// InfluxDB. A text that is so long that InfluxDB has only a part of it makes an address that is too long to link.
func (l links) testDashboard(r *monitor.Result) string {
	return l.dashboard(testDashboard, url.Values{
		"var-env": {monitor.EncodeText(r.Env)}, "var-module": {monitor.EncodeText(r.ItemPath)}, "var-test": {monitor.EncodeText(variant(r))},
	})
}

func (l links) dashboard(uid string, query url.Values) string {
	if l.grafana == nil {
		return ""
	}
	query.Set("var-project", l.project)
	if !l.from.IsZero() {
		query.Set("from", strconv.FormatInt(l.from.UnixMilli(), 10))
		query.Set("to", strconv.FormatInt(l.to.UnixMilli(), 10))
	}
	u := l.grafana.JoinPath("d", uid)
	u.RawQuery = query.Encode()
	return u.String()
}

// wrap makes Markdown a link. [url.Values] and [url.URL] escape everything that ends a target in angle brackets.
func (l links) wrap(target, markdown string) string {
	if target == "" || len(target) > maxURL || strings.ContainsAny(target, "<>|\\` \n") {
		return markdown
	}
	return "[" + markdown + "](<" + target + ">)"
}
