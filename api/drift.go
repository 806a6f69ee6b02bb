package api

import (
	"encoding/json"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

func (a *API) driftRoutes() []route {
	return []route{{
		path: "/drift/", summary: "Tests and parts of a suite that grow slowly, as the last kept reports of a branch say", answer: "Drift",
		query: []string{"project", "of_branch", "drift_env", "drift_since"}, handle: handler(a.answerDrift),
	}}
}

// answerDrift lists slow growth. It judges nothing.
func (a *API) answerDrift(c *gin.Context) error {
	project, err := a.askedProject(c)
	if err != nil {
		return err
	}
	q := monitor.DriftQuery{Project: project, Env: c.Query("env")}
	if branch, ok := c.GetQuery("branch"); ok {
		q.Branch = &branch
	}
	if text, ok := c.GetQuery("since"); ok {
		since, err := monitor.ParseTime(text)
		if err != nil {
			return &monitor.Error{Code: monitor.EInvalid, Message: "invalid query", Fields: map[string]string{"since": err.Error()}}
		}
		q.Since = since.At(since.Offset).Time()
	}
	found, err := a.parts.Drift.ListDrift(c.Request.Context(), q)
	if err != nil {
		return err
	}
	b := newBody(c, jsonType, streamLimit)
	if err := json.NewEncoder(b).Encode(found); err != nil {
		return err
	}
	return b.finish()
}
