package api

import (
	"context"
	"iter"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

func (a *API) sessionRoutes() []route {
	flagged := func(path, summary string) route {
		r := listRoute(a, path, summary, "Sessions", func(c *gin.Context) list[*monitor.Session] {
			return a.sessions(a.flaggedSessions(c))
		})
		r.query = flagQuery
		return r
	}
	byHash := flagged("/sessions/:h", "Sessions whose hash begins with a text")
	byHash.shared, byHash.handle = true, a.Sessions
	return []route{
		flagged("/sessions/", "All sessions, or those with tags"),
		byHash,
		countRoute("/sessions/count", "Number of sessions", func(c *gin.Context) (int64, error) {
			return a.store.CountSessions(c.Request.Context(), monitor.SessionQuery{Project: a.project(c)})
		}),
		listRoute(a, "/filters/scm/:ref/sessions", "Sessions of commits that begin with a text", "Sessions",
			func(c *gin.Context) list[*monitor.Session] {
				commit := monitor.Match{Field: monitor.FieldScmRef, How: monitor.HasPrefix, Text: c.Param("ref")}
				return a.sessions(monitor.SessionQuery{Project: a.project(c), ScmRef: &commit})
			}),
	}
}

// Sessions answers GET sessions/:h with the sessions whose hash begins with that text, filtered by flags.
func (a *API) Sessions(c *gin.Context) {
	handler(func(c *gin.Context) error { return answerList(c, a.PageSize, a.sessions(a.flaggedSessions(c))) })(c)
}

func (a *API) sessions(q monitor.SessionQuery) list[*monitor.Session] {
	return list[*monitor.Session]{
		key: "sessions",
		rows: func(ctx context.Context, p monitor.Page) iter.Seq2[*monitor.Session, error] {
			return a.store.Sessions(ctx, q, p)
		},
		count: func(ctx context.Context) (int64, error) { return a.store.CountSessions(ctx, q) },
		json:  wire.AppendSession,
		table: sessionTable(),
	}
}

// flaggedSessions is the question of a request for sessions by the beginning of their hash, if it names one, and by
// flags: names of tags, and in the same order the values they have to have, none for any.
func (a *API) flaggedSessions(c *gin.Context) monitor.SessionQuery {
	q := monitor.SessionQuery{Project: a.project(c), HashPrefix: c.Param("h")}
	names := c.Query("with_flags")
	if names == "" {
		names = c.Query("with_tags") // what monitor_api calls them
	}
	if names == "" {
		return q
	}
	values := strings.Split(c.Query("restrict_flags"), ",")
	for i, name := range strings.Split(names, ",") {
		tag := monitor.TagMatch{Name: name}
		if i < len(values) {
			tag.Value = values[i]
		}
		q.Tags = append(q.Tags, tag)
	}
	q.AnyTag = c.DefaultQuery("method", matchAny) == matchAny
	return q
}

// matchAny is the method by which one flag suffices. By any other all have to hold, as at the reference server.
const matchAny = "match_any"
