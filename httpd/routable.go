package httpd

import (
	"net/http"
	"strings"
)

// headWriter is for the answer to a HEAD. It fails from the second write on, so that a long list ends early: nobody
// reads its rows.
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

// routable returns r as the router should see it. HEAD is routed as GET; net/http leaves out the body of the answer. A
// plus sign in a path stands for itself, but in an escaped path the router would take it for a space.
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
