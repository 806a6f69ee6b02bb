package ingest

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// Appender puts one record on stable storage, with the contract of [monitor.Journal.Append].
type Appender interface {
	Append(ctx context.Context, rec *monitor.Record) error
}

// Parts are what a [Handler] is made of. All are required.
type Parts struct {
	Journal Appender
	Cache   monitor.MetadataCache   // is told of every context and session that was stored
	Health  []monitor.HealthChecker // in the order of /-/ready
	Metrics http.Handler            // answers /-/metrics
	Log     *slog.Logger
}

// DefaultMaxBody is the limit of a request body.
const DefaultMaxBody = 4 << 20

// Handler accepts records and answers for the state of the bridge. The exported fields may be changed before the first
// request.
type Handler struct {
	MaxBody int64 // bytes of a request body; more is refused with 413
	Now     func() time.Time

	// OnAccepted is called for every record that is on stable storage; repeat says that it was there already.
	OnAccepted func(class monitor.Class, repeat bool)

	parts   Parts
	buffers sync.Pool // of *buffer
}

// New returns a handler with default limits.
func New(parts Parts) *Handler {
	return &Handler{
		MaxBody:    DefaultMaxBody,
		Now:        time.Now,
		OnAccepted: func(monitor.Class, bool) {},
		parts:      parts,
		buffers:    sync.Pool{New: func() any { return new(buffer) }},
	}
}

// hashParam is the path parameter with the hash of a context or session.
const hashParam = "h"

// Mount adds the routes to a server: those of the plugin at every base path, and those below /-/.
func (h *Handler) Mount(s *httpd.Server) {
	s.Public().GET("/-/healthy", getHealthy)
	s.Public().GET("/-/ready", h.getReady)
	s.Routes("/-").GET("/metrics", gin.WrapH(h.parts.Metrics))
	for _, base := range slices.Concat(httpd.RootBases, httpd.APIBases) {
		r := s.Data(base)
		for _, end := range [...]string{"", "/"} {
			r.POST("/contexts"+end, h.post(decodeContext))
			r.POST("/contexts/:"+hashParam+end, h.post(decodeContext))
			r.POST("/sessions"+end, h.post(decodeSession))
			r.POST("/sessions/:"+hashParam+end, h.post(decodeSession))
			r.POST("/metrics"+end, h.post(decodeMetric))
		}
	}
}
