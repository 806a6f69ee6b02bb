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

// contexts is the list that answers a request, by the beginning of a hash if it names one.
func (a *API) contexts(c *gin.Context) list[*monitor.Context] {
	q := monitor.ContextQuery{Project: httpd.ReadProject(c), HashPrefix: c.Param("h")}
	return newList("contexts", q, a.parts.Store.Contexts, a.parts.Store.CountContexts, wire.AppendContext, contextTable())
}
