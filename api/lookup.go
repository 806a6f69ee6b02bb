package api

import (
	"bytes"
	"context"
	"iter"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// lookupRoutes returns the routes on which pytest-monitor asks whether a context or session is known. On the same paths
// other clients get a list.
func (a *API) lookupRoutes() []route {
	return []route{
		{path: "/contexts/:h", summary: "Contexts whose hash begins with a text", answer: "Contexts", query: listQuery,
			empty: true, handle: a.lookupFirst(handler(a.answerContexts))},
		{path: "/sessions/:h", summary: "Sessions whose hash begins with a text", answer: "Sessions", query: flagQuery,
			empty: true, handle: a.lookupFirst(handler(a.answerSessions))},
	}
}

// lookupFirst makes every request wait for its turn, except the lookups of pytest-monitor. Who may only write gets no list.
func (a *API) lookupFirst(handle gin.HandlerFunc) gin.HandlerFunc {
	list := a.inTurn(handle)
	return func(c *gin.Context) {
		if isLookup(c) {
			handle(c)
			return
		}
		if err := httpd.RequireScope(c, monitor.ScopeRead); err != nil {
			httpd.Fail(c, err)
			return
		}
		list(c)
	}
}

func (a *API) answerContexts(c *gin.Context) error {
	if isLookup(c) {
		return answerLookup(c, a, a.contexts(c), a.parts.Metadata.Context, func(v *monitor.Context) string { return v.H })
	}
	return answerList(c, a.PageSize, a.contexts(c))
}

func (a *API) answerSessions(c *gin.Context) error {
	if isLookup(c) {
		return answerLookup(c, a, a.filteredSessions(c), a.parts.Metadata.Session, func(v *monitor.Session) string { return v.SessionH })
	}
	return answerList(c, a.PageSize, a.filteredSessions(c))
}

// hashLength is the length of a hash of pytest-monitor: an MD5 sum in hexadecimal digits.
const hashLength = 32

// isLookup reports whether a request looks like a lookup of pytest-monitor: with a whole hash, without a query, and for
// any format.
func isLookup(c *gin.Context) bool {
	accept := strings.Join(c.Request.Header.Values("Accept"), ",")
	return len(c.Param("h")) == hashLength && c.Request.URL.RawQuery == "" && (accept == "" || accept == "*/*")
}

// answerLookup answers with the context or session that find returns, or with 204 if find returns none. It also answers
// 204 if find fails: pytest-monitor then sends the context or session again, which does no harm. If the request names no
// project, the contexts or sessions of other projects with this hash follow.
func answerLookup[T any](c *gin.Context, a *API, l list[T], find func(ctx context.Context, project, h string) (T, error),
	hashOf func(T) string) error {
	project := httpd.ReadProject(c)
	first, err := find(c.Request.Context(), project, c.Param("h"))
	if err != nil {
		if monitor.ErrorCode(err) != monitor.ENotFound {
			a.logLookup(c, err)
		}
		c.Header("Vary", "Accept")
		c.Status(http.StatusNoContent)
		return nil
	}
	all := l.rows
	l.rows = func(ctx context.Context, p monitor.Page) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			if !yield(first, nil) || project != "" {
				return
			}
			skipped := false // first is in the list too, and must not come twice
			for v, err := range all(ctx, p) {
				switch {
				case err != nil:
					a.logLookup(c, err)
					return
				case hashOf(v) != c.Param("h"):
				case !skipped && bytes.Equal(l.json(nil, v), l.json(nil, first)):
					skipped = true
				case !yield(v, nil):
					return
				}
			}
		}
	}
	return answerPart(c, l, monitor.Page{})
}

func (a *API) logLookup(c *gin.Context, err error) {
	a.parts.Log.LogAttrs(c.Request.Context(), slog.LevelWarn, "lookup failed; the answer lacks its result",
		slog.String("path", c.Request.URL.Path), slog.String("error", err.Error()))
}
