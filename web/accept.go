package web

import (
	"cmp"
	"context"
	"encoding/hex"
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

const (
	acceptPath = "accept"
	maxAccept  = 128 << 10 // bytes of the form: a long name of a run and a long note, each byte as %XX
)

// acceptForm is what the form on the page of a run has. It is nil where the reader may accept nothing, or nothing is worse.
type acceptForm struct {
	Run   string
	Named bool       // the reader's token has a name
	Tests []*finding // functions: only the file of a module is chosen, by accept --part
}

// Key is how the form names the test of a finding. The names themselves may be long, and what is no Unicode in them does not
// survive a browser.
func (f *finding) Key() string { return formKey(&f.Result) }

func formKey(r *monitor.Result) string {
	h := monitor.HashOf(r.ItemPath, r.ItemVariant)
	return hex.EncodeToString(h[:16])
}

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
	data.MayUndo = httpd.RequireScope(v.Context, monitor.ScopeAdmin) == nil
	form, worse := &acceptForm{Run: data.Run.ID, Named: httpd.NameOf(v.Context) != ""}, false
	for _, f := range data.Found {
		worse = worse || f.Status == monitor.StatusRegression
		if f.Status == monitor.StatusRegression && f.ItemVariant != "" {
			form.Tests = append(form.Tests, f)
		}
	}
	if data.MayUndo && worse && data.Run.Status != judging {
		data.Accept = form
	}
	return nil
}

// accept takes the form: it accepts regressions of a run, or takes an acceptance back.
func (p *Pages) accept(c *gin.Context) {
	project, run, err := c.Param("project"), "", readForm(c, maxAccept)
	var versions map[string]int64 // before, since judging again may be quick
	if err == nil {
		run = c.PostForm("run")
		versions, err = p.parts.Store.ReportVersions(c.Request.Context(), project, []string{run})
	}
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
	scope, err := p.chosen(ctx, project, run, c.PostForm("test"))
	if err != nil {
		return err
	}
	_, err = p.parts.Accepter.Accept(ctx, monitor.AcceptQuery{Project: project, Run: run, Note: c.PostForm("note"),
		AcceptedScope: scope, By: cmp.Or(httpd.NameOf(c), c.PostForm("by"))})
	return err
}

// chosen returns the test of the kept report on a run that a key names.
func (p *Pages) chosen(ctx context.Context, project, run, key string) (all monitor.AcceptedScope, err error) {
	if key == "all=1" {
		return all, nil
	}
	r, err := p.report(ctx, project, run)
	if err != nil {
		return all, err
	}
	if r != nil {
		for i := range r.Results {
			if test := (monitor.AcceptedScope{ItemPath: r.Results[i].ItemPath, ItemVariant: r.Results[i].ItemVariant}); test != all &&
				formKey(&r.Results[i]) == key {
				return test, nil
			}
		}
	}
	return all, &monitor.Error{Code: monitor.EInvalid, Message: "this cannot be accepted", Fields: map[string]string{
		"test": "expected all=1, or the key of a test function of the report. The report may have changed, so load the page of the run again. " +
			"pymon-bridge accept --part accepts the file of a module"}}
}
