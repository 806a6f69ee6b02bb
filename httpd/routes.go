package httpd

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

const projectParam = "project"

// The base paths, as templates of Gin. The routes of pytest-monitor are below all of them.
var (
	RootBases = []string{"/", "/p/:" + projectParam}
	APIBases  = []string{"/api/v1", "/p/:" + projectParam + "/api/v1"}
)

// newEngine returns a Gin engine that accepts every spelling of a path without a redirect.
func newEngine() *gin.Engine {
	// In any other mode Gin prints its routes to standard output. The mode applies to the whole process.
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.RemoveExtraSlash = true
	e.UseRawPath = true // a name may contain %2F
	e.UnescapePathValues = true
	e.HandleMethodNotAllowed = true
	e.ForwardedByClientIP = false
	return e
}

// route adds the middleware. In Gin a route gets only the middleware that was added before it.
func (s *Server) route() {
	s.engine.Use(s.observe, s.answerErrors, recoverPanics, s.refuseOtherSites)
	s.public = s.engine.Group("")
	s.engine.Use(s.refuseCrowd, s.admit, refuseAncient)
	s.engine.NoRoute(noRoute)
	s.engine.NoMethod(noMethod)
}

// Public returns the group for routes that everybody may use without a token.
func (s *Server) Public() *gin.RouterGroup { return s.public }

// Routes returns a group for routes below a base path. While the bridge has tokens, a request to them needs a token with
// one of the scopes.
func (s *Server) Routes(base string, scope monitor.Scope, or ...monitor.Scope) *gin.RouterGroup {
	return s.engine.Group(base, requireScope(scope, or...))
}

// Data returns a group like [Server.Routes], for routes that read or write the data of projects. They obey
// RequireProject.
func (s *Server) Data(base string, scope monitor.Scope, or ...monitor.Scope) *gin.RouterGroup {
	return s.engine.Group(base, requireScope(scope, or...), s.requireProject)
}

// Mounted lists all routes.
func (s *Server) Mounted() gin.RoutesInfo { return s.engine.Routes() }

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, answered := s.conns.serve(r)
	defer answered()
	w.Header().Set("X-Content-Type-Options", "nosniff") // clients choose the texts of answers
	if s.stopping.Load() {
		w.Header().Set("Connection", "close")
	}
	if r.Method == http.MethodHead {
		w = &headWriter{ResponseWriter: w}
	}
	s.engine.ServeHTTP(w, routable(s.followProxy(r)))
}

// observe calls OnRequest for every answered request.
func (s *Server) observe(c *gin.Context) {
	start := time.Now()
	defer func() { // deferred, because answerErrors closes a connection by a panic
		method, route := c.Request.Method, c.FullPath()
		if route == "" {
			method = ""
		} else if len(route) > 1 {
			route = strings.TrimSuffix(route, "/")
		}
		s.OnRequest(method, route, c.Writer.Status(), time.Since(start))
	}()
	c.Next()
}
