package httpd

import (
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// tokenProject is the key in Gin's context for the project of the request's token.
const tokenProject = "pymon-bridge/token-project"

// ReadProject returns the project whose data a request may read. It is the project in the path, else the token's project.
// "" stands for all projects. This happens only while the bridge has no tokens.
func ReadProject(c *gin.Context) string {
	if project := c.Param(projectParam); project != "" {
		return project
	}
	return c.GetString(tokenProject)
}

// WriteProject returns the project that a request writes to: the project of [ReadProject], else
// [monitor.DefaultProject].
func WriteProject(c *gin.Context) string {
	if project := ReadProject(c); project != "" {
		return project
	}
	return monitor.DefaultProject
}

// ClientOf returns the IP address of the client, without the port. Behind a trusted proxy it is the address that the proxy
// names.
func ClientOf(r *http.Request) string { return hostOf(r.RemoteAddr) }

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address // a Unix socket has no port
	}
	return host
}

// admit refuses a request without the right to use its path. It checks the form of the project's name before the token,
// because the rules for names are not secret.
func (s *Server) admit(c *gin.Context) {
	project, err := c.Param(projectParam), error(nil)
	if project != "" && !monitor.ValidProject(project) {
		err = monitor.Errorf(monitor.ENotFound,
			"no such project: the name of a project has 1 to 64 letters, digits, dots, underscores or hyphens")
	} else {
		project, err = s.projectOf(c.Request, project)
	}
	if err != nil {
		Fail(c, err)
		return
	}
	if project != "" {
		c.Set(tokenProject, project)
	}
}

// projectOf returns the project of the request's token, or "" if the request needs no token. project is the project that
// the request names, or "".
func (s *Server) projectOf(r *http.Request, project string) (string, error) {
	of, err := s.auth.Admit(r.Context(), r.Header.Get("Authorization"), project)
	if err == nil && of == "" && !s.knownHost(r.Host) {
		return "", monitor.Errorf(codeHost, "a bridge that needs no token answers only to localhost, to an IP address, and to "+
			"names that it knows: start it with --host-name NAME, or add a token")
	}
	return of, err
}

// Trusts says whether a request to a public route may see what is for clients only. Such a request has a valid token, or
// the bridge needs none.
func (s *Server) Trusts(c *gin.Context) bool {
	_, err := s.projectOf(c.Request, "")
	return err == nil
}

// requireProject refuses a request without a project if RequireProject is set. Several bridges behind one load balancer
// need this setting. The balancer chooses the bridge by the project in the path. It sends a request without a project to
// any bridge.
func (s *Server) requireProject(c *gin.Context) {
	if s.RequireProject && ReadProject(c) == "" {
		Fail(c, monitor.Errorf(codeNoProject,
			"this bridge needs a project in the address: use /p/PROJECT, such as --remote-server http://host/p/my-project"))
	}
}
