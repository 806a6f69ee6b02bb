package api

import (
	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

func (a *API) contextRoutes() []route {
	return []route{
		listRoute(a, "/contexts/", "All contexts", "Contexts", listQuery, a.contexts),
		countRoute("/contexts/count", "Number of contexts", a.contexts),
	}
}

// contexts returns the contexts for a request. The path may have the beginning of a hash.
func (a *API) contexts(c *gin.Context) list[*monitor.Context] {
	q := monitor.ContextQuery{Project: httpd.ReadProject(c), HashPrefix: c.Param("h")}
	return newList("contexts", q, a.parts.Store.Contexts, a.parts.Store.CountContexts, wire.AppendContext, contextTable())
}
