package ingest_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/ingest"
	"pymon-bridge/monitor"
)

// bases are all base paths with the project that they write to.
var bases = map[string]string{
	"": monitor.DefaultProject, "/api/v1": monitor.DefaultProject,
	"/p/My-team_1.0": "My-team_1.0", "/p/My-team_1.0/api/v1": "My-team_1.0",
}

// spellings are ways to write a path that begins with a slash and does not end in one.
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

func TestPostIsStoredAndEchoed(t *testing.T) {
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
			assert.Equal(t, []string{tt.class}, b.heard.accepted)
		})
	}
}

func TestAnswersHoldWhatIsStored(t *testing.T) {
	b := newBridge()
	assert.JSONEq(t, metricBody, b.do(http.MethodPost, "/metrics/", metricBody).Body.String())
	w := b.do(http.MethodPost, "/contexts/", contextBody)
	assert.Contains(t, w.Body.String(), `"h":"`+contextHash+`"`)
	assert.Contains(t, w.Body.String(), `"context_h":"`+contextHash+`"`)
	assert.Contains(t, b.do(http.MethodPost, "/sessions/", sessionBody).Body.String(), sessionHash)
}

func TestLookup(t *testing.T) {
	for route, answer := range map[string]string{
		"/contexts/" + contextHash: `{"contexts":[`, "/contexts/c1b": `{"contexts":[`,
		"/sessions/" + sessionHash: `{"sessions":[`, "/sessions/5": `{"sessions":[`,
	} {
		forEveryPath(t, route, func(t *testing.T, path, project string) {
			b := newBridge()
			w := b.do(http.MethodGet, path, "")
			assert.Equal(t, http.StatusNoContent, w.Code, "before it is posted")
			assert.Empty(t, w.Body.String())
			b.mustPost(t, "/p/"+project+"/contexts/", contextBody)
			b.mustPost(t, "/p/"+project+"/sessions/", sessionBody)
			w = b.do(http.MethodGet, path, "")
			require.Equal(t, http.StatusOK, w.Code)
			assert.True(t, strings.HasPrefix(w.Body.String(), answer), w.Body)
			assert.Contains(t, w.Body.String(), `"total_page":1`)
		})
	}
}

func TestLookupStaysInItsProject(t *testing.T) {
	b := newBridge()
	b.mustPost(t, "/p/a/contexts/", contextBody)
	assert.Equal(t, http.StatusOK, b.do(http.MethodGet, "/p/a/contexts/"+contextHash, "").Code)
	assert.Equal(t, http.StatusNoContent, b.do(http.MethodGet, "/p/b/contexts/"+contextHash, "").Code)
	assert.Equal(t, http.StatusOK, b.do(http.MethodGet, "/contexts/"+contextHash, "").Code, "every project's")
}

func TestLookupPrefersTheWholeHash(t *testing.T) {
	b := newBridge()
	b.mustPost(t, "/contexts/", contextBody)
	b.mustPost(t, "/contexts/", strings.Replace(contextBody, contextHash, contextHash+"00", 1))
	for _, path := range []string{"/p/default/contexts/", "/contexts/"} {
		whole := b.do(http.MethodGet, path+contextHash, "").Body.String()
		assert.Equal(t, 1, strings.Count(whole, `"h":`), whole)
	}
	assert.Equal(t, []string{" " + contextHash}, b.journal.searched, "a whole hash of one project needs no search")
	both := b.do(http.MethodGet, "/contexts/"+contextHash[:31], "").Body.String()
	assert.Equal(t, 2, strings.Count(both, `"h":`), both)
	b.PageSize = 1
	page := b.do(http.MethodGet, "/contexts/c", "").Body.String()
	assert.Equal(t, 1, strings.Count(page, `"h":`), page)
}

