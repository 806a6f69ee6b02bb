package api

import (
	"errors"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// DefaultPageSize is how many elements a page has. Clients of the reference server count on it where they read one
// page only.
const DefaultPageSize = 500

// API answers the read routes. PageSize may be changed before the first request.
type API struct {
	PageSize int64 // elements of a page; above zero

	store   monitor.Store
	judge   monitor.Judge
	printer PrinterOf
	project func(*gin.Context) string
}

// New returns an API over a store and a judge, whose reports are written down as printer says. project tells which
// project's data a request may read, "" for every project's.
func New(store monitor.Store, judge monitor.Judge, printer PrinterOf, project func(*gin.Context) string) *API {
	return &API{PageSize: DefaultPageSize, store: store, judge: judge, printer: printer, project: project}
}

// Register adds every route below r, except GET contexts/:h and sessions/:h: pytest-monitor asks there too, and
// whoever answers it passes the rest on to [API.Contexts] and [API.Sessions]. Handlers report failures by
// [gin.Context.Error] with a [monitor.Error], also in the midst of an answer, which then has to be cut off.
func (a *API) Register(r gin.IRouter) {
	base := r.Group("")
	routes := a.routes()
	for _, route := range routes {
		if !route.shared {
			register(base, route)
		}
	}
	for _, again := range aliases(base.BasePath()) {
		alias := base.Group(again, unalias(base.BasePath(), again))
		for _, route := range routes {
			register(alias, route)
		}
	}
}

// register adds a route with and without a final slash: a redirect would only cost a second request.
func register(r gin.IRouter, route route) {
	path := strings.TrimSuffix(route.path, "/")
	r.GET(path, route.handle)
	r.GET(path+"/", route.handle)
	for _, n := range namesakes(path) {
		r.GET(n.path, set(n.param, n.name), route.handle)
		r.GET(n.path+"/", set(n.param, n.name), route.handle)
	}
}

// handler makes a handler for Gin of one that returns an error. Where the client is gone, that is the reason, whatever
// the store calls it.
func handler(answer func(c *gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := answer(c); err != nil {
			_ = c.Error(errors.Join(err, c.Request.Context().Err())) // returns its argument
			c.Abort()
		}
	}
}
