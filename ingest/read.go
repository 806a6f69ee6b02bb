package ingest

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// hashLength is the length of the plugin's hashes, MD5 in hexadecimal digits.
const hashLength = 32

// lookup finds contexts or sessions: by is the store's method, search the one for beginnings.
type lookup[T any] struct {
	by     func(ctx context.Context, project, h string) (*T, error)
	search func(ctx context.Context, project, prefix string, max int) ([]*T, error)
	hash   func(v *T) string
	encode func(dst []byte, v *T) []byte
	opened string          // the answer up to its first element
	list   gin.HandlerFunc // answers what pytest-monitor does not ask; nil where nobody does
}

func (h *Handler) getContexts(c *gin.Context) {
	answerLookup(c, h, lookup[monitor.Context]{
		by: h.parts.Store.Context, search: h.parts.Search.Contexts, hash: func(v *monitor.Context) string { return v.H },
		encode: wire.AppendContext, opened: `{"contexts":[`, list: h.lists.Contexts,
	})
}

func (h *Handler) getSessions(c *gin.Context) {
	answerLookup(c, h, lookup[monitor.Session]{
		by: h.parts.Store.Session, search: h.parts.Search.Sessions, hash: func(v *monitor.Session) string { return v.SessionH },
		encode: wire.AppendSession, opened: `{"sessions":[`, list: h.lists.Sessions,
	})
}

// answerLookup answers 200 with what was found, 204 where nothing was. To a failed lookup the answer is 204 as
// well: the plugin then posts what it has, and that is harmless.
func answerLookup[T any](c *gin.Context, h *Handler, l lookup[T]) {
	if l.list != nil && !asksPlugin(c) {
		l.list(c)
		return
	}
	if l.list != nil {
		c.Header("Vary", "Accept")
	}
	found := find(c, h, l)
	if len(found) == 0 {
		c.Status(http.StatusNoContent)
		return
	}
	b := h.buffers.Get().(*buffer)
	defer h.recycle(b)
	b.data = append(b.data[:0], l.opened...)
	for i, v := range found {
		if i > 0 {
			b.data = append(b.data, ',')
		}
		b.data = l.encode(b.data, v)
	}
	b.data = append(b.data, `],"total_page":1}`...)
	writeJSON(c.Writer, http.StatusOK, b.data)
}

// asksPlugin says whether a request is as pytest-monitor sends it: for a whole hash, and nothing said beside it.
func asksPlugin(c *gin.Context) bool {
	accept := strings.Join(c.Request.Header.Values("Accept"), ",")
	return len(c.Param(hashParam)) == hashLength && c.Request.URL.RawQuery == "" && (accept == "" || accept == "*/*")
}

// find looks for a whole hash first, which is all that the plugin asks for and what the store's cache can answer.
func find[T any](c *gin.Context, h *Handler, l lookup[T]) []*T {
	ctx, project, hash := c.Request.Context(), ReadProject(c), c.Param(hashParam)
	var exact *T
	if len(hash) == hashLength {
		v, err := l.by(ctx, project, hash)
		switch {
		case err == nil && project != "":
			return []*T{v}
		case err == nil:
			exact = v
		case monitor.ErrorCode(err) != monitor.ENotFound:
			h.logLookup(c, err)
		}
	}
	found, err := l.search(ctx, project, hash, h.PageSize)
	if err != nil && monitor.ErrorCode(err) != monitor.ENotFound {
		h.logLookup(c, err)
	}
	if exact == nil {
		return found
	}
	// Those of every project are in the order of acceptance already. The store may have found one that is not among them:
	// it asks InfluxDB for what the local file does not have.
	found = slices.DeleteFunc(found, func(v *T) bool { return l.hash(v) != hash })
	if len(found) == 0 {
		return []*T{exact}
	}
	return found
}

func (h *Handler) logLookup(c *gin.Context, err error) {
	h.parts.Log.LogAttrs(c.Request.Context(), slog.LevelWarn, "lookup failed; answered as unknown",
		slog.String("path", c.Request.URL.Path), slog.String("error", err.Error()))
}
