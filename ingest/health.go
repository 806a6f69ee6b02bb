package ingest

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// getHealthy says that the process serves.
func getHealthy(c *gin.Context) {
	c.String(http.StatusOK, "ok\n")
}

// getReady answers with one line per component, and 503 while one that is needed to accept records is not OK.
func (h *Handler) getReady(c *gin.Context) {
	status := http.StatusOK
	var text strings.Builder
	for _, checker := range h.parts.Health {
		health := checker.Health()
		if health.Required && !health.OK {
			status = http.StatusServiceUnavailable
		}
		text.WriteString(healthLine(health))
	}
	c.Data(status, "text/plain; charset=utf-8", []byte(text.String()))
}

// healthLine returns "[+]journal ok" or "[-]delivery: 401 unauthorized, 1234 records kept", with a final newline.
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
