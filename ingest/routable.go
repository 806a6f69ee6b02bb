package ingest

import (
	"net/http"
	"strings"
)

// headWriter ends answers to HEAD of which one part was written, since nobody reads the rest of a long list.
type headWriter struct {
	http.ResponseWriter
	begun bool
}

func (w *headWriter) Write(b []byte) (int, error) {
	if w.begun {
		return 0, http.ErrBodyNotAllowed
	}
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// Unwrap gives [http.ResponseController] what it controls.
func (w *headWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// routable returns r as the router should see it. HEAD is routed as GET, net/http leaving out the body of the
// answer. A plus sign in a path is itself, while the router would take it for a space where a path is escaped.
func routable(r *http.Request) *http.Request {
	head, plus := r.Method == http.MethodHead, strings.Contains(r.URL.RawPath, "+")
	if !head && !plus {
		return r
	}
	routed := *r
	if head {
		routed.Method = http.MethodGet
	}
	if plus {
		u := *r.URL
		u.RawPath = strings.ReplaceAll(u.RawPath, "+", "%2B")
		routed.URL = &u
	}
	return &routed
}
