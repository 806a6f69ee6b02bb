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

// lookupRoutes are where pytest-monitor asks whether a context or session is known. Every other question there is one
// for a list.
func (a *API) lookupRoutes() []route {
	return []route{
		{path: "/contexts/:h", summary: "Contexts whose hash begins with a text", answer: "Contexts", query: listQuery,
			empty: true, handle: handler(a.answerContexts)},
		{path: "/sessions/:h", summary: "Sessions whose hash begins with a text", answer: "Sessions", query: flagQuery,
			empty: true, handle: handler(a.answerSessions)},
	}
}

func (a *API) answerContexts(c *gin.Context) error {
	if asksPlugin(c) {
		return answerLookup(c, a, a.contexts(c), a.parts.Metadata.Context, func(v *monitor.Context) string { return v.H })
	}
	return answerList(c, a.PageSize, a.contexts(c))
}

func (a *API) answerSessions(c *gin.Context) error {
	if asksPlugin(c) {
		return answerLookup(c, a, a.sessionsAsked(c), a.parts.Metadata.Session, func(v *monitor.Session) string { return v.SessionH })
	}
	return answerList(c, a.PageSize, a.sessionsAsked(c))
}

// hashLength is the length of the plugin's hashes, MD5 in hexadecimal digits.
const hashLength = 32

// asksPlugin says whether a request is like pytest-monitor's: for a whole hash, without a query, and for any format.
func asksPlugin(c *gin.Context) bool {
	accept := strings.Join(c.Request.Header.Values("Accept"), ",")
	return len(c.Param("h")) == hashLength && c.Request.URL.RawQuery == "" && (accept == "" || accept == "*/*")
}

// answerLookup answers with what find returns, and with 204 where that is nothing. It answers a failure with 204 too: the
// plugin then posts what it has, which does no harm. Without a project, what other projects have with this hash follows.
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
	others := l.rows
	l.rows = func(ctx context.Context, p monitor.Page) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			if !yield(first, nil) || project != "" {
				return
			}
			met := false // first, which is in the list as well
			for v, err := range others(ctx, p) {
				switch {
				case err != nil:
					a.logLookup(c, err)
					return
				case hashOf(v) != c.Param("h"):
				case !met && bytes.Equal(l.json(nil, v), l.json(nil, first)):
					met = true
				case !yield(v, nil):
					return
				}
			}
		}
	}
	return answerPart(c, l, monitor.Page{})
}

func (a *API) logLookup(c *gin.Context, err error) {
	a.parts.Log.LogAttrs(c.Request.Context(), slog.LevelWarn, "lookup failed; answered without it",
		slog.String("path", c.Request.URL.Path), slog.String("error", err.Error()))
}
