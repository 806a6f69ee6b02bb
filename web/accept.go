package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

const acceptPath = "accept"

// acceptForm is what the form on the page of a run has. It is nil where the reader may accept nothing, or nothing is worse.
type acceptForm struct {
	Run   string
	Named bool // the reader's token has a name
	Tests []*finding
}

// Key is how the form names the test of a finding.
func (f *finding) Key() string {
	return url.Values{"path": {f.ItemPath}, "name": {f.ItemVariant}}.Encode()
}

// mayAccept says whether the reader may accept something.
func mayAccept(c *gin.Context) bool { return httpd.RequireScope(c, monitor.ScopeAdmin) == nil }

// fillAccepted adds what was accepted with the run, and the form.
func (p *Pages) fillAccepted(ctx context.Context, v *visit, data *runPage) error {
	all, err := p.parts.Accepter.Acceptances(ctx, v.Project)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Run == data.Run.ID {
			data.Accepted = append(data.Accepted, a)
		}
	}
	data.MayUndo = mayAccept(v.Context)
	form := &acceptForm{Run: data.Run.ID, Named: httpd.NameOf(v.Context) != ""}
	for _, f := range data.Found {
		if f.Status == monitor.StatusRegression {
			form.Tests = append(form.Tests, f)
		}
	}
	if data.MayUndo && len(form.Tests) > 0 && data.Run.Status != judging {
		data.Accept = form
	}
	return nil
}

// accept takes the form: it accepts regressions of a run, or takes an acceptance back.
func (p *Pages) accept(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxForm)
	project, run := c.Param("project"), c.PostForm("run")
	versions, err := p.parts.Store.ReportVersions(c.Request.Context(), project, []string{run}) // judging again may be quick
	if err == nil {
		err = p.acceptOrUndo(c, project, run)
	}
	if err != nil {
		httpd.Fail(c, err)
		return
	}
	p.rejudged.expect(project, run, versions[run], p.Now())
	redirect(c, monitor.RunPath(project, run))
}

func (p *Pages) acceptOrUndo(c *gin.Context, project, run string) error {
	ctx := c.Request.Context()
	if undo := c.PostForm("undo"); undo != "" {
		id, err := strconv.ParseInt(undo, 10, 64)
		if err != nil {
			err = monitor.Errorf(monitor.EInvalid, "undo: expected the number of an acceptance")
		} else {
			_, err = p.parts.Accepter.Unaccept(ctx, project, id)
		}
		return err
	}
	if run == "" {
		return &monitor.Error{Code: monitor.EInvalid, Message: "this cannot be accepted", Fields: map[string]string{"run": "expected the id of a run"}}
	}
	test, err := url.ParseQuery(c.PostForm("test"))
	if err != nil {
		return monitor.Errorf(monitor.EInvalid, "the test cannot be read: %w", err)
	}
	_, err = p.parts.Accepter.Accept(ctx, monitor.AcceptQuery{Project: project, Run: run, Note: c.PostForm("note"),
		AcceptedScope: monitor.AcceptedScope{ItemPath: test.Get("path"), ItemVariant: test.Get("name")},
		By:            cmp.Or(httpd.NameOf(c), c.PostForm("by"))})
	return err
}
