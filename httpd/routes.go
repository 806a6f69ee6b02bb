package httpd

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

const projectParam = "project"

// The base paths, as templates of Gin. The plugin's routes are at all of them.
var (
	RootBases = []string{"/", "/p/:" + projectParam}
	APIBases  = []string{"/api/v1", "/p/:" + projectParam + "/api/v1"}
)

// newEngine returns a Gin engine that takes every spelling of a path without a redirect.
func newEngine() *gin.Engine {
	// Gin prints its routes to standard output in any other mode, which is a setting of the whole process.
	gin.SetMode(gin.ReleaseMode)
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

// route sets up what every request passes. Gin gives a route what was in use when it was added.
func (s *Server) route() {
	s.engine.Use(s.observe, s.answerErrors, recoverPanics)
	s.public = s.engine.Group("")
	s.engine.Use(s.admit, refuseAncient)
	s.engine.NoRoute(noRoute)
	s.engine.NoMethod(noMethod)
}

// Public returns the group of routes that everybody may ask, also without a token.
func (s *Server) Public() *gin.RouterGroup { return s.public }

// Routes returns a group of routes below a base path. Where there are tokens, a request needs one.
func (s *Server) Routes(base string) *gin.RouterGroup { return s.engine.Group(base) }

// Data returns a group like that of [Server.Routes], for routes that read or write the data of projects. They obey
// [Server.RequireProject].
func (s *Server) Data(base string) *gin.RouterGroup { return s.engine.Group(base, s.requireProject) }

// Mounted lists the routes.
func (s *Server) Mounted() gin.RoutesInfo { return s.engine.Routes() }

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w = &headWriter{ResponseWriter: w}
	}
	s.engine.ServeHTTP(w, routable(r))
}

// observe reports every request that was answered, also one whose answer was cut off.
func (s *Server) observe(c *gin.Context) {
	start := time.Now()
	defer func() { // an answer is cut off by a panic
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
