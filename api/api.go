package api

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// DefaultPageSize is how many elements a page has. Clients of the reference server count on it where they read one
// page only.
const DefaultPageSize = 500

// Parts are what an [API] is made of. All are required.
type Parts struct {
	Store    monitor.Store
	Metadata monitor.MetadataStore // answers pytest-monitor's lookups
	Judge    monitor.Judge
	Printer  PrinterOf // writes the judge's reports
	Log      *slog.Logger
}

// API answers the read routes. PageSize may be changed before the first request.
type API struct {
	PageSize int64 // elements of a page; above zero

	parts Parts
}

// New returns an API with the default size of a page.
func New(parts Parts) *API { return &API{PageSize: DefaultPageSize, parts: parts} }

// Mount adds every route to a server. They are below the base paths that end in /api/v1. The lookups of pytest-monitor
// are at the other base paths as well.
func (a *API) Mount(s *httpd.Server) {
	for _, base := range httpd.APIBases {
		docs, data := s.Routes(base), s.Data(base)
		register(docs, a.documentRoutes())
		register(data, a.dataRoutes())
		for _, again := range aliases(base) {
			register(docs.Group(again, unalias(base, again)), a.documentRoutes())
			register(data.Group(again, unalias(base, again)), a.dataRoutes())
		}
	}
	for _, base := range httpd.RootBases {
		register(s.Data(base), a.lookupRoutes())
	}
}

// register adds routes with and without a final slash: a redirect would only cost a second request.
func register(r gin.IRouter, routes []route) {
	for _, route := range routes {
		path := strings.TrimSuffix(route.path, "/")
		r.GET(path, route.handle)
		r.GET(path+"/", route.handle)
		for _, n := range namesakes(path) {
			r.GET(n.path, set(n.param, n.name), route.handle)
			r.GET(n.path+"/", set(n.param, n.name), route.handle)
		}
	}
}

// handler makes a handler for Gin of one that returns an error. When the client has gone away, the error says so, also
// where the store does not.
func handler(answer func(c *gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := answer(c); err != nil {
			httpd.Fail(c, errors.Join(err, c.Request.Context().Err()))
		}
	}
}
