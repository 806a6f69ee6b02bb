package ingest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

// answer has the parts of an answer that the tests check.
type answer struct {
	status  int // 0 when the connection was closed without an answer
	message string
	errors  map[string]string
	header  http.Header
}

// send writes bytes to a new connection and reads one answer. With half, it closes the sending side after the bytes.
func send(t *testing.T, addr string, raw []byte, half bool) answer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, _ = conn.Write(raw) // fails if the server closes the connection early
	if half {
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	}
	return readAnswer(bufio.NewReader(conn))
}

func readAnswer(r *bufio.Reader) answer {
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return answer{}
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	var parsed struct {
		Message string
		Errors  map[string]string
	}
	_ = json.Unmarshal(body, &parsed) // answers of net/http itself are not JSON
	return answer{response.StatusCode, parsed.Message, parsed.Errors, response.Header}
}

// request returns the bytes of a request. lines are the request line and the header lines.
func request(body string, lines ...string) []byte {
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)
}

// post returns the bytes of an ordinary POST.
func post(path, body string, headers ...string) []byte {
	lines := append([]string{"POST " + path + " HTTP/1.1", "Host: bridge", fmt.Sprintf("Content-Length: %d", len(body))}, headers...)
	return request(body, lines...)
}

// metric returns metricBody with the first old replaced by new.
func metric(old, new string) string { return replaced(metricBody, old, new) }

func replaced(body, old, new string) string {
	if !strings.Contains(body, old) {
		panic("nothing to replace: " + old)
	}
	return strings.Replace(body, old, new, 1)
}

type oddRequest struct {
	name   string
	raw    []byte
	status int
	field  string // the answer's errors have this field; "" if they have none
	half   bool   // the client closes its sending side after raw
}

