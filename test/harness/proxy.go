package harness

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Proxy is an HTTP proxy between a bridge and an InfluxDB server. It keeps each line that was written through it, repeats
// included. A test can change its answers.
type Proxy struct {
	tb     testing.TB
	server *httptest.Server
	target *Influx

	mu    sync.Mutex
	lines []string
	serve func(w *Write) Answer // nil to forward everything
}

// Write is one write request on its way to InfluxDB.
type Write struct {
	Bucket string
	Lines  []string // empty for a request that only asks whether writing is allowed

	r     *http.Request
	body  []byte // as sent, mostly compressed
	proxy *Proxy
}

// Answer is the answer to a request. Status 0 closes the connection without an answer.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	Cut    bool // the connection is closed when more of the body is expected
}

// StartProxy starts a proxy in front of a server. The server need not run.
func StartProxy(tb testing.TB, target *Influx) *Proxy {
	tb.Helper()
	p := &Proxy{tb: tb, target: target}
	p.server = httptest.NewServer(p)
	tb.Cleanup(p.server.Close)
	return p
}

// Influx returns the server with the address of the proxy.
func (p *Proxy) Influx() *Influx {
	behind := *p.target
	behind.URL = p.server.URL
	return &behind
}

// OnWrite makes serve answer the write requests from now on. Several requests may call it at the same time. nil forwards all
// write requests.
func (p *Proxy) OnWrite(serve func(w *Write) Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve = serve
}

// Lines returns the lines of a measurement that were sent to the proxy so far, in order, whatever the answers were.
func (p *Proxy) Lines(measurement string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.lines), func(line string) bool {
		return !strings.HasPrefix(line, measurement+",") && !strings.HasPrefix(line, measurement+" ")
	})
}

// Has says whether a write has a line of a measurement.
func (w *Write) Has(measurement string) bool {
	return slices.ContainsFunc(w.Lines, func(line string) bool { return strings.HasPrefix(line, measurement+",") })
}

// Gone is closed when the sender has closed the connection.
func (w *Write) Gone() <-chan struct{} { return w.r.Context().Done() }

// Forward sends the request to the server, also when its sender has closed the connection, and returns the server's answer.
func (w *Write) Forward() Answer {
	return w.proxy.forward(w.r, w.body)
}

// ServeHTTP implements [http.Handler].
func (p *Proxy) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the sender has closed the connection
	}
	serve := func(w *Write) Answer { return w.Forward() }
	w := &Write{Bucket: r.URL.Query().Get("bucket"), r: r, body: body, proxy: p}
	if r.URL.Path == "/api/v2/write" {
		w.Lines = p.unpack(r, body)
		p.mu.Lock()
		p.lines = append(p.lines, w.Lines...)
		if p.serve != nil {
			serve = p.serve
		}
		p.mu.Unlock()
	}
	a := serve(w)
	if a.Status == 0 {
		panic(http.ErrAbortHandler)
	}
	for name, values := range a.Header {
		rw.Header()[name] = values
	}
	if a.Cut {
		rw.Header().Set("Content-Length", strconv.Itoa(len(a.Body)+100))
	}
	rw.WriteHeader(a.Status)
	if a.Cut {
		defer panic(http.ErrAbortHandler)
		defer func() { _ = http.NewResponseController(rw).Flush() }() // fails only when the sender has closed the connection
	}
	_, _ = io.WriteString(rw, a.Body) // fails only when the sender has closed the connection
}

func (p *Proxy) unpack(r *http.Request, body []byte) []string {
	text := io.Reader(bytes.NewReader(body))
	if r.Header.Get("Content-Encoding") == "gzip" {
		zip, err := gzip.NewReader(text)
		if err != nil {
			p.tb.Errorf("a write is not valid gzip: %v", err)
			return nil
		}
		text = zip
	}
	lines, err := io.ReadAll(text)
	if err != nil {
		p.tb.Errorf("a write cannot be unpacked: %v", err)
	}
	return slices.DeleteFunc(strings.Split(string(lines), "\n"), func(line string) bool { return line == "" })
}

func (p *Proxy) forward(r *http.Request, body []byte) Answer {
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.URL.Scheme, out.URL.Host = "http", strings.TrimPrefix(p.target.URL, "http://")
	out.Host, out.RequestURI = "", ""
	out.Body = io.NopCloser(bytes.NewReader(body))
	out.Header.Del("Accept-Encoding") // the answer is passed on as text
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(out)
	if err != nil {
		return Answer{}
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}
	}
	resp.Header.Del("Content-Length")
	resp.Header.Del("Content-Encoding")
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(answer)}
}
