package httpd

import (
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// tokenProject is the key under which a request carries the project of its token.
const tokenProject = "pymon-bridge/token-project"

// ReadProject returns the project whose data a request may read: the one of its path, else its token's. It returns ""
// for every project, which happens only where there are no tokens.
func ReadProject(c *gin.Context) string {
	if project := c.Param(projectParam); project != "" {
		return project
	}
	return c.GetString(tokenProject)
}

// WriteProject returns the project that a request writes to: that of [ReadProject], else [monitor.DefaultProject].
func WriteProject(c *gin.Context) string {
	if project := ReadProject(c); project != "" {
		return project
	}
	return monitor.DefaultProject
}

// ClientOf returns the address of the client without its port.
func ClientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr // of a Unix socket
	}
	return host
}

// admit refuses a request that may not pass. A name that no project can have is refused before the token is looked at:
// which names are possible is no secret.
func (s *Server) admit(c *gin.Context) {
	project, err := c.Param(projectParam), error(nil)
	if project != "" && !monitor.ValidProject(project) {
		err = monitor.Errorf(monitor.ENotFound,
			"no such project: a name is 1 to 64 letters, digits, dots, underscores and hyphens")
	} else {
		project, err = s.auth.Admit(c.Request.Context(), c.GetHeader("Authorization"), project)
	}
	// Browsers reach loopback on behalf of any page that their user looks at.
	if err == nil && s.crossOrigin.Check(c.Request) != nil {
		err = monitor.Errorf(monitor.EForbidden, "a web page of another site must not write here")
	}
	if err != nil {
		Fail(c, err)
		return
	}
	if project != "" {
		c.Set(tokenProject, project)
	}
}

// requireProject refuses a request without a project where the operator wants one. Bridges behind one address need
// that: their balancer chooses by the project in the path, and sends a request without one to any of them.
func (s *Server) requireProject(c *gin.Context) {
	if s.RequireProject && ReadProject(c) == "" {
		Fail(c, monitor.Errorf(codeNoProject,
			"this bridge needs a project in the address: use /p/PROJECT, such as --remote-server http://host/p/my-project"))
	}
}
