package ingest

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// Appender puts one record on stable storage, with the contract of [monitor.Journal.Append].
type Appender interface {
	Append(ctx context.Context, rec *monitor.Record) error
}

// Parts are what a [Handler] is made of. All are required.
type Parts struct {
	Journal Appender
	Store   monitor.MetadataStore  // finds by whole hash; asked first
	Search  monitor.MetadataSearch // finds by the beginning of a hash
	Cache   monitor.MetadataCache  // is told of every context and session that was stored
	Door    *Authenticator
	Health  []monitor.HealthChecker // in the order of /-/ready
	Metrics http.Handler            // answers /-/metrics
	Log     *slog.Logger
}

// Defaults of a [Handler].
const (
	DefaultMaxBody  = 4 << 20
	DefaultPageSize = 500
)

// Handler answers the plugin's requests and those of the routes mounted on it. The exported fields may be changed
// before the first request.
type Handler struct {
	MaxBody  int64 // bytes of a request body; more is refused with 413
	PageSize int   // how many contexts or sessions a lookup by the beginning of a hash returns
	Now      func() time.Time

	// OnAccepted is called for every record that is on stable storage; repeat says that it was there already.
	OnAccepted func(class monitor.Class, repeat bool)
	// OnRefused is called for every request that is answered with an error. The reason is one of a few dozen words.
	OnRefused func(reason string)
	// OnRequest is called for every request when it has been answered. The route is a template such as
	// "/p/:project/metrics", or "" where none matched; the method then is "" as well, so that both stay few.
	OnRequest func(method, route string, status int, took time.Duration)

	parts       Parts
	engine      *gin.Engine
	lists       Lists
	buffers     sync.Pool // of *buffer
	crossOrigin http.CrossOriginProtection
}

// New returns a handler with the plugin's routes on every base path, health and metrics.
func New(parts Parts) *Handler {
	// Gin prints its routes to standard output in any other mode, which is a setting of the whole process.
	gin.SetMode(gin.ReleaseMode)
	h := &Handler{
		MaxBody:    DefaultMaxBody,
		PageSize:   DefaultPageSize,
		Now:        time.Now,
		OnAccepted: func(monitor.Class, bool) {},
		OnRefused:  func(string) {},
		OnRequest:  func(string, string, int, time.Duration) {},
		parts:      parts,
		engine:     newEngine(),
		buffers:    sync.Pool{New: func() any { return new(buffer) }},
	}
	h.engine.Use(h.observe, h.answerErrors, h.recoverPanics)
	h.engine.GET("/-/healthy", h.getHealthy)
	h.engine.GET("/-/ready", h.getReady)
	h.engine.Use(h.admit, refuseAncient) // for all that is registered from here on, and for unknown routes
	h.engine.GET("/-/metrics", gin.WrapH(parts.Metrics))
	h.engine.NoRoute(noRoute)
	h.engine.NoMethod(noMethod)
	for _, base := range [...]string{apiBase, apiProjectBase, rootBase, projectBase} {
		h.routePlugin(h.engine.Group(base))
	}
	return h
}

// newEngine returns a Gin engine that takes every spelling of a path without a redirect.
func newEngine() *gin.Engine {
	e := gin.New()
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.RemoveExtraSlash = true
	e.UseRawPath = true // so that %2F stays within its path segment
	e.UnescapePathValues = true
	e.HandleMethodNotAllowed = true
	e.ForwardedByClientIP = false
	return e
}

// The base paths. The plugin's routes are at all four.
const (
	rootBase       = "/"
	projectBase    = "/p/:" + projectParam
	apiBase        = "/api/v1"
	apiProjectBase = "/p/:" + projectParam + "/api/v1"

	projectParam = "project"
	hashParam    = "h"
)

func (h *Handler) routePlugin(r gin.IRouter) {
	post := func(path string, decode decoder) {
		r.POST(path, h.post(decode))
		r.POST(path+"/", h.post(decode))
	}
	post("/contexts", decodeContext)
	post("/contexts/:"+hashParam, decodeContext)
	post("/sessions", decodeSession)
	post("/sessions/:"+hashParam, decodeSession)
	post("/metrics", decodeMetric)
	for _, end := range [...]string{"", "/"} {
		r.GET("/contexts/:"+hashParam+end, h.getContexts)
		r.GET("/sessions/:"+hashParam+end, h.getSessions)
	}
}

// Lists answer GET contexts/:h and sessions/:h where that is not pytest-monitor's own question: by a part of a hash,
// with a query, or for another format.
type Lists struct{ Contexts, Sessions gin.HandlerFunc }

// MountAPI lets register add routes below the base paths that end in /api/v1, behind the door, and makes lists answer
// what is left to them on every base path. Handlers report failures with [gin.Context.Error] and a [monitor.Error],
// also in the midst of an answer, which then is cut off. They learn the project from [ReadProject], and name the
// parameter of a context's or session's hash "h". It must not be called after the first request.
func (h *Handler) MountAPI(register func(r gin.IRouter), lists Lists) {
	h.lists = lists
	register(h.engine.Group(apiBase))
	register(h.engine.Group(apiProjectBase))
}

// MountPages does what [Handler.MountAPI] does for the other base paths: the root and /p/<project>.
func (h *Handler) MountPages(register func(r gin.IRouter)) {
	register(h.engine.Group(rootBase))
	register(h.engine.Group(projectBase))
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w = &headWriter{ResponseWriter: w}
	}
	h.engine.ServeHTTP(w, routable(r))
}

// observe reports every request that was answered, if only in part.
func (h *Handler) observe(c *gin.Context) {
	start := time.Now()
	defer func() { // an answer that is cut off ends in a panic
		method, route := c.Request.Method, c.FullPath()
		if route == "" {
			method = ""
		} else if len(route) > 1 {
			route = strings.TrimSuffix(route, "/")
		}
		h.OnRequest(method, route, c.Writer.Status(), time.Since(start))
	}()
	c.Next()
}
