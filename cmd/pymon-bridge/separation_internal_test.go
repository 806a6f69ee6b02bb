package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/sqlite"
)

// served is a bridge with all its routes. It has tokens of the projects "a" and "b" for each scope. A token's secret is the
// project and the scope, such as "a-read". Project "a" has one run.
type served struct {
	*bridge
	addr string
}

var scopes = []monitor.Scope{monitor.ScopeWrite, monitor.ScopeRead, monitor.ScopeAdmin}

// The hashes of project "b".
const sessionOfB, contextOfB = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"

// serveTokens starts a bridge. Project "b" has a run only if it is asked for.
func serveTokens(t *testing.T, withB bool) *served {
	t.Helper()
	config := &serveCmd{dataFlags: dataFlags{Data: t.TempDir()}, QuietAfter: time.Hour, StopAfter: time.Minute, MaxBody: 1 << 20,
		MaxConnections: 100, PageSize: 2}
	db := sqlite.New(config.Data+"/"+sqlite.FileName, monitor.Zones{Server: time.UTC}, slog.New(slog.DiscardHandler))
	require.NoError(t, db.Open(t.Context()))
	// The run of "a" names the session and the context of "b".
	records := runOf("a", "a0000000000000000000000000000000", "a1111111111111111111111111111111")
	lost := records[len(records)-1].Outcome.Metric
	lost.SessionH, lost.ContextH = sessionOfB, contextOfB
	failed := monitor.Outcome{Metric: lost, NodeID: "lost", Outcome: monitor.OutcomeFailed, Attempts: 1}
	records = append(records, &monitor.Record{Project: "a", Metric: &lost}, &monitor.Record{Project: "a", Outcome: &failed})
	if withB {
		records = append(records, runOf("b", sessionOfB, contextOfB)...)
	}
	for _, record := range records {
		record.Received = time.Date(2026, 11, 22, 12, 1, 0, 0, time.UTC)
	}
	require.NoError(t, db.Append(t.Context(), records))
	require.NoError(t, db.KeepReport(t.Context(), &monitor.Report{Project: "a", Run: "nightly"}))
	if withB {
		require.NoError(t, db.KeepReport(t.Context(), &monitor.Report{Project: "b", Run: "nightly"}))
		_, err := db.Accept(t.Context(), monitor.Acceptance{Project: "b", Branch: "main", Note: "of b"})
		require.NoError(t, err)
	}
	for _, project := range []string{"a", "b"} {
		for _, scope := range scopes {
			of := monitor.Token{Project: project, Scopes: []monitor.Scope{scope}, Hash: hashOf(project + "-" + string(scope))}
			_, err := db.AddToken(t.Context(), of)
			require.NoError(t, err)
		}
	}
	none := monitor.Token{Project: "a", Hash: hashOf("a-none")}
	_, err := db.AddToken(t.Context(), none)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := newBridge(config, slog.New(slog.DiscardHandler))
	require.NoError(t, b.Open(t.Context(), l))
	b.server.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} // the headers of requests are believed
	t.Cleanup(func() { require.NoError(t, b.Close(context.Background())) })
	return &served{b, l.Addr().String()}
}

// runOf returns a context, a session with tags, metrics, and outcomes of flaky tests.
func runOf(project, session, context string) []*monitor.Record {
	tags := fmt.Sprintf(`{"run": "nightly", "branch": "main", "pipeline_branch": "pipe-%[1]s", "pipeline_build_no": "7-%[1]s", `+
		`"note": "of %[1]s"}`, project)
	records := []*monitor.Record{
		{Project: project, Context: &monitor.Context{H: context, MachineNode: "node of " + project, CPUCount: 4}},
		{Project: project, Session: &monitor.Session{SessionH: session, RunDate: "2026-11-22T12:00:00", Description: tags,
			ScmRef: monitor.Text{String: "commit-" + project}, Tags: wire.ParseDescription(tags)}},
	}
	test := "test_" + project
	for i, of := range [][2]string{{"", test}, {"part-" + project, test}, {"part-" + project, test}, {"items", "like"}, {"variants", "like"}} {
		m := monitor.Metric{SessionH: session, ContextH: context,
			ItemStartTime: fmt.Sprintf("2026-11-22T12:00:0%d", i), ItemPath: "tests.of_" + project, Item: of[1],
			ItemVariant: of[1], ItemFSLoc: "of_" + project + ".py", Kind: "function-" + project, Component: of[0],
			TotalTime: float64(i + 1), MemUsage: 2, CPUUsage: 1, UserTime: 1, KernelTime: 1}
		outcome := monitor.Outcome{Metric: m, NodeID: fmt.Sprintf("of_%s.py::%d", project, i), Outcome: monitor.Passed, Attempts: 2}
		records = append(records, &monitor.Record{Project: project, Metric: &m}, &monitor.Record{Project: project, Outcome: &outcome})
	}
	return records
}

