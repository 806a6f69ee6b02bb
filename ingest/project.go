package ingest

import (
	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// tokenProject is the key under which a request carries the project of its token.
const tokenProject = "pymon-bridge/token-project"

// ReadProject returns the project whose data a request may read: the one of its path, else its token's, else ""
// for every project, which happens only where there are no tokens.
func ReadProject(c *gin.Context) string {
	if project := c.Param(projectParam); project != "" {
		return project
	}
	return c.GetString(tokenProject)
}

// writeProject returns the project that a request writes to.
func writeProject(c *gin.Context) string {
	if project := ReadProject(c); project != "" {
		return project
	}
	return monitor.DefaultProject
}

// admit lets a request through the door. A project that cannot exist is said to be unknown before that: which
// names are possible is no secret.
func (h *Handler) admit(c *gin.Context) {
	project, err := c.Param(projectParam), error(nil)
	if project != "" && !monitor.ValidProject(project) {
		err = monitor.Errorf(monitor.ENotFound,
			"no such project: a name is 1 to 64 letters, digits, dots, underscores and hyphens")
	} else {
		project, err = h.parts.Door.Admit(c.Request.Context(), c.GetHeader("Authorization"), project)
	}
	// Browsers reach loopback on behalf of any page that their user looks at.
	if err == nil && h.crossOrigin.Check(c.Request) != nil {
		err = monitor.Errorf(monitor.EForbidden, "a web page of another site must not write here")
	}
	if err != nil {
		fail(c, err)
		return
	}
	if project != "" {
		c.Set(tokenProject, project)
	}
}