func oddRequests() []oddRequest {
	const m = "/metrics/"
	huge := strings.Repeat("x", 20<<20)
	deep := strings.Repeat("[", 100000) + strings.Repeat("]", 100000)
	chunked := []string{"POST /metrics/ HTTP/1.1", "Host: bridge", "Transfer-Encoding: chunked"}
	return []oddRequest{
		// Bodies that are not valid JSON objects.
		{"empty body", post(m, ""), 400, "", false},
		{"no content length", request("", "POST /metrics/ HTTP/1.1", "Host: bridge"), 400, "", false},
		{"white space", post(m, " \r\n\t "), 400, "", false},
		{"no JSON", post(m, "hello"), 400, "", false},
		{"form", post(m, "item=test&kind=function"), 400, "", false},
		{"half an object", post(m, metricBody[:100]), 400, "", false},
		{"two objects", post(m, metricBody+metricBody), 400, "", false},
		{"trailing comma", post(m, metric(`"mem_usage": -55.78125`, `"mem_usage": -55.78125,`)), 400, "", false},
		{"single quotes", post(m, strings.ReplaceAll(metricBody, `"`, `'`)), 400, "", false},
		{"byte order mark", post(m, "\xef\xbb\xbf"+metricBody), 400, "", false},
		{"UTF-16", post(m, "\xff\xfe{\x00}\x00"), 400, "", false},
		{"list of a list", post(m, "[["+metricBody+"]]"), 400, "[0]", false},
		{"null", post(m, "null"), 400, "", false},
		{"number", post(m, "1"), 400, "", false},
		{"text", post(m, `"x"`), 400, "", false},
		{"deep nesting", post(m, deep), 400, "", false},
		{"deep nesting in an unknown field", post(m, metric(`{"`, `{"x": `+deep+`, "`)), 400, "", false},
		{"invalid UTF-8", post(m, metric("test_ok", "\xff\xfe")), 400, "", false},
		{"raw newline in a text", post(m, metric("test_ok", "a\nb")), 400, "", false},
		{"unknown escape", post(m, metric("test_ok", `\x41`)), 400, "", false},
		{"cut escape", post(m, metric("test_ok", `\u12`)), 400, "", false},
		{"comment", post(m, "/* */"+metricBody), 400, "", false},
		{"gzip bytes", post(m, "\x1f\x8b\x08\x00\x00"), 400, "", false},
		// Fields.
		{"empty object", post(m, "{}"), 400, "item", false},
		{"field missing", post(m, metric(`"item"`, `"Item"`)), 400, "item", false},
		{"text is null", post(m, metric(`"test_ok"`, `null`)), 400, "item", false},
		{"text is a number", post(m, metric(`"function"`, `1`)), 400, "kind", false},
		{"number is a text", post(m, metric(`0.05405235290527344`, `"fast"`)), 400, "total_time", false},
		{"number is a boolean", post(m, metric(`0.03`, `true`)), 400, "user_time", false},
		{"number is a list", post(m, metric(`1e-05`, `[1]`)), 400, "kernel_time", false},
		{"number is out of range", post(m, metric(`-55.78125`, `1e999`)), 400, "mem_usage", false},
		{"unreadable date", post(m, metric("2026-11-22T16:03:15.107220", "yesterday")), 400, "item_start_time", false},
		{"date that does not exist", post(m, metric("11-22T", "02-30T")), 400, "item_start_time", false},
		{"date before 1970", post(m, metric("2026-11", "1950-11")), 400, "item_start_time", false},
		{"last of a repeated field", post(m, metric(`}`, `, "item": 7}`)), 400, "item", false},
		{"metric of version 1.0", post(m, `{"run_date": "2026-11-22", "scm_ref": "", "item": "a/b", "kind": "function"}`), 400, "session_h", false},
		{"context without h", post("/contexts/", replaced(contextBody, `"h"`, `"H"`)), 400, "h", false},
		{"context with empty h", post("/contexts/", replaced(contextBody, contextHash, "")), 400, "h", false},
		{"context with half a processor", post("/contexts/", replaced(contextBody, `"cpu_count": 2`, `"cpu_count": 2.5`)), 400, "cpu_count", false},
		{"context with memory as text", post("/contexts/", replaced(contextBody, "24105", `"24 GB"`)), 400, "ram_total", false},
		{"session without date", post("/sessions/", replaced(sessionBody, "run_date", "date")), 400, "run_date", false},
		{"session with a list", post("/sessions/", replaced(sessionBody, `{"a": "b"}`, `["a"]`)), 400, "description", false},
		{"session with empty hash", post("/sessions/", replaced(sessionBody, sessionHash, "")), 400, "session_h", false},
		// Headers.
		{"text/plain", post(m, metricBody, "Content-Type: text/plain"), 400, "Content-Type", false},
		{"form type", post(m, metricBody, "Content-Type: application/x-www-form-urlencoded"), 400, "Content-Type", false},
		{"text/json", post(m, metricBody, "Content-Type: text/json"), 400, "Content-Type", false},
		{"no type at all", post(m, metricBody, "Content-Type: ;;;"), 400, "Content-Type", false},
		{"gzip", post(m, metricBody, "Content-Encoding: gzip"), 415, "Content-Encoding", false},
		{"deflate, gzip", post(m, metricBody, "Content-Encoding: deflate, gzip"), 415, "Content-Encoding", false},
		{"negative length", request("", "POST /metrics/ HTTP/1.1", "Host: b", "Content-Length: -1"), 400, "", false},
		{"length in words", request("", "POST /metrics/ HTTP/1.1", "Host: b", "Content-Length: ten"), 400, "", false},
		{"length out of range", request("", "POST /metrics/ HTTP/1.1", "Host: b", "Content-Length: 99999999999999999999"), 400, "", false},
		{"two lengths", request("{}{}", "POST /metrics/ HTTP/1.1", "Host: b", "Content-Length: 2", "Content-Length: 4"), 400, "", false},
		{"unknown transfer encoding", request("", "POST /metrics/ HTTP/1.1", "Host: b", "Transfer-Encoding: gzip"), 501, "", false},
		{"unknown expectation", post(m, metricBody, "Expect: 200-ok"), 417, "", false},
		{"no host", request("", "GET /contexts/abc HTTP/1.1"), 400, "", false},
		{"two hosts", request("", "GET /contexts/abc HTTP/1.1", "Host: a", "Host: b"), 400, "", false},
		{"header without colon", request("", "GET /contexts/abc HTTP/1.1", "Host: b", "nonsense"), 400, "", false},
		{"giant header", request("", "GET /contexts/abc HTTP/1.1", "Host: b", "X: "+huge[:1<<20]), 431, "", false},
		{"giant path", request("", "GET /contexts/"+huge[:1<<20]+" HTTP/1.1", "Host: b"), 431, "", false},
		{"many headers", request("", "GET /contexts/abc HTTP/1.1", "Host: b", strings.Repeat("X: y\r\n", 20000)+"Z: z"), 431, "", false},
		// Framing.
		{"body too large", post(m, huge), 413, "", false},
		{"body too large, JSON", post(m, metric("test_ok", huge)), 413, "", false},
		{"body too large, chunked", request(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(huge), huge), chunked...), 413, "", false},
		{"body too large, announced only", request("", "POST /metrics/ HTTP/1.1", "Host: b", "Expect: 100-continue", "Content-Length: 20000000"), 413, "", false},
		{"large body of an unknown route", post("/nothing/", huge), 404, "", false},
		{"truncated body", request(metricBody, "POST /metrics/ HTTP/1.1", "Host: b", "Content-Length: 5000"), 400, "", true},
		{"chunk size is not a number", request("zz\r\n{}\r\n0\r\n\r\n", chunked...), 400, "", false},
		{"chunk without end", request("2\r\n{}0\r\n\r\n", chunked...), 400, "", true},
		{"chunks without the last", request("2\r\n{}\r\n", chunked...), 400, "", true},
		{"chunk of a terabyte", request("ffffffffff\r\n{}", chunked...), 400, "", true},
		{"chunk size out of range", request("ffffffffffffffffff\r\n{}", chunked...), 400, "", true},
		// Paths and methods.
		{"NUL in the path", request("", "GET /contexts/a\x00b HTTP/1.1", "Host: b"), 400, "", false},
		{"space in the path", request("", "GET /contexts/a b HTTP/1.1", "Host: b"), 400, "", false},
		{"invalid escape", request("", "GET /contexts/%zz HTTP/1.1", "Host: b"), 400, "", false},
		{"cut escape in the path", request("", "GET /contexts/%a HTTP/1.1", "Host: b"), 400, "", false},
		{"escaped slash is not a separator", post("/contexts%2F", contextBody), 404, "", false},
		{"escaped slash in a project", post("/p/a%2Fb/metrics/", metricBody), 404, "", false},
		{"unknown route", post("/metric/", metricBody), 404, "", false},
		{"path of another case", post("/Metrics/", metricBody), 404, "", false},
		{"project too long", post("/p/"+strings.Repeat("x", 65)+m, metricBody), 404, "", false},
		{"PUT", replacedBytes(post(m, metricBody), "POST", "PUT"), 405, "", false},
		{"DELETE", request("", "DELETE /contexts/abc HTTP/1.1", "Host: b"), 405, "", false},
		{"invented method", replacedBytes(post(m, metricBody), "POST", "BREW"), 405, "", false},
		{"method with a space", request("", "GE T / HTTP/1.1", "Host: b"), 400, "", false},
		{"old client", request("", "GET /contexts?environ_hash=abc HTTP/1.1", "Host: b"), 400, "", false},
		// Other protocols.
		{"HTTP/0.9", []byte("GET /contexts/abc\r\n\r\n"), 400, "", false},
		{"HTTP/3.0 as text", request("", "GET / HTTP/3.0", "Host: b"), 505, "", false},
		{"TLS to a plain port", []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), 400, "", false},
		{"noise", bytes.Repeat([]byte{0, 255, 13, 10}, 100), 400, "", false},
		{"nothing", nil, 0, "", true},
	}
}

