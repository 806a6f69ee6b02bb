package influx

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// A flush is one request. Should the client ever make none or several of it, nothing counts as delivered that may
// not be.
func TestReplyOfAnswers(t *testing.T) {
	code := func(codes ...int) (answers []answer) {
		for _, c := range codes {
			answers = append(answers, answer{status: c, own: true})
		}
		return answers
	}
	for _, c := range []struct {
		answers []answer
		want    monitor.ReplyKind
		status  int
	}{
		{code(204), monitor.Delivered, 204},
		{code(204, 204), monitor.Delivered, 204},
		{code(204, 422), monitor.Refused, 422},
		{code(422, 204), monitor.Refused, 422},
		{code(413, 400, 204), monitor.TooLarge, 413},
		{code(400, 401, 413), monitor.Denied, 401},
		{code(404, 503, 422), monitor.Unavailable, 503},
		{code(422, 0), monitor.Unavailable, 0},
	} {
		v := replyOf(c.answers, nil)
		require.Equal(t, c.want, v.Kind, "%v", c.answers)
		require.Equal(t, c.status, v.Status, "%v", c.answers)
	}
	require.Equal(t, monitor.Reply{Kind: monitor.Unavailable, Message: "the InfluxDB client sent no request"}, replyOf(nil, nil))
	require.Equal(t, "the InfluxDB client sent no request: out of luck", replyOf(nil, errors.New("out of luck")).Message)
}

func TestWriteOutsideOfADelivery(t *testing.T) {
	cfg, err := Config{URL: "http://nowhere", Token: "t", Org: "o"}.complete()
	require.NoError(t, err)
	o := newObserver(cfg)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://nowhere/api/v2/write", strings.NewReader("a b=1"))
	require.NoError(t, err)
	_, err = o.RoundTrip(req)
	require.EqualError(t, err, "a write outside of a delivery")
	require.Empty(t, o.end())
}

// transport does the work of an [http.RoundTripper].
type transport func(req *http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// The client ends a record with a line break, which a compressed batch must not have. net/http sends a body again where a
// connection broke before the first one was taken.
func TestTheBodyEndsWithTheBatch(t *testing.T) {
	var bodies []string
	cfg, err := Config{URL: "http://nowhere", Token: "t", Org: "o", Transport: transport(func(req *http.Request) (*http.Response, error) {
		again, err := req.GetBody()
		require.NoError(t, err)
		for _, from := range []io.Reader{req.Body, again} {
			body, err := io.ReadAll(from)
			require.NoError(t, err)
			require.Len(t, body, int(req.ContentLength))
			bodies = append(bodies, string(body))
		}
		return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, nil
	})}.complete()
	require.NoError(t, err)
	w := newBatchWriter(cfg, "b")
	defer w.close()
	require.Equal(t, monitor.Delivered, w.send(t.Context(), "a batch").Kind)
	require.Equal(t, []string{"a batch", "a batch"}, bodies)
}

func TestWordsAreShortened(t *testing.T) {
	s, _ := words(http.Header{}, []byte(strings.Repeat("é", 5000)))
	require.Equal(t, strings.Repeat("é", 1024)+"…", s)
	s, _ = words(http.Header{}, []byte("a\xffb"))
	require.Equal(t, "a\ufffdb", s)
}
