package ingest_test

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// bases maps every base path to the project that it writes to.
var bases = map[string]string{
	"": monitor.DefaultProject, "/api/v1": monitor.DefaultProject,
	"/p/My-team_1.0": "My-team_1.0", "/p/My-team_1.0/api/v1": "My-team_1.0",
}

// spellings has functions that spell a path in another way. The path begins with a slash and has no final slash.
var spellings = map[string]func(path string) string{
	"plain":               func(p string) string { return p },
	"final slash":         func(p string) string { return p + "/" },
	"doubled final slash": func(p string) string { return p + "//" },
	"doubled first slash": func(p string) string { return "/" + p },
	"doubled before the last": func(p string) string {
		i := strings.LastIndexByte(p, '/')
		return p[:i] + "/" + p[i:]
	},
	"all doubled": func(p string) string { return strings.ReplaceAll(p, "/", "//") + "//" },
}

// forEveryPath calls test with every spelling of a route below every base path.
func forEveryPath(t *testing.T, route string, test func(t *testing.T, path, project string)) {
	for base, project := range bases {
		for name, spell := range spellings {
			path := spell(base + route)
			t.Run(name+" "+path, func(t *testing.T) { test(t, path, project) })
		}
	}
}

func TestPostIsStored(t *testing.T) {
	tests := []struct{ route, body, class string }{
		{"/contexts", contextBody, "context"},
		{"/contexts/whatever", contextBody, "context"},
		{"/sessions", sessionBody, "session"},
		{"/sessions/" + sessionHash, sessionBody, "session"},
		{"/metrics", metricBody, "metric"},
	}
	for _, tt := range tests {
		forEveryPath(t, tt.route, func(t *testing.T, path, project string) {
			b := newBridge()
			w := b.do(http.MethodPost, path, tt.body, "Content-Type", "application/json")
			require.Equal(t, http.StatusCreated, w.Code, w.Body)
			assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
			records := b.journal.stored()
			require.Len(t, records, 1)
			assert.Equal(t, project, records[0].Project)
			assert.Equal(t, tt.class, string(records[0].Class()))
			assert.Equal(t, received, records[0].Received)
			assert.Equal(t, "192.0.2.1", records[0].Client)
			assert.Equal(t, []string{tt.class}, b.calls.accepted)
		})
	}
}

func TestAnswersHaveTheStoredRecord(t *testing.T) {
	b := newBridge()
	assert.JSONEq(t, metricBody, b.do(http.MethodPost, "/metrics/", metricBody).Body.String())
	w := b.do(http.MethodPost, "/contexts/", contextBody)
	assert.Contains(t, w.Body.String(), `"h":"`+contextHash+`"`)
	assert.Contains(t, w.Body.String(), `"context_h":"`+contextHash+`"`)
	assert.Contains(t, b.do(http.MethodPost, "/sessions/", sessionBody).Body.String(), sessionHash)
}

func TestInvalidProjectNamesAreNotFound(t *testing.T) {
	for name, want := range map[string]int{
		"a": 201, strings.Repeat("x", 64): 201, "A.b-c_9": 201, "%61": 201,
		strings.Repeat("x", 65): 404, "a%20b": 404, "a%2Fb": 404, "%C3%A9": 404, "a%00": 404, "a+b": 404, "a%0A": 404,
	} {
		b := newBridge()
		w := b.do(http.MethodPost, "/p/"+name+"/metrics/", metricBody)
		assert.Equal(t, want, w.Code, name)
		assert.Len(t, b.journal.stored(), map[int]int{201: 1, 404: 0}[want], name)
	}
}

