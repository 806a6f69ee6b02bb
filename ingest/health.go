package ingest

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// getHealthy always answers 200.
func getHealthy(c *gin.Context) {
	c.String(http.StatusOK, "ok\n")
}

// getReady answers with one line per component. The status is 503 if a required component is not OK. Strangers see no
// details, since these name files and addresses.
func (h *Handler) getReady(c *gin.Context, details bool) {
	status := http.StatusOK
	var text strings.Builder
	for _, checker := range h.parts.Health {
		health := checker.Health()
		if health.Required && !health.OK {
			status = http.StatusServiceUnavailable
		}
		switch {
		case details:
		case health.OK:
			health.Detail = ""
		default:
			health.Detail = "not ok"
		}
		text.WriteString(healthLine(health))
	}
	c.Data(status, "text/plain; charset=utf-8", []byte(text.String()))
}

// healthLine returns a line such as "[+]journal ok" or "[-]delivery: 401 unauthorized, 1234 records kept", with a newline.
func healthLine(health monitor.Health) string {
	line := "[-]" + health.Component
	if health.OK {
		line = "[+]" + health.Component + " ok"
	}
	if detail := strings.Join(strings.Fields(health.Detail), " "); detail != "" {
		line += ": " + detail
	}
	return line + "\n"
}
