package api

import (
	"io"
	"net/url"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// Printer writes a report in one format.
type Printer struct {
	ContentType string
	Print       func(w io.Writer, r *monitor.Report) error
	// Gate says what a pipeline should do about the report.
	Gate func(r *monitor.Report) Gate
}

// Gate is the decision for a pipeline, in a header, so that the pipeline needs no JSON parser.
type Gate string

// The decisions. They correspond to the exit statuses of `check`.
const (
	GatePass      Gate = "pass"
	GateFail      Gate = "fail"
	GateNotJudged Gate = "not_judged" // nothing of the run could be judged
)

const gateHeader = "Pymon-Bridge-Gate"

// PrinterOf returns the printer that a query asks for. Fails with EInvalid, naming the parameter.
type PrinterOf func(query url.Values) (Printer, error)

func (a *API) regressionRoutes() []route {
	return []route{{
		path: "/regressions/", summary: "What became slower or hungrier in a run, and since which commit", answer: "Report",
		query:  []string{"project", "asked_run", "scm_ref", "head", "branch", "report_format", "fail_on", "all"},
		handle: handler(a.answerRegressions),
	}}
}

// latest is the run that is asked for where none is named.
const latest = "latest"

// answerRegressions answers with the report on a run.
func (a *API) answerRegressions(c *gin.Context) error {
	project, err := a.judgedProject(c)
	if err != nil {
		return err
	}
	query, err := judgedQuery(c.Request.URL.RawQuery)
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
	b := newBody(c, printer.ContentType, streamLimit)
	if err := printer.Print(b, report); err != nil {
		return err
	}
	return b.end()
}

// judgedQuery reads a query strictly. A part that cannot be read, or an empty commit from a pipeline's unset variable,
// would otherwise be left out, and the last run of anybody would be judged instead.
func judgedQuery(raw string) (url.Values, error) {
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

// judgedProject returns the project of a request: that of its path or token, else that of the query, else
// [monitor.DefaultProject].
func (a *API) judgedProject(c *gin.Context) (string, error) {
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
