package api

import (
	"context"
	"iter"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

func (a *API) contextRoutes() []route {
	byHash := listRoute(a, "/contexts/:h", "Contexts whose hash begins with a text", "Contexts", a.contexts)
	byHash.shared = true
	return []route{
		listRoute(a, "/contexts/", "All contexts", "Contexts", a.contexts),
		byHash,
		countRoute("/contexts/count", "Number of contexts", func(c *gin.Context) (int64, error) {
			return a.store.CountContexts(c.Request.Context(), monitor.ContextQuery{Project: a.project(c)})
		}),
	}
}

// Contexts answers GET contexts/:h with the contexts whose hash begins with that text.
func (a *API) Contexts(c *gin.Context) {
	handler(func(c *gin.Context) error { return answerList(c, a.PageSize, a.contexts(c)) })(c)
}

// contexts is the list that answers a request, by the beginning of a hash if it names one.
func (a *API) contexts(c *gin.Context) list[*monitor.Context] {
	q := monitor.ContextQuery{Project: a.project(c), HashPrefix: c.Param("h")}
	return list[*monitor.Context]{
		key: "contexts",
		rows: func(ctx context.Context, p monitor.Page) iter.Seq2[*monitor.Context, error] {
			return a.store.Contexts(ctx, q, p)
		},
		count: func(ctx context.Context) (int64, error) { return a.store.CountContexts(ctx, q) },
		json:  wire.AppendContext,
		table: contextTable(),
	}
}
