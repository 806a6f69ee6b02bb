package e2e_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// basePaths are the paths below which the plugin's routes are. Two of them name the project "shop".
var basePaths = []string{"", "/api/v1", "/p/shop", "/p/shop/api/v1"}

// request is one request to the bridge that net/http can send.
type request struct {
	method, path, body string
	header             []string // a name, its value, the next name, …
}

// send sends the request over a new connection.
func (r request) send(t *testing.T, base string) reply {
	t.Helper()
	req, err := http.NewRequest(r.method, base+r.path, strings.NewReader(r.body))
	require.NoError(t, err)
	for n := 0; n < len(r.header); n += 2 {
		req.Header.Add(r.header[n], r.header[n+1])
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return reply{status: resp.StatusCode, header: resp.Header, body: string(text)}
}

// bridgeWithin is how long a test waits for an answer before it fails.
const bridgeWithin = 2 * time.Minute

// dial connects to the bridge.
func dial(t *testing.T, base string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(bridgeWithin)))
	return conn.(*net.TCPConn)
}

// sendRaw sends bytes, ends the sending side, and returns all answers until the bridge closes the connection. The bridge may
// close it before it has read all bytes.
func sendRaw(t *testing.T, base, text string) (replies []reply) {
	t.Helper()
	conn := dial(t, base)
	if _, err := io.WriteString(conn, text); !hungUp(err) {
		require.NoError(t, err)
		require.NoError(t, conn.CloseWrite())
	}
	answer, err := io.ReadAll(conn)
	if !hungUp(err) {
		require.NoError(t, err)
	}
	return parseReplies(t, answer)
}

// hungUp says whether an error means that the other side has closed the connection.
func hungUp(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// parseReplies reads all HTTP answers in a text.
func parseReplies(t *testing.T, answer []byte) (replies []reply) {
	t.Helper()
	reader := bufio.NewReader(bytes.NewReader(answer))
	for {
		if _, err := reader.Peek(1); err == io.EOF {
			return replies
		}
		resp, err := http.ReadResponse(reader, nil)
		require.NoError(t, err, "%q", answer)
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err, "%q", answer)
		replies = append(replies, reply{status: resp.StatusCode, header: resp.Header, body: string(text)})
	}
}