// answerTo returns the status and the body of the answer to a request.
func (s *served) answerTo(t *testing.T, method, target string, header ...string) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	defer conn.Close()
	host := "Host: localhost\r\n"
	for _, line := range header {
		if strings.HasPrefix(line, "Host:") {
			host = ""
		}
	}
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\n%s%s\r\nConnection: close\r\n\r\n", method, target, host, strings.Join(header, "\r\n"))
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	require.NoError(t, err, "%s %s", method, target)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// ask sends a request without a network.
func (s *served) ask(method, target, secret string) (int, string) {
	r := httptest.NewRequest(method, target, nil)
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func bearer(secret string) string { return "Authorization: Bearer " + secret }

// ofB fills the parameters of a route with values of project "b".
var ofB = strings.NewReplacer(":component", "part-b", ":item", "test_b",
	":variant", "test_b", ":text", "_b", ":kind", "function-b", ":ref", "commit-b", ":pipeline", "pipe-b", ":build", "7-b",
	":run", "nightly", ":resource", "memory", ":n", "3", ":asset", "swagger-ui.css", ":file", "app.css")

// target returns a target for a route of a project. All that it names within the project are things of "b".
func target(r gin.RouteInfo, project string) string {
	h := sessionOfB
	if strings.Contains(r.Path, "/contexts/") {
		h = contextOfB
	}
	path := strings.NewReplacer(":project", project, ":repeated_project", project, ":h", h).Replace(r.Path)
	return ofB.Replace(path)
}

// TestEveryRouteNeedsAScope walks all routes, so that nobody can forget the scope of a new route.
func TestEveryRouteNeedsAScope(t *testing.T) {
	s := serveTokens(t, true)
	public := map[string]int{"GET /-/healthy": http.StatusOK, "GET /-/ready": http.StatusOK,
		"GET /-/static/:hash/:file": http.StatusOK, "GET /-/login": http.StatusOK, // without a token, a page has its form to log in
		"POST /-/login": http.StatusUnauthorized, "POST /-/logout": http.StatusSeeOther}
	walked := 0
	for _, r := range s.server.Mounted() {
		status := func(secret string) int {
			status, _ := s.ask(r.Method, target(r, "a"), secret)
			return status
		}
		if expected := public[r.Method+" "+r.Path]; expected != 0 {
			assert.Equal(t, expected, status(""), r.Path)
			continue
		}
		walked++
		assert.Equal(t, http.StatusUnauthorized, status(""), "%s %s without a token", r.Method, r.Path)
		assert.Equal(t, http.StatusForbidden, status("a-none"), "%s %s with a token for nothing", r.Method, r.Path)
		for scope, allowed := range scopesOfRoute(r) {
			if allowed && again(r) {
				continue
			}
			got := status("a-" + string(scope))
			assert.Equal(t, allowed, got != http.StatusForbidden, "%s %s with %s: %d", r.Method, r.Path, scope, got)
		}
	}
	assert.Greater(t, walked, 500)
}

// again says whether another route has the same handler, so that a test which is short of time may leave it out.
func again(r gin.RouteInfo) bool { return strings.HasSuffix(r.Path, "/") }

// scopesOfRoute says which scopes allow a route.
func scopesOfRoute(r gin.RouteInfo) map[monitor.Scope]bool {
	end := strings.TrimSuffix(r.Path, "/")
	lookup := strings.HasSuffix(end, "/contexts/:h") || strings.HasSuffix(end, "/sessions/:h")
	docs := strings.HasSuffix(end, "/docs") || strings.HasSuffix(end, "/docs/:asset") || strings.HasSuffix(end, "/openapi.json")
	if r.Method != http.MethodGet && (strings.Contains(end, "/acceptances") || strings.HasSuffix(end, "/accept")) {
		return map[monitor.Scope]bool{monitor.ScopeWrite: false, monitor.ScopeRead: false}
	}
	write := r.Method == http.MethodPost && end != "/-/login/code" // which reads for a browser
	return map[monitor.Scope]bool{monitor.ScopeWrite: write || lookup || docs, monitor.ScopeRead: !write}
}

// TestATokenToWriteGetsNoList checks that pytest's token opens the lookups of pytest, and no other answer of their routes.
func TestATokenToWriteGetsNoList(t *testing.T) {
	s := serveTokens(t, true)
	for _, base := range []string{"", "/api/v1", "/p/b", "/p/b/api/v1"} {
		for kind, h := range map[string]string{"sessions": sessionOfB, "contexts": contextOfB} {
			whole := base + "/" + kind + "/" + h
			status, body := s.answerTo(t, http.MethodGet, whole, bearer("b-write"), "Accept: */*")
			assert.Equal(t, http.StatusOK, status)
			assert.Contains(t, body, h)
			for _, r := range [][]string{{whole[:len(whole)-1], "Accept: */*"}, {base + "/" + kind + "/0", "Accept: */*"},
				{whole + "?page=1", "Accept: */*"}, {whole, "Accept: text/csv"}, {whole, "Accept: application/json"}} {
				status, body := s.answerTo(t, http.MethodGet, r[0], bearer("b-write"), r[1])
				assert.Equal(t, http.StatusForbidden, status, r)
				assert.Contains(t, body, "lacks the scope read")
			}
		}
	}
}

// TestNoTokenReadsAnotherProject sends each request to two bridges. They differ only in the data of project "b". If the
// answers to the holder of a token of "a" are the same, this holder has learned nothing about "b".
func TestNoTokenReadsAnotherProject(t *testing.T) {
	empty, full := serveTokens(t, false), serveTokens(t, true)
	sameAnswer := func(target, secret string) bool {
		inEmpty, without := empty.ask(http.MethodGet, target, secret)
		inFull, with := full.ask(http.MethodGet, target, secret)
		return inEmpty == inFull && without == with
	}
	t.Run("every route", func(t *testing.T) {
		for _, r := range full.server.Mounted() {
			if r.Method != http.MethodGet || strings.HasPrefix(r.Path, "/-/") {
				continue
			}
			if strings.Contains(r.Path, ":project") {
				for _, scope := range scopes {
					status, _ := full.ask(http.MethodGet, target(r, "b"), "a-"+string(scope))
					assert.Equal(t, http.StatusForbidden, status, r.Path)
				}
			}
			if again(r) || strings.Contains(r.Path, "/docs") || strings.Contains(r.Path, "/openapi.json") {
				continue
			}
			assert.True(t, sameAnswer(target(r, "a"), "a-admin"), r.Path)
			if strings.Count(r.Path, "/api/") == 1 {
				assert.False(t, sameAnswer(target(r, "b"), "b-admin"), "%s shows nothing of a project, so it checks nothing", r.Path)
			}
		}
	})
	require.GreaterOrEqual(t, len(waysToB), 47)
	for name, way := range waysToB {
		t.Run(name, func(t *testing.T) {
			for _, scope := range scopes {
				request := strings.NewReplacer("SECRET", "a-"+string(scope), "SESSION", sessionOfB, "CONTEXT", contextOfB).Replace(way.request)
				lines := strings.Split(request, "\n")
				method, target, _ := strings.Cut(lines[0], " ")
				if !strings.Contains(request, "Authorization:") {
					lines = append(lines, bearer("a-"+string(scope)))
				}
				inEmpty, without := empty.answerTo(t, method, target, lines[1:]...)
				inFull, with := full.answerTo(t, method, target, lines[1:]...)
				assert.Equal(t, inEmpty, inFull, scope)
				assert.Equal(t, without, with, scope)
				if scope != monitor.ScopeWrite { // its lists are refused in its own project too
					assert.Equal(t, way.status, inFull, "%s: %s", scope, with)
				}
			}
		})
	}
}
