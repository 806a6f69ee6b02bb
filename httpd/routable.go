package httpd

import (
	"net/http"
	"strings"
)

// headWriter writes the answer to a HEAD request. Every write after the first fails. This stops the handler of a long list
// early, since the client gets no rows.
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

// Unwrap makes the methods of [http.ResponseController] work.
func (w *headWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// routable returns r in the form that the router needs. HEAD becomes GET; net/http leaves out the body of the answer. A
// plus sign in the path becomes %2B, because Gin would read it as a space.
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
