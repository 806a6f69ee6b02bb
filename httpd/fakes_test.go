package httpd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

const metricBody = `{"item": "test_ok", "total_time": 0.05405235290527344}`

// bridge is a server with routes like those of the program. It records its log and the calls of its hooks.
type bridge struct {
	*httpd.Server
	auth  *httpd.Authenticator
	log   *harness.Buffer
	calls *hookCalls

	PostFn   func(ctx context.Context) error // runs before a POST is stored
	TokensFn func(ctx context.Context) (monitor.TokenList, error)

	mu     sync.Mutex
	stored []string // the project of every POST
	hashes []string // the hash of every GET
}

// Tokens implements [httpd.TokenLister].
func (b *bridge) Tokens(ctx context.Context) (monitor.TokenList, error) { return b.TokensFn(ctx) }

// newBridge returns a bridge without tokens that everybody may use.
func newBridge() *bridge {
	b := &bridge{log: new(harness.Buffer), calls: new(hookCalls)}
	b.PostFn = func(context.Context) error { return nil }
	b.TokensFn = func(context.Context) (monitor.TokenList, error) { return monitor.TokenList{}, nil }
	log := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.auth = httpd.NewAuthenticator(b, log)
	b.auth.AllowAnonymous = true
	b.Server = httpd.New(b.auth, log)
	b.HostNames = []string{"bridge", "example.com"} // example.com is the host of httptest
	b.OnRefused = func(reason string) { b.calls.note(&b.calls.refused, reason) }
	b.OnRequest = func(method, route string, status int, _ time.Duration) {
		b.calls.note(&b.calls.routes, strings.Join([]string{method, route, http.StatusText(status)}, "|"))
	}
	for _, path := range []string{"/-/healthy", "/-/ready"} {
		b.Public().GET(path, func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	}
	b.Routes("/-", monitor.ScopeRead).GET("/metrics", func(c *gin.Context) { c.String(http.StatusOK, "figures") })
	for _, base := range slices.Concat(httpd.RootBases, httpd.APIBases) {
		b.Routes(base, monitor.ScopeRead).GET("/download", func(c *gin.Context) { c.Data(http.StatusOK, "text/plain", make([]byte, large)) })
		b.Routes(base, monitor.ScopeRead, monitor.ScopeWrite).GET("/docs", func(c *gin.Context) { c.String(http.StatusOK, "docs") })
		for _, end := range []string{"", "/"} {
			b.Data(base, monitor.ScopeWrite).POST("/metrics"+end, b.post)
			b.Data(base, monitor.ScopeWrite).POST("/contexts/:h"+end, b.post)
			b.Data(base, monitor.ScopeRead).GET("/contexts/:h"+end, b.get)
		}
	}
	return b
}

func (b *bridge) post(c *gin.Context) {
	_, err := httpd.ReadJSON(c.Request, nil, 4<<20)
	if err == nil {
		err = b.PostFn(c.Request.Context())
	}
	if err != nil {
		httpd.Fail(c, err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored = append(b.stored, httpd.WriteProject(c))
	c.String(http.StatusCreated, httpd.ClientOf(c.Request))
}

func (b *bridge) get(c *gin.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hashes = append(b.hashes, c.Param("h"))
	c.String(http.StatusOK, "of "+httpd.ReadProject(c))
}

// projects returns the project of every POST so far.
func (b *bridge) projects() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.stored)
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

type hookCalls struct {
	mu      sync.Mutex
	refused []string
	routes  []string // "METHOD|route|status"
}

func (h *hookCalls) note(list *[]string, s string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*list = append(*list, s)
}

func (h *hookCalls) noted(list *[]string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(*list)
}

// serve opens a server for b on a free port and returns its address.
func serve(t *testing.T, b *bridge) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, b.Open(listener))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		assert.NoError(t, b.Close(ctx))
	})
	return listener.Addr().String()
}

// post returns the bytes of an ordinary POST.
func post(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bridge\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return conn
}

// answer has the parts of an answer that the tests check.
type answer struct {
	status  int // 0 when the connection was closed without an answer
	message string
}

// send writes bytes to a new connection and reads one answer.
func send(t *testing.T, addr string, raw []byte) answer {
	t.Helper()
	conn := dial(t, addr)
	_, err := conn.Write(raw)
	require.NoError(t, err)
	return readAnswer(conn)
}

func readAnswer(conn net.Conn) answer {
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{}
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	var parsed struct{ Message string }
	_ = json.Unmarshal(body, &parsed) // only error answers are JSON
	return answer{response.StatusCode, parsed.Message}
}
