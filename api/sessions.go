package api

import (
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

func (a *API) sessionRoutes() []route {
	return []route{
		listRoute(a, "/sessions/", "All sessions, or the sessions with certain tags", "Sessions", flagQuery, a.filteredSessions),
		countRoute("/sessions/count", "Number of sessions", func(c *gin.Context) list[*monitor.Session] {
			return a.sessions(monitor.SessionQuery{Project: httpd.ReadProject(c)})
		}),
		listRoute(a, "/filters/scm/:ref/sessions", "Sessions of commits that begin with a text", "Sessions", listQuery,
			func(c *gin.Context) list[*monitor.Session] {
				commit := monitor.Match{Field: monitor.FieldScmRef, How: monitor.HasPrefix, Text: c.Param("ref")}
				return a.sessions(monitor.SessionQuery{Project: httpd.ReadProject(c), ScmRef: &commit})
			}),
	}
}

func (a *API) sessions(q monitor.SessionQuery) list[*monitor.Session] {
	return newList("sessions", q, a.parts.Store.Sessions, a.parts.Store.CountSessions, wire.AppendSession, sessionTable())
}

// filteredSessions returns the sessions for a request. The path may have the beginning of a hash. The parameter with_flags
// has names of tags. The parameter restrict_flags has the required values of the tags, in the same order. An empty or
// missing value allows any value.
func (a *API) filteredSessions(c *gin.Context) list[*monitor.Session] {
	q := monitor.SessionQuery{Project: httpd.ReadProject(c), HashPrefix: c.Param("h")}
	names := c.Query("with_flags")
	if names == "" {
		names = c.Query("with_tags") // the name in monitor_api
	}
	if names == "" {
		return a.sessions(q)
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
	return a.sessions(q)
}

// matchAny is the method with which one matching flag is enough. With any other method all flags must match, as in the
// reference server.
const matchAny = "match_any"
