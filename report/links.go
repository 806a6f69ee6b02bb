package report

import (
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

// maxURL is the longest address that is linked: readers' browsers and proxies take no longer ones for certain.
const maxURL = 2000

// links makes the addresses in a report. Each is empty where its base is not known.
type links struct {
	run, project    string
	bridge, grafana *url.URL
	from, to        time.Time
}

func newLinks(r *monitor.Report, o Options) links {
	const before = 30 * 24 * time.Hour
	l := links{run: r.Run, project: r.Project, bridge: base(o.BridgeURL), grafana: base(o.GrafanaURL)}
	if !r.Started.IsZero() {
		l.from, l.to = r.Started.Add(-before), r.Started.Add(24*time.Hour)
	}
	return l
}

// base returns an address of the web to build on, or nil.
func base(text string) *url.URL {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
}

// report returns where the bridge has the whole report.
func (l links) report() string {
	if l.bridge == nil || !monitor.ValidProject(l.project) {
		return ""
	}
	u := l.bridge.JoinPath("p", l.project, "api", "v1", "regressions")
	u.RawQuery = url.Values{"run": {l.run}, "all": {"true"}}.Encode()
	return u.String()
}

// overview returns the dashboard of the project.
func (l links) overview() string { return l.dashboard(overviewDashboard, url.Values{}) }

// test returns the dashboard of a test on its class of machine, in the month before the run.
func (l links) test(r *monitor.Result) string {
	return l.dashboard(testDashboard, url.Values{
		"var-env": {r.Env}, "var-component": {r.Component}, "var-test": {variant(r)},
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

// wrap makes Markdown a link. Nothing that [url.Values] and [url.URL] leave as it is ends a target in angle brackets.
func (l links) wrap(target, markdown string) string {
	if target == "" || len(target) > maxURL || strings.ContainsAny(target, "<>|\\` \n") {
		return markdown
	}
	return "[" + markdown + "](<" + target + ">)"
}
