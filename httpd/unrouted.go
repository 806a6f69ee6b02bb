package httpd

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// refuseAncient answers clients up to 1.1.1, which look a context up by a query parameter. They and 1.2.0 understand
// only 200 as stored, later ones only 201, so no answer could serve both.
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

// noRoute answers requests for paths that do not exist.
func noRoute(c *gin.Context) {
	Fail(c, monitor.Errorf(monitor.ENotFound, "no such route: pytest's --remote-server has to end in the host, /api/v1, "+
		"/p/PROJECT or /p/PROJECT/api/v1; /api/v1/docs shows what can be read"))
}

// noMethod answers requests with a method that the path does not have, and OPTIONS. Gin has set Allow from the
// routes of the path.
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
