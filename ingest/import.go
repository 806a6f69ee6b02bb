package ingest

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// imported is the answer to rows of an import: how many were new, how many were stored before, and how many of these differ
// from what stays, by class.
type imported struct {
	New     map[monitor.Class]int `json:"new"`
	Repeats map[monitor.Class]int `json:"repeats"`
	Differ  map[monitor.Class]int `json:"differ"`
}

// postImport accepts a list of imported records in one transaction, or none of them. They are nothing new, so no hook is
// called. The parameter timezone names the zone of the clocks behind times without one. With dry_run=true nothing is stored.
func (h *Handler) postImport(c *gin.Context, b *buffer) error {
	recs, err := h.decodeImport(c, b.data)
	if err != nil {
		return err
	}
	if httpd.ReadsAll(c) { // tokens separate projects
		if err := h.findProjects(c.Request.Context(), recs); err != nil {
			return err
		}
	}
	dry, err := dryRun(c)
	if err != nil {
		return err
	}
	journal := h.parts.Import
	if dry {
		journal = h.parts.Try
	}
	if err := journal.Append(context.WithoutCancel(c.Request.Context()), recs...); err != nil {
		return err
	}
	answer := imported{map[monitor.Class]int{}, map[monitor.Class]int{}, map[monitor.Class]int{}}
	for _, rec := range recs {
		if rec.Repeat {
			answer.Repeats[rec.Class()]++
		} else {
			answer.New[rec.Class()]++
		}
		if rec.Differs {
			answer.Differ[rec.Class()]++
		}
		switch {
		case dry:
		case rec.Context != nil:
			h.parts.Cache.PutContext(rec.Project, rec.Context)
		case rec.Session != nil:
			h.parts.Cache.PutSession(rec.Project, rec.Session)
		}
	}
	b.data, err = json.Marshal(answer)
	return err
}

// findProjects gives the records of a session that is stored already the project of that session. Otherwise a session that pytest
// sent to another project would be stored twice. A context that is stored in any project gets that project, since it needs no
// second one. Records that another bridge has placed keep the project of that bridge.
func (h *Handler) findProjects(ctx context.Context, recs []*monitor.Record) error {
	projects := map[string]string{} // by session
	for _, rec := range recs {
		if rec.Placed() {
			continue
		}
		class, hash := monitor.ClassSession, ""
		switch {
		case rec.Context != nil:
			class, hash = monitor.ClassContext, rec.Context.H
		case rec.Session != nil:
			hash = rec.Session.SessionH
		default:
			hash = rec.Measured().SessionH
		}
		project, ok := projects[hash]
		if !ok || class == monitor.ClassContext {
			var err error
			if project, err = h.parts.Projects.ProjectOf(ctx, class, hash, rec.Project); err != nil {
				return err
			}
		}
		if class == monitor.ClassSession {
			projects[hash] = project
		}
		if project != "" {
			rec.Project = project
		}
	}
	return nil
}

func dryRun(c *gin.Context) (bool, error) {
	text, ok := c.GetQuery("dry_run")
	if !ok {
		return false, nil
	}
	dry, err := strconv.ParseBool(text)
	if err != nil {
		return false, invalid("dry_run", "expected true or false")
	}
	return dry, nil
}

func invalid(field, problem string) error {
	return &monitor.Error{Code: monitor.EInvalid, Message: "invalid import", Fields: map[string]string{field: problem}}
}

// decodeImport reads the rows.
func (h *Handler) decodeImport(c *gin.Context, body []byte) ([]*monitor.Record, error) {
	base := monitor.Record{Project: h.base(c).Project, Received: h.Now(), Import: &monitor.Import{}}
	if name := c.Query("timezone"); name != "" {
		zone, err := monitor.ParseZone(name)
		if err != nil {
			return nil, invalid("timezone", err.Error())
		}
		base.Import.Zone = zone
	}
	rows, err := wire.Rows(body)
	switch {
	case err != nil:
		return nil, err
	case rows == nil:
		return nil, invalid("", "expected a list of rows")
	}
	wrong := &monitor.Error{Code: monitor.EInvalid, Message: "invalid import, nothing is stored", Fields: map[string]string{}}
	recs := make([]*monitor.Record, len(rows))
	for i, row := range rows {
		if recs[i], err = wire.DecodeImported(base, row); err == nil {
			err = recs[i].NotAhead(base.Received)
		}
		if err != nil {
			addProblems(wrong.Fields, i, err)
		}
	}
	if len(wrong.Fields) > 0 {
		return nil, wrong
	}
	return recs, nil
}
