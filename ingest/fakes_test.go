package ingest_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/httpd"
	"pymon-bridge/ingest"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/test/harness"
)

const (
	contextHash = "c1b8b5fbcb1b5ad1a0e9b3a3ac0d5e2f"
	sessionHash = "53525c1ce0b9b5c1d2f0e5a4b7c8d9e0"

	metricBody = `{"session_h": "` + sessionHash + `", "context_h": "` + contextHash + `", ` +
		`"item_start_time": "2026-11-22T16:03:15.107220", "item_path": "tests.test_a", "item": "test_ok", ` +
		`"item_variant": "test_ok[1, 2]", "item_fs_loc": "tests/test_a.py", "kind": "function", "component": "core", ` +
		`"total_time": 0.05405235290527344, "user_time": 0.03, "kernel_time": 1e-05, "cpu_usage": 1, "mem_usage": -55.78125}`
	contextBody = `{"cpu_count": 2, "cpu_frequency": 2300.0, "cpu_type": "", "cpu_vendor": "V", "ram_total": 24105, ` +
		`"machine_node": "n", "machine_type": "x86_64", "machine_arch": "64bit", "system_info": "Linux - 6.1", ` +
		`"python_info": "3.9.1 \n[GCC]", "h": "` + contextHash + `"}`
	sessionBody = `{"session_h": "` + sessionHash + `", "run_date": "2026-11-22T16:36:00", "scm_ref": "abc", ` +
		`"description": {"a": "b"}}`
)

// fakeJournal is a journal and a cache in memory.
type fakeJournal struct {
	AppendFn func(ctx context.Context, rec *monitor.Record) error // replaces Append if it is not nil

	mu       sync.Mutex
	records  []*monitor.Record
	commits  []int                          // number of records of each Append
	contexts map[[2]string]*monitor.Context // by project and hash
	sessions map[[2]string]*monitor.Session
	cached   []string // "PROJECT HASH"
}

func newFakeJournal() *fakeJournal {
	return &fakeJournal{
		contexts: map[[2]string]*monitor.Context{},
		sessions: map[[2]string]*monitor.Session{},
	}
}

func (j *fakeJournal) Append(ctx context.Context, recs ...*monitor.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.commits = append(j.commits, len(recs))
	for _, rec := range recs {
		if j.AppendFn != nil {
			if err := j.AppendFn(ctx, rec); err != nil {
				return err
			}
			continue
		}
		j.append(rec)
	}
	return nil
}

func (j *fakeJournal) append(rec *monitor.Record) {
	switch {
	case rec.Context != nil:
		rec.Context, rec.Repeat, rec.Differs = keep(j.contexts, rec.Project, rec.Context.H, rec.Context, wire.AppendContext)
	case rec.Session != nil:
		rec.Session, rec.Repeat, rec.Differs = keep(j.sessions, rec.Project, rec.Session.SessionH, rec.Session, wire.AppendSession)
	}
	if !rec.Repeat {
		j.records = append(j.records, rec)
	}
}

// keep stores v unless its project and hash have a value. It returns the stored value, whether v is a repeat, and
// whether v differs from the stored value.
func keep[T any](m map[[2]string]*T, project, h string, v *T, encode func([]byte, *T) []byte) (*T, bool, bool) {
	known, ok := m[[2]string{project, h}]
	if !ok {
		m[[2]string{project, h}] = v
		return v, false, false
	}
	return known, true, string(encode(nil, known)) != string(encode(nil, v))
}

func (j *fakeJournal) stored() []*monitor.Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]*monitor.Record(nil), j.records...)
}

// ProjectOf finds what was stored, the preferred project first.
func (j *fakeJournal) ProjectOf(_ context.Context, class monitor.Class, h, prefer string) (string, error) {
	found := ""
	for _, rec := range j.stored() {
		if rec.Class() != class || class == monitor.ClassContext && rec.Context.H != h || class == monitor.ClassSession && rec.Session.SessionH != h {
			continue
		}
		if found == "" || rec.Project == prefer {
			found = rec.Project
		}
	}
	return found, nil
}

func (j *fakeJournal) PutContext(project string, c *monitor.Context) { j.put(project, c.H) }
func (j *fakeJournal) PutSession(project string, s *monitor.Session) { j.put(project, s.SessionH) }

func (j *fakeJournal) put(project, h string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cached = append(j.cached, project+" "+h)
}

// bridge is a server with a handler and a fake journal. It records its log and the calls of its hooks.
type bridge struct {
	*httpd.Server
	handler *ingest.Handler
	journal *fakeJournal
	tried   *fakeJournal // gets what is not to be stored
	log     *harness.Buffer
	calls   *hookCalls
	health  *fakeHealth
	tokens  []monitor.Token
}

// Tokens implements [httpd.TokenLister].
func (b *bridge) Tokens(context.Context) (monitor.TokenList, error) {
	return monitor.TokenList{Valid: b.tokens}, nil
}

type hookCalls struct {
	mu       sync.Mutex
	accepted []string // "CLASS" or "CLASS again"
	refused  []string
}

func (h *hookCalls) note(list *[]string, s string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*list = append(*list, s)
}

type fakeHealth struct{ state monitor.Health }

func (h *fakeHealth) Health() monitor.Health { return h.state }

var received = time.Date(2026, 11, 22, 16, 3, 15, 0, time.UTC)

// newBridge returns a bridge without tokens that everybody may use.
func newBridge() *bridge {
	b := &bridge{journal: newFakeJournal(), tried: newFakeJournal(), log: new(harness.Buffer), calls: new(hookCalls)}
	log := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	auth := httpd.NewAuthenticator(b, log)
	auth.AllowAnonymous = true
	b.Server = httpd.New(auth, log)
	b.HostNames = []string{"bridge", "b", "example.com"} // example.com is the host of httptest
	b.OnRefused = func(reason string) { b.calls.note(&b.calls.refused, reason) }
	b.health = &fakeHealth{state: monitor.Health{Component: "journal", OK: true, Required: true}}
	b.handler = ingest.New(ingest.Parts{
		Journal: b.journal, Import: b.journal, Try: b.tried, Projects: b.journal, Cache: b.journal, Health: []monitor.HealthChecker{b.health},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "figures") }),
		Log:     log,
	})
	b.handler.Now = func() time.Time { return received }
	b.handler.OnAccepted = func(class monitor.Class, repeat bool) {
		b.calls.note(&b.calls.accepted, string(class)+map[bool]string{true: " again"}[repeat])
	}
	b.handler.Mount(b.Server)
	return b
}

// do sends one request without a network.
func (b *bridge) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

// mustPost sends a POST and stops the test unless the answer is 201.
func (b *bridge) mustPost(t *testing.T, path, body string) {
	t.Helper()
	w := b.do(http.MethodPost, path, body)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
}

// statusRecorder records only the status of an answer.
type statusRecorder struct {
	header http.Header
	status int
}

func (w *statusRecorder) Header() http.Header { return w.header }

func (w *statusRecorder) WriteHeader(status int) { w.status = status }

func (w *statusRecorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return len(p), nil
}
