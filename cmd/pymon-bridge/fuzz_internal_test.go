package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
)

// asking are the commands that read what a bridge answers.
var asking = [][]string{
	{"runs"}, {"top"}, {"show", "test_a"}, {"check"}, {"check", "--format", "markdown"}, {"check", "--format", "github"}, {"accept", "--list"},
	{"runs", "--json"}, {"top", "--json"}, {"show", "test_a", "--json"}, {"open", "--json"}, {"open", "test_a"}, {"healthcheck"},
}

// FuzzAnswers lets each command ask a bridge that answers whatever it likes, with a status and a header of its own. The command ends
// with a status, and shows a terminal nothing but text.
func FuzzAnswers(f *testing.F) {
	run := `{"run": "r1", "project": "shop", "started": "2026-11-29T12:00:00Z", "tests": 1, "sessions": [{"session_h": "s1"}], "outcomes": {"failed": 1}}`
	for i, seed := range []string{
		`{"runs": [` + run + `], "count": 1, "prev_url": "x"}`, run, run + "\n" + run + "\n",
		`{"project": "shop", "run": "r1", "suite": {"status": "regression"}, "results": [{"metric": "cpu_time", "item": "a\u001b[2J", "status": "regression"}]}`,
		`{"message": "\u001b]0;title\u0007 \u202e"}`, "<html>\x1b[31m", `{"count": 9223372036854775807}`, `{"count": -1, "runs": null}`, "",
		`{"acceptances": [{"id": 1, "note": "\r\n::error::x", "by": "\u0000"}]}`, "[]", "null\n1\n", `{"project": "sh`, `{"count": 1, "runs": [], "prev_url": "x"}`,
	} {
		for command := range asking {
			f.Add(uint8(command), uint16(200+300*(i%3/2)), "odd \x1b[31m", "http://example.org/", []byte(seed))
		}
	}
	f.Setenv("DISPLAY", "")
	f.Setenv("WAYLAND_DISPLAY", "")
	f.Fuzz(func(t *testing.T, which uint8, status uint16, reason, address string, body []byte) {
		if status == 429 || status >= 502 && status <= 504 {
			status = 500 // the command would ask again
		}
		if status < 200 || status > 999 {
			status = 200
		}
		bridge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			line := strings.NewReplacer("\r", "", "\n", "")
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 %03d %s\r\nConnection: close\r\nPymon-Bridge-Address: %[3]s\r\nLocation: %[3]s\r\n\r\n%s",
				status, line.Replace(reason), line.Replace(address), body)
		}))
		defer bridge.Close()
		ctx, stop := context.WithTimeout(t.Context(), 50*time.Second) // less than --timeout
		defer stop()
		var out, log bytes.Buffer
		args := asking[int(which)%len(asking)]
		m := &Main{Stdout: &out, Stderr: &log}
		got := m.Run(ctx, append(args[:len(args):len(args)], "--url", bridge.URL))
		assert.NoError(t, ctx.Err(), "%q ends", args)
		assert.Contains(t, []int{0, 1, 2}, got)
		odd := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
		assert.Equal(t, -1, strings.IndexFunc(log.String(), odd), "%q: %q", args, log.String())
		if args[len(args)-1] != "--json" {
			assert.Equal(t, -1, strings.IndexFunc(out.String(), odd), "%q: %q", args, out.String())
		}
	})
}

// FuzzComplete completes any words of a command line.
func FuzzComplete(f *testing.F) {
	for _, seed := range []string{"", "che", "check --form", "check --format =", "run -- pytest -", "help he", "token add --scope", "-- --", "= = ="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var out, log bytes.Buffer
		m := &Main{Stdout: &out, Stderr: &log}
		assert.Equal(t, 0, m.Run(t.Context(), append([]string{"complete", "--"}, strings.Split(line, " ")...)), log.String())
		for l := range strings.Lines(out.String()) {
			assert.Equal(t, 1, strings.Count(l, "\t"), "%q", l)
		}
	})
}
