package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/stretchr/testify/require"

	"pymon-bridge/api"
	"pymon-bridge/httpd"
	"pymon-bridge/ingest"
	"pymon-bridge/monitor"
)

// server is an HTTP server with the API and the routes that take records.
type server struct {
	*httpd.Server
	store    *fakeStore
	metadata *fakeMetadata
	api      *api.API
	judge    *fakeJudge
	drift    *fakeDrift
	accepted *fakeAcceptances
	log      *bytes.Buffer
	tokens   *tokens
	doc      *openapi3.T
}

// tokens lists the valid tokens.
type tokens struct{ all []monitor.Token }

func (t *tokens) Tokens(context.Context) (monitor.TokenList, error) {
	return monitor.TokenList{Valid: t.all}, nil
}

// newServer returns a server for a fake store. It needs no token. A page has two elements.
func newServer(t *testing.T, store *fakeStore) *server {
	t.Helper()
	s := serve(t, store)
	s.store = store
	s.api.PageSize = 2
	return s
}

// forEveryStore runs a test with the sample in a fake store and in a local file. One page has the whole sample.
func forEveryStore(t *testing.T, test func(t *testing.T, s *server)) {
	for name, open := range map[string]func(*testing.T) monitor.Store{
		"slices": func(*testing.T) monitor.Store { return sample() }, "sqlite": sampleFile,
	} {
		t.Run(name, func(t *testing.T) { test(t, serve(t, open(t))) })
	}
}

// serve returns a server for a store. It needs no token.
func serve(t *testing.T, store monitor.Store) *server {
	t.Helper()
	s := &server{metadata: &fakeMetadata{}, judge: &fakeJudge{report: sampleReport()}, drift: &fakeDrift{}, accepted: &fakeAcceptances{},
		log: new(bytes.Buffer), tokens: &tokens{}, doc: loadDocument(t)}
	log := slog.New(slog.NewTextHandler(&lockedWriter{w: s.log}, nil))
	s.Server, s.api = mount(s.tokens, api.Parts{Store: store, Metadata: s.metadata, Judge: s.judge, Reports: s.judge, Drift: s.drift,
		Accepter: s.accepted, Printer: printer, Log: log})
	return s
}

// mount returns a server with an API and with routes that take records and discard them.
func mount(tokens *tokens, parts api.Parts) (*httpd.Server, *api.API) {
	auth := httpd.NewAuthenticator(tokens, parts.Log)
	auth.AllowAnonymous = true
	s := httpd.New(auth, parts.Log)
	s.HostNames = []string{"example.com"} // the host of httptest
	ingest.New(ingest.Parts{Journal: blackHole{}, Cache: blackHole{}, Metrics: http.NotFoundHandler(), Log: parts.Log}).Mount(s)
	a := api.New(parts)
	a.Mount(s)
	return s, a
}

// blackHole discards records.
type blackHole struct{}

func (blackHole) Append(context.Context, ...*monitor.Record) error { return nil }
func (blackHole) PutContext(string, *monitor.Context)              {}
func (blackHole) PutSession(string, *monitor.Session)              {}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}

// do sends a request without a network.
func (s *server) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return s.serve(r)
}

// serve answers a request without a network.
func (s *server) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// get sends a GET request and checks the answer against the OpenAPI document.
func (s *server) get(t *testing.T, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := s.do(http.MethodGet, target, "", headers...)
	s.validate(t, target, w)
	return w
}

// validate stops the test unless the document allows the answer.
func (s *server) validate(t *testing.T, target string, w *httptest.ResponseRecorder) {
	t.Helper()
	path := documentedPath(t, s.doc, target)
	item := s.doc.Paths.Value(path)
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: httptest.NewRequest(http.MethodGet, target, nil),
			Route:   &routers.Route{Spec: s.doc, Path: path, PathItem: item, Method: http.MethodGet, Operation: item.Get},
		},
		Status:  w.Code,
		Header:  w.Header(),
		Body:    io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	require.NoError(t, openapi3filter.ValidateResponse(context.Background(), input), "%s: %d %.300s", target, w.Code, w.Body)
}

// basePath matches the base path of a request, with aliases.
var basePath = regexp.MustCompile(`^(/p/[^/]+)?(/api/v1)?((/p/[^/]+)?/api/v1)?`)

// documentedPath returns the path in the document for a request. Of several matching paths it returns the path with the
// most fixed parts.
func documentedPath(t *testing.T, doc *openapi3.T, target string) (best string) {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	rest := basePath.ReplaceAllString(u.EscapedPath(), "")
	asked := strings.Split(strings.Trim(strings.ReplaceAll(rest, "//", "/"), "/"), "/")
	fixed := -1
	for path := range doc.Paths.Map() {
		if n := matches(strings.Split(strings.Trim(path, "/"), "/"), asked); n > fixed {
			best, fixed = path, n
		}
	}
	require.GreaterOrEqual(t, fixed, 0, "%s is not in the document", target)
	return best
}

// matches returns -1 if a template does not match a path. Else the result is greater if the template has more fixed parts.
// Earlier parts count more.
func matches(template, path []string) (fixed int) {
	if len(template) != len(path) {
		return -1
	}
	for i, part := range template {
		fixed *= 2
		switch {
		case part == path[i]:
			fixed++
		case !strings.HasPrefix(part, "{"):
			return -1
		}
	}
	return fixed
}

// loadDocument returns the OpenAPI document as a client gets it. It is valid.
func loadDocument(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := readDocument()
	require.NoError(t, err)
	return doc
}

var readDocument = sync.OnceValues(func() (*openapi3.T, error) {
	w := httptest.NewRecorder()
	handler(&fakeStore{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/openapi.json", nil))
	doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background())
})

// handler returns a server for a store, without tokens and without a log.
func handler(store monitor.Store) *httpd.Server {
	s, _ := mount(&tokens{}, api.Parts{Store: store, Metadata: &fakeMetadata{}, Judge: &fakeJudge{report: sampleReport()},
		Reports: &fakeJudge{report: sampleReport()}, Drift: &fakeDrift{},
		Printer: printer, Log: slog.New(slog.DiscardHandler)})
	return s
}

// decode reads a JSON answer.
func decode(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v), w.Body)
	return v
}
