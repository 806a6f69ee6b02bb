package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Fixture is the recorded traffic of one run of a real client.
type Fixture struct {
	Name     string // file name without its ending, such as "xdist4-1.6.6"
	Client   string // version of pytest-monitor, such as "1.6.6"
	Requests []Request
}

// Request is one recorded request with the status of its answer.
type Request struct {
	Method string
	Path   string
	Header http.Header
	Body   string // the exact bytes
	Status int    // status that the recorder answered
}

// Reply is the answer to a replayed request.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Fixtures reads all recorded traffic, in the order of names.
func Fixtures(tb testing.TB) []Fixture {
	tb.Helper()
	dir := filepath.Join(Root(tb), "test", "testdata", "fixtures")
	var index map[string]struct {
		Versions map[string]string `json:"versions"`
	}
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(b, &index); err != nil {
		tb.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no recorded traffic in %s: %v", dir, err)
	}
	var all []Fixture
	for _, file := range files {
		base := filepath.Base(file)
		all = append(all, Fixture{
			Name:     strings.TrimSuffix(base, ".jsonl"),
			Client:   index[base].Versions["pytest-monitor"],
			Requests: readRequests(tb, file),
		})
	}
	return all
}

func readRequests(tb testing.TB, file string) []Request {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	var all []Request
	headers := map[string]map[string]string{} // by method; a line has headers only when they changed
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Method, Path, Body string
			Status             int
			Headers            map[string]string
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		if line.Headers != nil {
			headers[line.Method] = line.Headers
		}
		r := Request{Method: line.Method, Path: line.Path, Body: line.Body, Status: line.Status, Header: http.Header{}}
		for name, value := range headers[line.Method] {
			r.Header.Set(name, value)
		}
		all = append(all, r)
	}
	if err := lines.Err(); err != nil {
		tb.Fatalf("%s: %v", file, err)
	}
	return all
}

// Replay sends the recorded requests to the server at base, in order. Like clients, it opens a new connection for each
// request. It follows no redirect.
func (f Fixture) Replay(tb testing.TB, base string) []Reply {
	tb.Helper()
	replies := make([]Reply, len(f.Requests))
	for n, r := range f.Requests {
		replies[n] = r.Send(tb, base)
	}
	return replies
}

// Send sends one request to the server at base over a new connection.
func (r Request) Send(tb testing.TB, base string) Reply {
	tb.Helper()
	req, err := http.NewRequest(r.Method, base+r.Path, strings.NewReader(r.Body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding") // net/http unpacks an answer only if it set this header itself
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		tb.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return Reply{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
}
