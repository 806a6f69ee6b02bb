package harness

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// Poster sends JSON to a bridge like the plugin: it opens a new connection for each request.
type Poster struct {
	Base   string      // address that paths are added to
	Header http.Header // of each request
	Client http.Client
}

// NewPoster returns a poster for the bridge at base.
func NewPoster(base string) *Poster {
	return &Poster{base, http.Header{"Content-Type": {"application/json"}}, http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// Send sends a request. When the answer is cut off, the reply has its status beside the error.
func (p *Poster) Send(method, path, body string) (Reply, error) {
	req, err := http.NewRequest(method, p.Base+path, strings.NewReader(body))
	if err != nil {
		return Reply{}, err
	}
	req.Header = p.Header.Clone()
	resp, err := p.Client.Do(req)
	if err != nil {
		return Reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return Reply{resp.StatusCode, resp.Header, string(text)}, err
}

// MustPost posts a record. The test fails unless it is accepted.
func (p *Poster) MustPost(tb testing.TB, path, body string) {
	tb.Helper()
	if r, err := p.Send(http.MethodPost, path, body); err != nil || r.Status != http.StatusCreated {
		tb.Errorf("POST %s %.300s: %d %s %v", path, body, r.Status, r.Body, err)
	}
}
