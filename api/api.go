package api

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
)

// DefaultPageSize is the number of elements on a page, as in the reference server. Some of its clients read only the first
// page and rely on this size.
const DefaultPageSize = 500

// Parts has the parts of an [API]. All are required.
type Parts struct {
	Store    monitor.Store
	Metadata monitor.MetadataStore // answers the lookups of pytest-monitor
	Judge    monitor.Judge
	Reports  Reports // the kept reports
	Drift    monitor.DriftStore
	Accepter monitor.Accepter
	Printer  PrinterOf // writes the reports of Judge, and kept ones
	Log      *slog.Logger
}

// Reports has the kept reports. [monitor.ReportStore] implements it.
type Reports interface {
	Report(ctx context.Context, project, run string) (*monitor.Report, error)
}

// API answers the read routes. The exported fields may be changed before the first request.
type API struct {
	PageSize int64        // elements on a page; at least 1
	Turns    *turns.Queue // limit how many lists are read at once

	parts  Parts
	server *httpd.Server
}

// New returns an API with the default page size. As many lists are read at once as half of the machine can read.
func New(parts Parts) *API { return &API{PageSize: DefaultPageSize, Turns: newTurns(), parts: parts} }

// Mount adds all routes to a server, below the base paths that end in /api/v1. The lookups of pytest-monitor are also
// below the other base paths.
func (a *API) Mount(s *httpd.Server) {
	a.server = s
	for _, base := range httpd.APIBases {
		docs := s.Routes(base, monitor.ScopeRead, monitor.ScopeWrite)
		for _, part := range []struct {
			group  *gin.RouterGroup
			routes []route
		}{{docs, a.documentRoutes()}, {s.Data(base, monitor.ScopeRead), a.readRoutes()}, {lookups(s, base), a.lookupRoutes()}} {
			register(part.group, part.routes)
			for _, alias := range aliases(base) {
				register(part.group.Group(alias, removeAlias(base, alias)), part.routes)
			}
		}
	}
	for _, base := range httpd.APIBases {
		a.mountAcceptances(s.Data(base, monitor.ScopeAdmin))
	}
	for _, base := range httpd.RootBases {
		register(lookups(s, base), a.lookupRoutes())
	}
}

// lookups returns a group for the routes that pytest-monitor needs beside those for its records.
func lookups(s *httpd.Server, base string) *gin.RouterGroup {
	return s.Data(base, monitor.ScopeWrite, monitor.ScopeRead)
}

// register adds routes with and without a final slash, because a redirect would cost the client a second request.
func register(r gin.IRouter, routes []route) {
	for _, route := range routes {
		path := strings.TrimSuffix(route.path, "/")
		r.GET(path, route.handle)
		r.GET(path+"/", route.handle)
		for _, p := range literalPaths(path) {
			r.GET(p.path, setParam(p.param, p.value), route.handle)
			r.GET(p.path+"/", setParam(p.param, p.value), route.handle)
		}
	}
}

// handler makes a Gin handler from a function that returns an error. If the client went away, it adds the error of the
// request's context, because the store may return another error.
func handler(answer func(c *gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := answer(c); err != nil {
			httpd.Fail(c, errors.Join(err, c.Request.Context().Err()))
		}
	}
}
