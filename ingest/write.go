package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// buffer has the body of a request, and later the body of the answer.
type buffer struct{ data []byte }

// maxRecycle is the size in bytes of the largest buffer that is used again, so that large bodies do not stay in memory.
const maxRecycle = 64 << 10

func (h *Handler) recycle(b *buffer) {
	if cap(b.data) <= maxRecycle {
		h.buffers.Put(b)
	}
}

// post returns a handler that accepts one record and answers 201 with the stored record.
func (h *Handler) post(decode decoder) gin.HandlerFunc {
	return h.handler(func(c *gin.Context, b *buffer) error { return h.acceptOne(c, b, decode) })
}

// handler returns a handler that reads the body into b, and then calls accept. accept changes b into the answer.
func (h *Handler) handler(accept func(c *gin.Context, b *buffer) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		b := h.buffers.Get().(*buffer)
		defer h.recycle(b)
		var err error
		if b.data, err = httpd.ReadJSON(c.Request, b.data[:0], h.MaxBody); err == nil {
			err = accept(c, b)
		}
		if err != nil {
			httpd.Fail(c, err)
			return
		}
		header := c.Writer.Header()
		header.Set("Content-Type", "application/json")
		header.Set("Content-Length", strconv.Itoa(len(b.data)))
		c.Writer.WriteHeader(http.StatusCreated)
		_, _ = c.Writer.Write(b.data) // fails only if the client went away
	}
}

// acceptOne checks and stores what the body means. The answer is the stored record. For a metric with its outcome it is the
// outcome, which has all that was sent.
func (h *Handler) acceptOne(c *gin.Context, b *buffer, decode decoder) error {
	recs, err := decode(h.base(c), b.data, c.Param(hashParam))
	if err == nil {
		err = h.store(c, recs)
	}
	if err == nil {
		b.data = appendStored(b.data[:0], recs[len(recs)-1])
	}
	return err
}

// base returns what all records of a request have.
func (h *Handler) base(c *gin.Context) monitor.Record {
	return monitor.Record{Project: httpd.WriteProject(c), Received: h.Now(), Client: httpd.ClientOf(c.Request)}
}

// store stores records in one transaction.
func (h *Handler) store(c *gin.Context, recs []*monitor.Record) error {
	sent := *recs[0] // Append replaces a repeated context or session, which comes alone, by the stored one
	// net/http cancels the context when the client closes its sending side. Such a client may still wait for the answer.
	if err := h.parts.Journal.Append(context.WithoutCancel(c.Request.Context()), recs...); err != nil {
		return err
	}
	for _, rec := range recs {
		h.OnAccepted(rec.Class(), rec.Repeat)
		switch {
		case rec.Context != nil:
			h.parts.Cache.PutContext(rec.Project, rec.Context)
		case rec.Session != nil:
			h.parts.Cache.PutSession(rec.Project, rec.Session)
		}
		if rec.Differs {
			h.logDifference(c, &sent, rec)
		}
	}
	return nil
}

// loggedHash is the most bytes of a hash in the log. A client may send any text as a hash.
const loggedHash = 100

// logDifference logs that a context or session arrived with a known hash and other content, or an outcome with a known
// session and node id. The first content stays.
func (h *Handler) logDifference(c *gin.Context, sent, stored *monitor.Record) {
	if o := stored.Outcome; o != nil {
		h.log.LogAttrs(c.Request.Context(), slog.LevelWarn, "another outcome of the same test; the stored one stays",
			slog.String("project", stored.Project), slog.String("session", monitor.Shorten(o.SessionH, loggedHash)),
			slog.String("nodeid", monitor.Shorten(o.NodeID, loggedHash)), slog.String("client", stored.Client))
		return
	}
	h.log.LogAttrs(c.Request.Context(), slog.LevelWarn, "same hash with other content; the stored content stays",
		slog.String("class", string(stored.Class())), slog.String("project", stored.Project),
		slog.String("hash", monitor.Shorten(hashOf(stored), loggedHash)), slog.String("client", stored.Client),
		slog.String("stored_sha256", digest(stored)), slog.String("sent_sha256", digest(sent)))
}

func hashOf(rec *monitor.Record) string {
	if rec.Context != nil {
		return rec.Context.H
	}
	return rec.Session.SessionH
}

func digest(rec *monitor.Record) string {
	sum := sha256.Sum256(appendStored(nil, rec))
	return hex.EncodeToString(sum[:])
}

func appendStored(dst []byte, rec *monitor.Record) []byte {
	switch {
	case rec.Context != nil:
		return wire.AppendContext(dst, rec.Context)
	case rec.Session != nil:
		return wire.AppendSession(dst, rec.Session)
	case rec.Outcome != nil:
		return wire.AppendOutcome(dst, rec.Outcome)
	default:
		return wire.AppendMetric(dst, rec.Metric)
	}
}
