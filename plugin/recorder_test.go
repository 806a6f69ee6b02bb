package plugin_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// row is a JSON object that the plugin sent.
type row map[string]any

func (r row) text(name string) string { s, _ := r[name].(string); return s }

func (r row) number(name string) float64 { f, _ := r[name].(float64); return f }

// recorder is a server that keeps what it is sent. answer may refuse a request: it returns a status, or 0 for 201.
type recorder struct {
	URL    string
	answer func(path string, rows int) int

	mu       sync.Mutex
	rows     map[string][]row // by the last part of the path, in the order of arrival
	requests []*http.Request
	lists    int // number of requests with more than one row
}

// record starts a recorder, which accepts everything without an answer.
func record(t *testing.T, answer ...func(path string, rows int) int) *recorder {
	t.Helper()
	r := &recorder{rows: map[string][]row{}}
	if len(answer) > 0 {
		r.answer = answer[0]
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// ServeHTTP implements [http.Handler].
func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // the client has gone
	}
	list := strings.HasPrefix(string(body), "[")
	if !list {
		body = slices.Concat([]byte("["), body, []byte("]"))
	}
	var rows []row
	if err := json.Unmarshal(body, &rows); err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	kind := strings.Trim(request.URL.Path, "/")
	kind = kind[strings.LastIndex(kind, "/")+1:]
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, request)
	if r.answer != nil {
		if status := r.answer(kind, len(rows)); status != 0 {
			text := "refused by the test"
			if status == http.StatusServiceUnavailable {
				text = `{"message":"refused by the test"}` // as a bridge answers
			}
			http.Error(w, text, status)
			return
		}
	}
	if list {
		r.lists++
	}
	r.rows[kind] = append(r.rows[kind], rows...)
	w.WriteHeader(http.StatusCreated)
	if len(rows) == 1 {
		_ = json.NewEncoder(w).Encode(rows[0]) // pytest-monitor reads the hash of its context from the answer
	}
}

// asked returns the requests so far.
func (r *recorder) asked() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

func (r *recorder) of(kind string) []row {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.rows[kind])
}

// tests returns the rows of tests by node id. The test fails when a node id has more than one row.
func (r *recorder) tests(t *testing.T) map[string]row {
	t.Helper()
	all := map[string]row{}
	for _, row := range slices.Concat(r.of("metrics"), r.of("outcomes")) {
		if row.text("kind") == "function" {
			assert.NotContains(t, all, row.text("nodeid"), "a second row")
			all[row.text("nodeid")] = row
		}
	}
	return all
}

// session returns what was sent of the only session, its end included.
func (r *recorder) session(t *testing.T) row {
	t.Helper()
	all := row{}
	for _, sent := range r.of("sessions") {
		if len(all) > 0 {
			assert.Equal(t, all["session_h"], sent["session_h"], "another session")
		}
		for name, value := range sent {
			all[name] = value
		}
	}
	return all
}

// tags returns the tags of the only session.
func (r *recorder) tags(t *testing.T) map[string]any {
	t.Helper()
	tags, _ := r.session(t)["description"].(map[string]any)
	return tags
}