// TestLookupFindsEveryProjects holds that the answer without a project is the whole list, the first accepted first,
// which is all that the plugin reads, and that of one project is its own.
func TestLookupFindsEveryProjects(t *testing.T) {
	b := newBridge()
	for i, project := range []string{"b", "a"} {
		n := strconv.Itoa(i + 1)
		b.mustPost(t, "/p/"+project+"/contexts/", strings.Replace(contextBody, `"cpu_count": 2`, `"cpu_count": `+n, 1))
		b.mustPost(t, "/p/"+project+"/sessions/", strings.Replace(sessionBody, "abc", n, 1))
	}
	b.mustPost(t, "/contexts/", strings.Replace(contextBody, contextHash, contextHash+"00", 1))
	for path, want := range map[string][]string{
		"/contexts/" + contextHash: {`"cpu_count":1`, `"cpu_count":2`}, "/sessions/" + sessionHash: {`"scm_ref":"1"`, `"scm_ref":"2"`},
	} {
		for base, listed := range map[string][]string{"": want, "/api/v1": want, "/p/a": want[1:], "/p/b/api/v1": want[:1]} {
			w := b.do(http.MethodGet, base+path, "")
			assert.Equal(t, listed, regexp.MustCompile(`"cpu_count":\d|"scm_ref":"\d"`).FindAllString(w.Body.String(), -1), base+path)
		}
	}
}

// TestLookupDoesNotNeedTheSearch holds that what the cache has is found where the local file cannot be searched.
func TestLookupDoesNotNeedTheSearch(t *testing.T) {
	b := newBridge()
	b.mustPost(t, "/contexts/", contextBody)
	asked := 0
	b.journal.LookupFn = func() error {
		if asked++; asked == 1 {
			return nil
		}
		return monitor.Errorf(monitor.EUnavailable, "the file is being checked")
	}
	w := b.do(http.MethodGet, "/contexts/"+contextHash, "")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), contextHash)
	assert.Contains(t, b.log.String(), "the file is being checked")
}

func TestLookupNeverFailsTheClient(t *testing.T) {
	for _, path := range []string{"/contexts/" + contextHash, "/contexts/c", "/sessions/" + sessionHash, "/sessions/5"} {
		b := newBridge()
		b.journal.LookupFn = func() error { return monitor.Errorf(monitor.EUnavailable, "the file is being checked") }
		w := b.do(http.MethodGet, path, "")
		assert.Equal(t, http.StatusNoContent, w.Code)
		assert.Contains(t, b.log.String(), "the file is being checked")
	}
}

func TestHashInPathIsTakenLiterally(t *testing.T) {
	for path, want := range map[string]string{
		"/contexts/a%2Fb": "a/b", "/contexts/a+b": "a+b", "/contexts/a+b%2Fc%20d": "a+b/c d", "/contexts/%25": "%",
		"/contexts/%00": "\x00", "/contexts/_": "_", "/p/x/contexts/%C3%A9": "é", "/contexts/%FF": "\xff",
	} {
		b := newBridge()
		b.do(http.MethodGet, path, "")
		require.Len(t, b.journal.searched, 1, path)
		_, got, _ := strings.Cut(b.journal.searched[0], " ")
		assert.Equal(t, want, got, path)
	}
}

