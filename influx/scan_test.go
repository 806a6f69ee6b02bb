package influx_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// counting counts requests.
type counting struct {
	http.RoundTripper
	n atomic.Int64
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

// Empty years cost nothing: a query tells of a span of any length that it is empty.
func TestReadPassesOverWhatIsEmpty(t *testing.T) {
	t.Parallel()
	cfg := settings(harness.SharedInflux(t))
	w := mustOpen(t, cfg)
	var sent []*monitor.Point
	for n, year := range []int{1971, 2026, 2199} {
		p := metricPoint(n)
		p.Metric.At.UTC = start.AddDate(year-start.Year(), 0, 0).UnixNano()
		sent = append(sent, p)
	}
	require.Equal(t, monitor.Delivered, w.Prepare(append(sent, contextPoint("p", "ab")))(t.Context()).Kind)
	transport := &counting{RoundTripper: http.DefaultTransport}
	cfg.Transport = transport
	r, err := influx.NewReader(cfg)
	require.NoError(t, err)
	require.Len(t, readBack(t, r, time.Time{}, time.Time{}), 4)
	require.Less(t, transport.n.Load(), int64(200), "there are 12,000 weeks")
}

// The longest tags that there can be are not too long to be asked for, either.
func TestReadLongestTags(t *testing.T) {
	t.Parallel()
	w := mustOpen(t, settings(harness.SharedInflux(t)))
	var sent []*monitor.Point
	for n := range 600 {
		p := metricPoint(n)
		p.Metric.ItemPath = fmt.Sprintf("%04d", n) + strings.Repeat("(", 4092)
		sent = append(sent, p)
	}
	require.NoError(t, w.Ensure(t.Context()))
	require.Equal(t, monitor.Delivered, w.Prepare(sent)(t.Context()).Kind)
	require.Equal(t, written(sent), written(readBack(t, w.Reader(), time.Time{}, time.Time{})))
}

// answer is a part of InfluxDB's answer in MessagePack: rows of one column after the time, and members that follow.
func answer(column string, rows []any, members ...any) []byte {
	b := msgp.AppendMapHeader(nil, 1)
	b = msgp.AppendString(b, "results")
	b = msgp.AppendArrayHeader(b, 1)
	b = msgp.AppendMapHeader(b, uint32(1+len(members)/2))
	b = msgp.AppendString(b, "series")
	b = msgp.AppendArrayHeader(b, 1)
	b = msgp.AppendMapHeader(b, 2)
	b = msgp.AppendString(b, "columns")
	b = msgp.AppendArrayHeader(b, 2)
	b = msgp.AppendString(msgp.AppendString(b, "time"), column)
	b = msgp.AppendString(b, "values")
	b = msgp.AppendArrayHeader(b, uint32(len(rows)))
	for n, value := range rows {
		b = msgp.AppendArrayHeader(b, 2)
		b = msgp.AppendInt64(b, int64(n))
		b, _ = msgp.AppendIntf(b, value)
	}
	for _, member := range members {
		b, _ = msgp.AppendIntf(b, member)
	}
	return b
}

// answering plays InfluxDB's query route. The answer to a query is what answer returns.
func answering(t *testing.T, answer func(query, params string) []byte) influx.Config {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-msgpack")
		_, _ = w.Write(answer(r.FormValue("q"), r.FormValue("params")))
	}))
	t.Cleanup(server.Close)
	return influx.Config{URL: server.URL, Token: secret, Org: "o", Timeout: 10 * time.Second}
}

// How many tests a query asks for follows from how long the answers before were.
func TestReadAsksForAsMuchAsIsEnough(t *testing.T) {
	var modules []any
	for n := range 300 {
		modules = append(modules, fmt.Sprintf("module_%03d", n))
	}
	var asked []int
	seen := map[string]bool{}
	r, err := influx.NewReader(answering(t, func(query, params string) []byte {
		switch {
		case !strings.Contains(query, `"test_metrics"`):
			return answer("value", nil)
		case strings.HasPrefix(query, "SHOW"):
			return answer("value", modules)
		}
		values := regexp.MustCompile(`module_\d+`).FindAllString(params, -1)
		asked = append(asked, len(values))
		var rows []any
		for _, module := range values {
			require.False(t, seen[module], "asked for once")
			seen[module] = true
			long := 1
			if module >= "module_100" {
				long = 200_000
			}
			rows = append(rows, strings.Repeat("s", long))
		}
		return answer("session_h", rows)
	}))
	require.NoError(t, err)
	from := time.Date(2026, time.November, 23, 0, 0, 0, 0, time.UTC)
	require.Len(t, readBack(t, r, from, from.AddDate(0, 0, 7)), 300)
	require.Equal(t, []int{32, 64, 128, 64, 12}, asked, "twice as many after little, half as many after too much")
}

func TestReadBrokenAnswers(t *testing.T) {
	whole := answer("session_h", []any{"a", "b"})
	release := make(chan struct{})
	for _, c := range []struct {
		name    string
		answer  func() []byte
		message string
	}{
		{"cut off", func() []byte { return whole[:len(whole)-2] }, "unexpected EOF"},
		{"more was announced", func() []byte { return answer("session_h", []any{"a"}, "partial", true) }, "unexpected EOF"},
		{"broken off", func() []byte {
			return append(answer("session_h", []any{"a"}, "partial", true), answer("session_h", nil, "error", "out of "+secret)...)
		}, "InfluxDB broke off its answer: out of [token]"},
		{"no MessagePack", func() []byte { return []byte("<html>") }, "msgp"},
		{"a list of four billion values", func() []byte {
			return append(whole[:bytes.LastIndexByte(whole, 0xa1)], 0xdd, 0xff, 0xff, 0xff, 0xff)
		}, "a value of type array"},
		{"objects without an end", func() []byte {
			return bytes.Repeat([]byte("\x81\xa7results\x91"), 1_000_000)
		}, "more than 3 deep"},
		{"no columns", func() []byte {
			return bytes.Replace(whole, []byte("columns"), []byte("no-cols"), 1)
		}, "2 values for 0 columns"},
		{"silent", func() []byte { <-release; return nil }, "InfluxDB was silent for 200ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := answering(t, func(string, string) []byte { return c.answer() })
			if c.name == "silent" {
				cfg.Timeout = 200 * time.Millisecond
				defer close(release)
			}
			r, err := influx.NewReader(cfg)
			require.NoError(t, err)
			_, err = r.Session(t.Context(), "p", "ab")
			require.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err), "%v", err)
			require.Contains(t, err.Error(), c.message)
		})
	}
	stranger, err := influx.NewReader(answering(t, func(string, string) []byte { return answer("session_h", []any{"zz"}) }))
	require.NoError(t, err)
	_, err = stranger.Session(t.Context(), "p", "ab")
	require.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), "a session of another hash is no answer")

	slash, err := influx.NewReader(influx.Config{URL: "http://127.0.0.1:1", Token: secret, Org: "o", Bucket: "q/a"})
	require.NoError(t, err)
	for _, err := range slash.Points(t.Context(), time.Time{}, time.Time{}) {
		require.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
		require.ErrorContains(t, err, "expected a name without a slash")
	}

	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	defer other.Close()
	r, err := influx.NewReader(influx.Config{URL: other.URL, Token: secret, Org: "o"})
	require.NoError(t, err)
	_, err = r.Session(t.Context(), "p", "ab")
	require.ErrorContains(t, err, `instead of MessagePack`)
}
