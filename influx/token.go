package influx

import (
	"io"
	"net/http"
	"slices"
	"sync"

	"pymon-bridge/monitor"
)

// token is the token of all requests. It may be replaced while requests are on their way.
type token struct {
	mu  sync.RWMutex
	all []string // the present one is the last; answers to requests on their way may quote earlier ones
}

// knownTokens is how many tokens are kept in memory and hidden. A request takes a minute at most, so the latest ones are enough.
const knownTokens = 8

// SetToken replaces the token for all requests from now on. A request on its way keeps the old one. Messages show neither.
// It is safe for concurrent use.
func (w *Writer) SetToken(token string) { w.cfg.token.set(token) }

func (t *token) set(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(slices.DeleteFunc(t.all, func(old string) bool { return old == token }), token)
	t.all = t.all[max(0, len(t.all)-knownTokens):]
}

func (t *token) present() string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.all[len(t.all)-1]
}

// hide removes the tokens from what a server or a proxy said.
func (t *token) hide(s string) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, token := range t.all {
		s = monitor.HideSecret(s, token)
	}
	return s
}

// authorized is an HTTP transport that adds the present token to each request. The client itself has no token, since
// its own cannot be replaced while it is in use.
type authorized struct {
	http.RoundTripper
	token *token
}

// RoundTrip sends a request.
func (a authorized) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Token "+a.token.present())
	resp, err := a.RoundTripper.RoundTrip(req)
	if err == nil && resp.StatusCode >= http.StatusMultipleChoices { // the client reads all of an error
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxError), resp.Body}
	}
	return resp, err
}

// CloseIdleConnections closes those of the transport below.
func (a authorized) CloseIdleConnections() {
	(&http.Client{Transport: a.RoundTripper}).CloseIdleConnections()
}