func TestProjectNames(t *testing.T) {
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

func TestSessionHashFromPath(t *testing.T) {
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

func TestRepeats(t *testing.T) {
	b := newBridge()
	b.mustPost(t, "/contexts/", contextBody)
	b.mustPost(t, "/contexts/", contextBody)
	assert.NotContains(t, b.log.String(), "another content")
	other := strings.Replace(contextBody, `"cpu_count": 2`, `"cpu_count": 4`, 1)
	w := b.do(http.MethodPost, "/contexts/", other)
	assert.Equal(t, http.StatusCreated, w.Code)
	assert.Contains(t, w.Body.String(), `"cpu_count":2`, "the first content stays")
	assert.Equal(t, []string{"context", "context again", "context again"}, b.heard.accepted)
	log := b.log.String()
	assert.Contains(t, log, "level=WARN")
	assert.Contains(t, log, "hash="+contextHash)
	assert.Regexp(t, `stored_sha256=[0-9a-f]{64} sent_sha256=[0-9a-f]{64}`, log)
	b.mustPost(t, "/sessions/", sessionBody)
	b.mustPost(t, "/sessions/", strings.Replace(sessionBody, "abc", "def", 1))
	assert.Contains(t, b.log.String(), "hash="+sessionHash)
}

func TestStoredMetadataIsCachedAtOnce(t *testing.T) {
	b := newBridge()
	b.mustPost(t, "/p/a/contexts/", contextBody)
	b.mustPost(t, "/sessions/", sessionBody)
	b.mustPost(t, "/metrics/", metricBody)
	assert.Equal(t, []string{"a " + contextHash, "default " + sessionHash}, b.journal.cached)
	b.journal.AppendFn = func(context.Context, *monitor.Record) error { return monitor.Errorf(monitor.EFull, "full") }
	b.do(http.MethodPost, "/sessions/", sessionBody)
	assert.Len(t, b.journal.cached, 2, "what is not stored is not cached")
}

func TestMethods(t *testing.T) {
	tests := []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/metrics/", 405, "POST, OPTIONS"},
		{"GET", "/contexts", 405, "POST, OPTIONS"},
		{"HEAD", "/p/a/sessions/", 405, "POST, OPTIONS"},
		{"PUT", "/metrics", 405, "POST, OPTIONS"},
		{"DELETE", "/contexts/abc", 405, "GET, HEAD, OPTIONS, POST"},
		{"PATCH", "/api/v1//sessions/abc/", 405, "GET, HEAD, OPTIONS, POST"},
		{"FOO", "/metrics/", 405, "POST, OPTIONS"},
		{"POST", "/-/healthy", 405, "GET, HEAD, OPTIONS"},
		{"OPTIONS", "/metrics/", 200, "POST, OPTIONS"},
		{"OPTIONS", "/contexts/abc", 200, "GET, HEAD, OPTIONS, POST"},
		{"OPTIONS", "/nothing", 404, ""},
		{"HEAD", "/contexts/abc", 204, ""},
		{"HEAD", "/-/healthy", 200, ""},
		{"GET", "/", 404, ""},
		{"GET", "/favicon.ico", 404, ""},
		{"POST", "/api/v2/metrics/", 404, ""},
		{"POST", "/metrics/abc", 404, ""},
		{"POST", "/contexts/a/b", 404, ""},
		{"POST", "/p//metrics/", 404, ""},
		{"CONNECT", "/metrics/", 405, "POST, OPTIONS"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			b := newBridge()
			w := b.do(tt.method, tt.path, metricBody)
			assert.Equal(t, tt.status, w.Code)
			assert.ElementsMatch(t, strings.Split(tt.allow, ", "), strings.Split(w.Header().Get("Allow"), ", "))
			assert.Empty(t, w.Header().Get("Location"))
			if tt.status >= 400 {
				assert.Contains(t, w.Header().Get("Content-Type"), "application/json")
				assert.Contains(t, w.Body.String(), `{"message":"`)
			}
			assert.Empty(t, b.journal.stored())
		})
	}
}

func TestAncientClientsAreToldWhatToUse(t *testing.T) {
	forEveryPath(t, "/contexts", func(t *testing.T, path, _ string) {
		b := newBridge()
		w := b.do(http.MethodGet, path+"?environ_hash="+contextHash, "")
		assert.Equal(t, http.StatusBadRequest, w.Code)
		assert.Contains(t, w.Body.String(), "1.3.0")
		assert.Equal(t, []string{"old_client"}, b.heard.refused)
	})
}

func TestMountedRoutesAreBehindTheDoor(t *testing.T) {
	b := newBridge()
	b.MountAPI(func(r gin.IRouter) {
		r.GET("/contexts/count", func(c *gin.Context) { c.String(http.StatusOK, "api "+ingest.ReadProject(c)) })
		r.GET("/contexts/", func(c *gin.Context) { _ = c.Error(monitor.Errorf(monitor.ENotFound, "no page 7")) })
	}, ingest.Lists{})
	b.MountPages(func(r gin.IRouter) {
		r.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "page "+ingest.ReadProject(c)) })
	})
	for path, want := range map[string]string{
		"/api/v1/contexts/count": "api ", "/p/a/api/v1//contexts/count": "api a", "/": "page ", "/p/a/": "page a",
	} {
		w := b.do(http.MethodGet, path, "")
		assert.Equal(t, http.StatusOK, w.Code, path)
		assert.Equal(t, want, w.Body.String(), path)
	}
	assert.Equal(t, http.StatusNoContent, b.do(http.MethodGet, "/contexts/count", "").Code, "only below /api/v1")
	assert.Equal(t, http.StatusNoContent, b.do(http.MethodGet, "/api/v1/contexts/coun", "").Code)
	w := b.do(http.MethodGet, "/api/v1/contexts/", "")
	assert.Equal(t, http.StatusNotFound, w.Code)
	assert.JSONEq(t, `{"message":"no page 7"}`, w.Body.String())
	assert.Equal(t, http.StatusBadRequest, b.do(http.MethodGet, "/api/v1/contexts/?environ_hash=x", "").Code)
	b.door.AllowOpen = false
	assert.Equal(t, http.StatusUnauthorized, b.do(http.MethodGet, "/p/a/", "").Code)
	assert.Equal(t, http.StatusUnauthorized, b.do(http.MethodGet, "/api/v1/contexts/count", "").Code)
}

