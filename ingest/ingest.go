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

// Appender writes records to stable storage, all or none. It has the contract of [monitor.Journal.Append].
type Appender interface {
	Append(ctx context.Context, recs ...*monitor.Record) error
}

// ProjectFinder finds the project that has a context or a session with a hash: the preferred one if that has it, else the one
// that was first, "" for none.
type ProjectFinder interface {
	ProjectOf(ctx context.Context, class monitor.Class, h, prefer string) (string, error)
}

// Parts has the parts of a [Handler]. All are required.
type Parts struct {
	Journal  Appender
	Import   Appender                // takes imported records, which are nothing new
	Try      Appender                // decides like Import, and stores nothing
	Projects ProjectFinder           // says where imported records are already
	Cache    monitor.MetadataCache   // gets every stored context and session
	Health   []monitor.HealthChecker // /-/ready has one line for each, in this order
	Metrics  http.Handler            // answers /-/metrics
	Log      *slog.Logger
}

// DefaultMaxBody is the default limit of a request body, in bytes.
const DefaultMaxBody = 4 << 20

// Handler accepts records and reports the health of the bridge. The exported fields may be changed before the first
// request.
type Handler struct {
	MaxBody int64 // limit of a request body in bytes; 413 above it
	Now     func() time.Time

	// OnAccepted is called after a record is on stable storage. repeat means that an equal record was there already.
	OnAccepted func(class monitor.Class, repeat bool)

	parts   Parts
	log     *slog.Logger
	buffers sync.Pool // of *buffer
}

// New returns a handler with default limits.
func New(parts Parts) *Handler {
	return &Handler{
		MaxBody:    DefaultMaxBody,
		Now:        time.Now,
		OnAccepted: func(monitor.Class, bool) {},
		parts:      parts,
		log:        httpd.Limited(parts.Log, "more records had a known hash with other content"),
		buffers:    sync.Pool{New: func() any { return new(buffer) }},
	}
}

// hashParam is the path parameter with the hash of a context or session.
const hashParam = "h"

// Mount adds the routes to a server: the routes for records below every base path, and the routes below /-/.
func (h *Handler) Mount(s *httpd.Server) {
	s.Public().GET("/-/healthy", getHealthy)
	s.Public().GET("/-/ready", func(c *gin.Context) { h.getReady(c, s.Trusts(c)) })
	s.Routes("/-", monitor.ScopeRead).GET("/metrics", gin.WrapH(h.parts.Metrics))
	for _, base := range slices.Concat(httpd.RootBases, httpd.APIBases) {
		r := s.Data(base, monitor.ScopeWrite)
		for _, end := range [...]string{"", "/"} {
			r.POST("/contexts"+end, h.post(decodeContext))
			r.POST("/contexts/:"+hashParam+end, h.post(decodeContext))
			r.POST("/sessions"+end, h.post(decodeSession))
			r.POST("/sessions/:"+hashParam+end, h.post(decodeSession))
			r.POST("/metrics"+end, h.postRows(decodeMetric))
			r.POST("/outcomes"+end, h.postRows(decodeOutcome))
			r.POST("/import"+end, h.handler(h.postImport))
		}
	}
}