func TestSessionHashMayBeInThePath(t *testing.T) {
	const rest = `"run_date": "2026-11-22T16:36:00", "scm_ref": null, "description": {}`
	for _, tt := range []struct{ path, body, want string }{
		{"/sessions/abc", `{` + rest + `}`, "abc"},
		{"/sessions/abc", " \n{" + rest + `}`, "abc"},
		{"/sessions/abc", `{"session_h": "body", ` + rest + `}`, "body"},
		{"/sessions/a%22b%5C/", `{` + rest + `}`, `a"b\`},
	} {
		b := newBridge()
		b.mustPost(t, tt.path, tt.body)
		assert.Equal(t, tt.want, b.journal.stored()[0].Session.SessionH)
	}
	w := newBridge().do(http.MethodPost, "/sessions/abc", `{}`)
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Contains(t, w.Body.String(), "run_date")
	assert.NotContains(t, w.Body.String(), "session_h")
}

func TestFirstContentOfAHashStays(t *testing.T) {
	b := newBridge()
	b.mustPost(t, "/contexts/", contextBody)
	b.mustPost(t, "/contexts/", contextBody)
	assert.NotContains(t, b.log.String(), "other content")
	other := strings.Replace(contextBody, `"cpu_count": 2`, `"cpu_count": 4`, 1)
	w := b.do(http.MethodPost, "/contexts/", other)
	assert.Equal(t, http.StatusCreated, w.Code)
	assert.Contains(t, w.Body.String(), `"cpu_count":2`, "the first content stays")
	assert.Equal(t, []string{"context", "context again", "context again"}, b.calls.accepted)
	log := b.log.String()
	assert.Contains(t, log, "level=WARN")
	assert.Contains(t, log, "hash="+contextHash)
	assert.Regexp(t, `stored_sha256=[0-9a-f]{64} sent_sha256=[0-9a-f]{64}`, log)
	b.mustPost(t, "/sessions/", sessionBody)
	b.mustPost(t, "/sessions/", strings.Replace(sessionBody, "abc", "def", 1))
	assert.Contains(t, b.log.String(), "hash="+sessionHash)
}

func TestStoredMetadataIsCached(t *testing.T) {
	b := newBridge()
	b.mustPost(t, "/p/a/contexts/", contextBody)
	b.mustPost(t, "/sessions/", sessionBody)
	b.mustPost(t, "/metrics/", metricBody)
	assert.Equal(t, []string{"a " + contextHash, "default " + sessionHash}, b.journal.cached)
	b.journal.AppendFn = func(context.Context, *monitor.Record) error { return monitor.Errorf(monitor.EFull, "full") }
	b.do(http.MethodPost, "/sessions/", sessionBody)
	assert.Len(t, b.journal.cached, 2, "a session that is not stored is not cached")
}

func TestReadyHasALinePerComponent(t *testing.T) {
	b := newBridge()
	w := b.do(http.MethodGet, "/-/healthy", "")
	assert.Equal(t, "ok\n", w.Body.String())
	for _, tt := range []struct {
		health monitor.Health
		status int
		want   string
	}{
		{monitor.Health{Component: "journal", OK: true, Required: true}, 200, "[+]journal ok\n"},
		{monitor.Health{Component: "delivery", OK: true, Detail: "12 to go"}, 200, "[+]delivery ok: 12 to go\n"},
		{monitor.Health{Component: "delivery", Detail: "401 unauthorized:\n token, 9 kept"}, 200,
			"[-]delivery: 401 unauthorized: token, 9 kept\n"},
		{monitor.Health{Component: "journal", Required: true, Detail: "disk full"}, 503, "[-]journal: disk full\n"},
	} {
		b.health.state = tt.health
		w := b.do(http.MethodGet, "/-/ready", "")
		assert.Equal(t, tt.status, w.Code)
		assert.Equal(t, tt.want, w.Body.String())
		assert.Equal(t, http.StatusOK, b.do(http.MethodGet, "/-/healthy", "").Code)
	}
}

// The details name files, and the address and organisation of InfluxDB.
func TestReadyTellsStrangersNoDetails(t *testing.T) {
	b := newBridge()
	b.tokens = []monitor.Token{{Project: "a", Hash: sha256.Sum256([]byte("secret"))}}
	for _, tt := range []struct {
		health   monitor.Health
		status   int
		stranger string
		holder   string
	}{
		{monitor.Health{Component: "journal", OK: true, Required: true, Detail: "/data/pymon.db"}, 200,
			"[+]journal ok\n", "[+]journal ok: /data/pymon.db\n"},
		{monitor.Health{Component: "delivery", Detail: "http://influx:8086 org=o"}, 200,
			"[-]delivery: not ok\n", "[-]delivery: http://influx:8086 org=o\n"},
		{monitor.Health{Component: "journal", Required: true, Detail: "/data is full"}, 503,
			"[-]journal: not ok\n", "[-]journal: /data is full\n"},
	} {
		b.health.state = tt.health
		for _, authorization := range []string{"", "Bearer wrong"} {
			w := b.do(http.MethodGet, "/-/ready", "", "Authorization", authorization)
			assert.Equal(t, tt.status, w.Code)
			assert.Equal(t, tt.stranger, w.Body.String())
		}
		w := b.do(http.MethodGet, "/-/ready", "", "Authorization", "Bearer secret")
		assert.Equal(t, tt.status, w.Code)
		assert.Equal(t, tt.holder, w.Body.String())
	}
	open := newBridge()
	open.HostNames = nil // the request names example.com
	open.health.state.Detail = "/data/pymon.db"
	assert.Equal(t, "[+]journal ok\n", open.do(http.MethodGet, "/-/ready", "").Body.String(), "an unknown host")
}

func TestErrorNamesTheField(t *testing.T) {
	w := newBridge().do(http.MethodPost, "/metrics/", metric("2026-11-22T16:03:15.107220", "now"))
	assert.JSONEq(t, `{"message": "invalid metric", "errors": {"item_start_time":
		"expected an ISO 8601 date such as 2026-01-31T12:00:00.123456"}}`, w.Body.String())
}

func TestSuccessIsNotLogged(t *testing.T) {
	b := newBridge()
	b.mustPost(t, "/contexts/", contextBody)
	b.mustPost(t, "/metrics/", metricBody)
	assert.Empty(t, b.log.String())
}

// TestClientThatClosesItsSendingSideGetsAnAnswer: net/http cancels the context of such a request.
func TestClientThatClosesItsSendingSideGetsAnAnswer(t *testing.T) {
	b := newBridge()
	b.journal.AppendFn = func(ctx context.Context, _ *monitor.Record) error { return ctx.Err() }
	w := doAndLeave(b, httptest.NewRequest(http.MethodPost, "/metrics/", strings.NewReader(metricBody)))
	assert.Equal(t, http.StatusCreated, w.Code, w.Body.String())
	assert.Empty(t, b.calls.refused)
}

// doAndLeave serves a request whose context is canceled.
func doAndLeave(b *bridge, r *http.Request) *httptest.ResponseRecorder {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r.WithContext(ctx))
	return w
}
