package api

import (
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// gateHeader is the name of the header with the [monitor.Gate] of a report. A pipeline can use it without a JSON parser.
const gateHeader = "Pymon-Bridge-Gate"

// PrinterOf returns the printer for the parameters of a query. bridge is the address that links to pages begin with; "" for no
// links. It fails with EInvalid and names the wrong parameter.
type PrinterOf func(query url.Values, bridge string) (monitor.ReportPrinter, error)

func (a *API) regressionRoutes() []route {
	return []route{{
		path: "/regressions/", summary: "Report on a run: which tests became slower or use more memory, and since which commit",
		answer: "Report",
		query:  []string{"project", "asked_run", "scm_ref", "head", "branch", "report_format", "fail_on", "all", "result_variant"},
		handle: handler(a.answerRegressions),
	}}
}

// latest is the value of the parameter run for the run that started last.
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
	printer, err := a.parts.Printer(query, a.server.PagesURL(c))
	if err != nil {
		return err
	}
	q := monitor.JudgeQuery{Project: project, Run: c.Query("run"), ScmRef: c.Query("scm_ref"), All: printer.All()}
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
		return a.withProjects(c, project, err)
	}
	return answerReport(c, printer, report)
}

// answerReport answers with a report and its gate.
func answerReport(c *gin.Context, printer monitor.ReportPrinter, report *monitor.Report) error {
	c.Header(gateHeader, string(printer.Gate(report)))
	b := newBody(c, printer.ContentType(), streamLimit)
	if err := printer.Print(b, report); err != nil {
		return err
	}
	return b.finish()
}

// maxProjects is how many projects an error names.
const maxProjects = 10

// withProjects adds to the error that nothing was found the projects that there are, where the project has nothing at all. It
// does so for those who may know them.
func (a *API) withProjects(c *gin.Context, project string, err error) error {
	if monitor.ErrorCode(err) != monitor.ENotFound || !httpd.ListsProjects(c) {
		return err
	}
	own, listErr := a.parts.Store.CountNames(c.Request.Context(), monitor.NameQuery{Of: monitor.Projects, Project: project})
	if listErr != nil || own > 0 {
		return err
	}
	var names []string
	for name, listErr := range a.parts.Store.Names(c.Request.Context(), monitor.NameQuery{Of: monitor.Projects}, monitor.Page{Limit: maxProjects}) {
		if listErr != nil {
			return err
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return err
	}
	there := "there is the project"
	if len(names) > 1 {
		there = "there are the projects"
	}
	return monitor.Errorf(monitor.ENotFound, "%w; %s %s", err, there, strings.Join(names, ", "))
}

// readQuery parses a query. It refuses an empty scm_ref or run: an unset variable of a pipeline makes them empty, and then
// the last run of somebody else would be judged.
func readQuery(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, monitor.Errorf(monitor.EInvalid, "the query cannot be read: %w", err)
	}
	for name, value := range map[string]string{"scm_ref": "commit", "run": "id of a run"} {
		if query.Has(name) && query.Get(name) == "" {
			return nil, &monitor.Error{Code: monitor.EInvalid, Message: "empty parameter", Fields: map[string]string{
				name: "expected the " + value + "; without the parameter the last run is judged"}}
		}
	}
	return query, nil
}

// askedProject returns the project to judge: the project of the path or token, else of the query, else
// [monitor.DefaultProject].
func (a *API) askedProject(c *gin.Context) (string, error) {
	own, asked := httpd.ReadProject(c), c.Query("project")
	switch {
	case asked != "" && !monitor.ValidProject(asked):
		return "", &monitor.Error{Code: monitor.EInvalid, Message: "no such project", Fields: map[string]string{
			"project": "expected 1 to 64 letters, digits, dots, underscores and hyphens"}}
	case own != "" && asked != "" && own != asked:
		return "", monitor.Errorf(monitor.EForbidden, "this address or token is for project %q only", own)
	case own != "":
		return own, nil
	case asked != "":
		return asked, nil
	default:
		return monitor.DefaultProject, nil
	}
}

// Write implements [io.Writer], for printers.
func (b *body) Write(p []byte) (int, error) {
	b.data = append(b.data, p...)
	return len(p), b.sendIfFull()
}
