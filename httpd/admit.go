package httpd

import (
	"fmt"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// NameOf returns the name of the request's token. It is "" where the bridge needs none, or has tokens without numbers.
func NameOf(c *gin.Context) string {
	switch token := tokenOf(c); {
	case token == nil:
		return ""
	case token.Label == "" && token.ID > 0:
		return fmt.Sprintf("token %d", token.ID)
	default:
		return token.Label
	}
}

// requestToken is the key in Gin's context for the request's token. There is none while the bridge needs no token.
const requestToken = "pymon-bridge/token" // #nosec G101 -- the name of a key

func tokenOf(c *gin.Context) *monitor.Token {
	token, _ := c.Value(requestToken).(*monitor.Token)
	return token
}

// ReadProject returns the project whose data a request may read. It is the project in the path, else the token's project.
// "" stands for all projects. This happens only while the bridge has no tokens.
func ReadProject(c *gin.Context) string {
	if project := c.Param(projectParam); project != "" {
		return project
	}
	if token := tokenOf(c); token != nil {
		return token.Project
	}
	return ""
}

// ReadsAll says whether a request may read all projects. This is so while the bridge needs no token.
func ReadsAll(c *gin.Context) bool { return tokenOf(c) == nil }

// ListsProjects says whether an error of a request may name all projects.
func ListsProjects(c *gin.Context) bool {
	token := tokenOf(c)
	return token == nil || token.Lists
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

// addressHeader tells where people reach the bridge, if that is not where the client asks.
const addressHeader = "Pymon-Bridge-Address"

// admit refuses a request without the right to use its path. It checks the form of the project's name before the token,
// because the rules for names are not secret.
func (s *Server) admit(c *gin.Context) {
	project := c.Param(projectParam)
	if project != "" && !monitor.ValidProject(project) {
		Fail(c, monitor.Errorf(monitor.ENotFound,
			"no such project: the name of a project has 1 to 64 letters, digits, dots, underscores or hyphens"))
		return
	}
	token, err := s.authenticate(c.Request, project)
	if err != nil {
		Fail(c, err)
		return
	}
	if token != nil {
		c.Set(requestToken, token)
	}
	if s.PublicURL != nil {
		c.Header(addressHeader, s.PublicURL.String())
	}
}

// authenticate returns the request's token, or nil if the request needs none. project is the project that the request
// names, or "".
func (s *Server) authenticate(r *http.Request, project string) (*monitor.Token, error) {
	if hash, ok := s.loginOf(r); ok && r.Header.Get("Authorization") == "" {
		if token, ok, err := s.auth.admitLogin(r.Context(), hash, project); ok {
			return token, err
		}
	}
	token, err := s.auth.Admit(r.Context(), r.Header.Get("Authorization"), project)
	if err == nil && token == nil && !s.knownHost(r.Host) {
		return nil, monitor.Errorf(codeHost, "a bridge that needs no token answers only to localhost, to an IP address, and to "+
			"names that it knows: start it with --host-name NAME, or add a token")
	}
	return token, err
}

// RequireScope fails with EForbidden if the request's token has neither the scope nor one of the others.
func RequireScope(c *gin.Context, scope monitor.Scope, or ...monitor.Scope) error {
	if token := tokenOf(c); token != nil && !token.Allows(scope, or...) {
		return lacksScope(token, scope)
	}
	return nil
}

func lacksScope(token *monitor.Token, scope monitor.Scope) error {
	return monitor.Errorf(monitor.EForbidden, "this token lacks the scope %s, which the request needs: "+
		"make one with pymon-bridge token add %s --scope %[1]s", scope, token.Project)
}

// requireScope makes a handler of [RequireScope].
func requireScope(scope monitor.Scope, or ...monitor.Scope) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := RequireScope(c, scope, or...); err != nil {
			Fail(c, err)
		}
	}
}

// Trusts says whether a request to a public route may see what is for clients only. Such a request has a valid token, or
// the bridge needs none.
func (s *Server) Trusts(c *gin.Context) bool {
	_, err := s.authenticate(c.Request, "")
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
