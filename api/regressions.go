package api

import (
	"net/url"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// gateHeader tells a pipeline without a JSON parser what to do: the text of a [monitor.Gate].
const gateHeader = "Pymon-Bridge-Gate"

// PrinterOf returns how a query wants its report. Fails with EInvalid, naming the parameter.
type PrinterOf func(query url.Values) (monitor.ReportPrinter, error)

func (a *API) regressionRoutes() []route {
	return []route{{
		path: "/regressions/", summary: "What became slower or hungrier in a run, and since which commit", answer: "Report",
		query:  []string{"project", "asked_run", "scm_ref", "head", "branch", "report_format", "fail_on", "all"},
		handle: handler(a.answerRegressions),
	}}
}

// latest names the run that started last.
const latest = "latest"

// answerRegressions judges a run.
func (a *API) answerRegressions(c *gin.Context) error {
	project, err := a.askedProject(c)
	if err != nil {
		return err
	}
	query, err := readQuery(c.Request.URL.RawQuery)
	if err != nil {
		return err
	}
	printer, err := a.parts.Printer(query)
	if err != nil {
		return err
	}
	q := monitor.JudgeQuery{Project: project, Run: c.Query("run"), ScmRef: c.Query("scm_ref")}
	if q.Run == latest {
		q.Run = ""
	}
	if head, ok := c.GetQuery("head"); ok {
		q.Head = &head
	}
	if branch, ok := c.GetQuery("branch"); ok {
		q.Branch = &branch
	}
	report, err := a.parts.Judge.Judge(c.Request.Context(), q)
	if err != nil {
		return err
	}
	c.Header(gateHeader, string(printer.Gate(report)))
	b := newBody(c, printer.ContentType(), streamLimit)
	if err := printer.Print(b, report); err != nil {
		return err
	}
	return b.end()
}

// readQuery reads a query. It refuses one that cannot be read, or that names an empty commit or run, as an unset variable of
// a pipeline does: otherwise anybody's last run would be judged instead.
func readQuery(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, monitor.Errorf(monitor.EInvalid, "the query cannot be read: %w", err)
	}
	for name, of := range map[string]string{"scm_ref": "commit", "run": "id of a run"} {
		if query.Has(name) && query.Get(name) == "" {
			return nil, &monitor.Error{Code: monitor.EInvalid, Message: "no run is named", Fields: map[string]string{
				name: "expected the " + of + ", or no such parameter for the last run"}}
		}
	}
	return query, nil
}

// askedProject returns the project of a request: that of its path or token, else the one that the query names, else the one
// that clients without a project write to.
func (a *API) askedProject(c *gin.Context) (string, error) {
	own, asked := httpd.ReadProject(c), c.Query("project")
	switch {
	case asked != "" && !monitor.ValidProject(asked):
		return "", &monitor.Error{Code: monitor.EInvalid, Message: "no such project", Fields: map[string]string{
			"project": "expected 1 to 64 letters, digits, dots, underscores and hyphens"}}
	case own != "" && asked != "" && own != asked:
		return "", monitor.Errorf(monitor.EForbidden, "this address and its token are for project %q alone", own)
	case own != "":
		return own, nil
	case asked != "":
		return asked, nil
	default:
		return monitor.DefaultProject, nil
	}
}

// Write implements [io.Writer] on a body.
func (b *body) Write(p []byte) (int, error) {
	b.data = append(b.data, p...)
	return len(p), b.grown()
}
