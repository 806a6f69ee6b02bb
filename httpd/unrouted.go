package httpd

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// refuseAncient refuses pytest-monitor 1.1.1 and older. They ask for a context by a query parameter. Up to 1.2.0 the
// plugin takes only 200 for stored, later versions take only 201. So the bridge cannot serve both.
func refuseAncient(c *gin.Context) {
	r := c.Request
	if r.Method != http.MethodGet || !strings.Contains(r.URL.RawQuery, "environ_hash=") {
		return
	}
	if strings.HasSuffix(strings.TrimRight(r.URL.Path, "/"), "/contexts") {
		Fail(c, monitor.Errorf(codeAncient,
			"pytest-monitor 1.2.0 and older cannot report to this server: use pytest-monitor 1.3.0 or newer"))
	}
}

// noRoute refuses a path that does not exist.
func noRoute(c *gin.Context) { Fail(c, NoRoute()) }

// NoRoute is the error for a path that does not exist.
func NoRoute() error {
	return monitor.Errorf(monitor.ENotFound, "no such route: the URL of pytest's --remote-server must end in the host, "+
		"/api/v1, /p/PROJECT or /p/PROJECT/api/v1; /api/v1/docs lists the routes")
}

// noMethod answers OPTIONS, and refuses a method that the path does not have. Gin has set Allow to the methods of the
// path.
func noMethod(c *gin.Context) {
	allow := c.Writer.Header().Get("Allow")
	if strings.Contains(allow, http.MethodGet) {
		allow += ", " + http.MethodHead
	}
	allow += ", " + http.MethodOptions
	c.Header("Allow", allow)
	if c.Request.Method == http.MethodOptions {
		c.Status(http.StatusOK)
		c.Writer.WriteHeaderNow()
		return
	}
	Fail(c, monitor.Errorf(codeMethod, "the method is not allowed here; allowed are %s", allow))
}