func replacedBytes(raw []byte, old, new string) []byte {
	return bytes.Replace(raw, []byte(old), []byte(new), 1)
}

func TestBadRequestsAreRefused(t *testing.T) {
	b := newBridge()
	addr := serve(t, b)
	odd := oddRequests()
	require.GreaterOrEqual(t, len(odd), 60)
	for _, tt := range odd {
		t.Run(tt.name, func(t *testing.T) {
			got := send(t, addr, tt.raw, tt.half)
			assert.Equal(t, tt.status, got.status, got.message)
			if tt.field != "" {
				assert.Contains(t, got.errors, tt.field, got.message)
			}
			assert.Empty(t, got.header.Get("Location"))
			assert.Equal(t, http.StatusCreated, send(t, addr, post("/metrics/", metricBody), false).status, "the next good request is stored")
		})
	}
	assert.Len(t, b.journal.stored(), len(odd), "only the good requests are stored")
	assert.NotContains(t, b.log.String(), "level=ERROR")
}

func TestUnusualRequestsAreStored(t *testing.T) {
	chunks := fmt.Sprintf("5\r\n%s\r\n%x;ext=1\r\n%s\r\n0\r\nTrailer: x\r\n\r\n", metricBody[:5], len(metricBody)-5, metricBody[5:])
	tests := []struct {
		name string
		raw  []byte
	}{
		{"charset", post("/metrics/", metricBody, "Content-Type: application/json; charset=utf-8")},
		{"bad parameter", post("/metrics/", metricBody, "Content-Type: application/json; charset")},
		{"type in capitals", post("/metrics/", metricBody, "Content-Type: Application/JSON")},
		{"identity", post("/metrics/", metricBody, "Content-Encoding: identity")},
		{"chunked", request(chunks, "POST /metrics/ HTTP/1.1", "Host: b", "Transfer-Encoding: chunked")},
		{"HTTP/1.0", request(metricBody, "POST /metrics/ HTTP/1.0", fmt.Sprintf("Content-Length: %d", len(metricBody)))},
		{"absolute URL", post("http://bridge/metrics/", metricBody)},
		{"query", post("/metrics/?a=%zz;&b", metricBody)},
		{"bare newlines", bytes.ReplaceAll(post("/metrics/", metricBody), []byte("\r\n"), []byte("\n"))},
		{"dots in the path", post("/p/a/../../metrics/", metricBody)},
		{"NaN", post("/metrics/", metric("0.03", "NaN"))},
		{"minus infinity", post("/metrics/", metric("0.03", "-Infinity"))},
		{"lone surrogate", post("/metrics/", metric("test_ok", `\udcff`))},
		{"escaped NUL", post("/metrics/", metric("test_ok", `\u0000`))},
		{"unknown field", post("/metrics/", metric(`}`, `, "more": {"a": [1]}}`))},
		{"large variant", post("/metrics/", metric("test_ok[", "test_ok["+strings.Repeat("é", 1<<20)))},
		{"text as description", post("/sessions/", replaced(sessionBody, `{"a": "b"}`, `"nightly"`))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBridge()
			addr := serve(t, b)
			got := send(t, addr, tt.raw, false)
			assert.Equal(t, http.StatusCreated, got.status, "%s %v", got.message, got.errors)
			assert.Len(t, b.journal.stored(), 1)
		})
	}
}

func TestExpectContinueIsAnswered(t *testing.T) {
	b := newBridge()
	addr := serve(t, b)
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	head, body, _ := bytes.Cut(post("/metrics/", metricBody, "Expect: 100-continue"), []byte("\r\n\r\n"))
	_, err = conn.Write(bytes.Join([][]byte{head, nil}, []byte("\r\n\r\n")))
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	_, err = r.ReadString('\n')
	require.NoError(t, err)
	_, err = conn.Write(body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusCreated, readAnswer(r).status)
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	b := newBridge()
	addr := serve(t, b)
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	raw := post("/contexts/", contextBody)
	raw = append(raw, post("/sessions//", sessionBody)...)
	raw = append(raw, post("/metrics/", "{}")...)
	raw = append(raw, post("//metrics/", metricBody)...)
	_, err = conn.Write(raw)
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	for i, want := range []int{201, 201, 400, 201} {
		assert.Equal(t, want, readAnswer(r).status, i)
	}
	assert.Len(t, b.journal.stored(), 3)
}