// TestListsAnswerWhatIsNotThePlugins holds that pytest-monitor's lookups are answered here, whatever becomes of the
// lists, and that everything else at their path goes to the lists.
func TestListsAnswerWhatIsNotThePlugins(t *testing.T) {
	b := newBridge()
	list := func(name string) gin.HandlerFunc {
		return func(c *gin.Context) { c.String(http.StatusOK, name+" "+c.Param("h")+" "+ingest.ReadProject(c)) }
	}
	b.MountAPI(func(gin.IRouter) {}, ingest.Lists{Contexts: list("contexts"), Sessions: list("sessions")})
	for base, project := range bases {
		read := project
		if !strings.HasPrefix(base, "/p/") {
			read = ""
		}
		for _, accept := range []string{"", "*/*"} {
			w := b.do(http.MethodGet, base+"/contexts/"+contextHash, "", "Accept", accept)
			assert.Equal(t, http.StatusNoContent, w.Code, "the plugin asks for a whole hash")
			assert.Equal(t, "Accept", w.Header().Get("Vary"), "another header is answered by the list")
		}
		for path, want := range map[string]string{
			"/contexts/c1": "contexts c1 ", "/sessions/5/": "sessions 5 ", "/sessions/a%2Fb": "sessions a/b ",
			"/contexts/" + contextHash + "?page=1": "contexts " + contextHash + " ",
			"/contexts/" + contextHash + "0":       "contexts " + contextHash + "0 ",
		} {
			assert.Equal(t, want+read, b.do(http.MethodGet, base+path, "").Body.String())
		}
		for _, accept := range [][]string{{"Accept", "text/csv"}, {"Accept", "*/*", "Accept", "text/csv"}} {
			w := b.do(http.MethodGet, base+"/sessions/"+sessionHash, "", accept...)
			assert.Equal(t, "sessions "+sessionHash+" "+read, w.Body.String())
		}
	}
	assert.NotContains(t, b.journal.searched, " c1", "the lists search for themselves")
}

func TestHealth(t *testing.T) {
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

func TestRequestsAreObservedByTemplate(t *testing.T) {
	b := newBridge()
	b.do(http.MethodPost, "/p/a//metrics/", metricBody)
	b.do(http.MethodPost, "/p/b/metrics", "{")
	b.do(http.MethodGet, "/contexts/abc", "")
	b.do("FOO", "/"+url.PathEscape("any thing"), "")
	assert.Equal(t, []string{"POST|/p/:project/metrics|Created", "POST|/p/:project/metrics|Bad Request",
		"GET|/contexts/:h|No Content", "||Not Found"}, b.heard.routes)
}

// FuzzPath looks for a path that makes the router panic, redirect or fail.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/", "//", "/p/a/api/v1/contexts/x/y", "/p/contexts/contexts/p/", "/%2F/", "/api/v1/p",
		"/contexts/count/metrics", "/sessions/c/", "/../x", "/p/%2e%2e/metrics/", "/contexts/%zz"} {
		f.Add(uint8(0), seed)
	}
	b := newBridge()
	b.MountAPI(func(r gin.IRouter) {
		for _, path := range []string{"/contexts/count", "/contexts/:h/metrics", "/sessions/count", "/sessions/:h/metrics",
			"/components/metrics", "/components/:c/metrics", "/components/:c/items/:i/metrics", "/components/items/:i/metrics"} {
			r.GET(path, func(c *gin.Context) { c.Status(http.StatusOK) })
		}
	}, ingest.Lists{})
	f.Fuzz(func(t *testing.T, method uint8, path string) {
		u, err := url.ParseRequestURI("/" + path)
		if err != nil {
			return
		}
		r, err := http.NewRequest([]string{"GET", "POST", "HEAD", "OPTIONS", "PUT"}[method%5], "/", nil)
		require.NoError(t, err)
		r.URL, r.Body = u, http.NoBody
		w := &statusRecorder{header: http.Header{}}
		b.ServeHTTP(w, r)
		assert.Contains(t, []int{200, 204, 400, 404, 405}, w.status, path)
	})
}
