package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

const (
	acceptancesPath = "/acceptances"
	maxAccept       = 64 << 10 // bytes of a body
)

func (a *API) acceptanceRoutes() []route {
	return []route{{path: acceptancesPath + "/", summary: "What was accepted: by whom, when and why; the newest first", answer: "Acceptances",
		query: []string{"project"}, handle: handler(a.answerAcceptances)}}
}

// mountAcceptances adds the routes that accept changes. Like all that changes how runs are judged, they need the scope admin.
func (a *API) mountAcceptances(r gin.IRouter) {
	for _, end := range [...]string{"", "/"} {
		r.POST(acceptancesPath+end, handler(a.postAcceptance))
		r.DELETE(acceptancesPath+"/:id"+end, handler(a.deleteAcceptance))
	}
}

// answerAcceptances lists what was accepted in a project.
func (a *API) answerAcceptances(c *gin.Context) error {
	project, err := a.askedProject(c)
	if err != nil {
		return err
	}
	all, err := a.parts.Accepter.Acceptances(c.Request.Context(), project)
	if err == nil {
		c.JSON(http.StatusOK, map[string]any{"acceptances": append([]monitor.Acceptance{}, all...)})
	}
	return err
}

// acceptBody is the body of a request to accept.
type acceptBody struct {
	Run     string  `json:"run"`
	Branch  *string `json:"branch"`
	Against string  `json:"against"`
	All     bool    `json:"all"`
	monitor.AcceptedScope
	Note string `json:"note"`
	By   string `json:"by"`
}

// postAcceptance accepts what a report on a run shows.
func (a *API) postAcceptance(c *gin.Context) error {
	data, err := httpd.ReadJSON(c.Request, nil, maxAccept)
	if err != nil {
		return err
	}
	var body acceptBody
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err = d.Decode(&body)
	if err == nil {
		if _, end := d.Token(); end != io.EOF {
			err = errors.New("there is something behind it")
		}
	}
	if err != nil {
		return monitor.Errorf(monitor.EInvalid, "expected one JSON object with note, and all, part, or item_path and item_variant: %w", err)
	}
	if chosen := body.AcceptedScope != (monitor.AcceptedScope{}); chosen == body.All {
		return &monitor.Error{Code: monitor.EInvalid, Message: "this cannot be accepted", Fields: map[string]string{
			"all": "expected true, or a part, or item_path and item_variant of a test, and not both"}}
	}
	project, err := a.askedProject(c)
	if err != nil {
		return err
	}
	accepted, err := a.parts.Accepter.Accept(c.Request.Context(), monitor.AcceptQuery{Project: project, Run: body.Run, Branch: body.Branch,
		Against: body.Against, AcceptedScope: body.AcceptedScope, Note: body.Note,
		By: cmp.Or(httpd.NameOf(c), body.By, httpd.ClientOf(c.Request))})
	if err == nil {
		c.JSON(http.StatusCreated, accepted)
	}
	return a.withProjects(c, project, err)
}

func (a *API) deleteAcceptance(c *gin.Context) error {
	project, err := a.askedProject(c)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return monitor.Errorf(monitor.ENotFound, "there is no acceptance %q: expected a number", c.Param("id"))
	}
	gone, err := a.parts.Accepter.Unaccept(c.Request.Context(), project, id)
	if err == nil {
		c.JSON(http.StatusOK, gone)
	}
	return err
}
