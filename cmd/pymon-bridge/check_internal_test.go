package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

// check runs the command and returns its status and what it says on standard error.
func check(ctx context.Context, args ...string) (status int, says string) {
	var stdout, stderr bytes.Buffer
	m := &Main{Stdout: &stdout, Stderr: &stderr}
	status = m.Run(ctx, append([]string{"check"}, args...))
	return status, stderr.String()
}

// TestCheckPassesNothingButReports holds that JSON of another service does not pass for a run without regressions.
func TestCheckPassesNothingButReports(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{}`, `null`, `{"status": "ok", "project": "shop"}`, `{} <html>`,
		`{"project": "shop", "run": "ci-17", "suite": {"status": "odd"}}`} {
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write([]byte(answer))
			assert.NoError(t, err)
		}))
		status, says := check(t.Context(), "--url", other.URL)
		other.Close()
		assert.Equal(t, statusNotJudged, status, answer)
		assert.Contains(t, says, "is no report: it judges no run", answer)
	}
}

// TestCheckThatIsStoppedDoesNotPass holds that a pipeline that is told to stop meanwhile does not see a success.
func TestCheckThatIsStoppedDoesNotPass(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stop()
		<-r.Context().Done()
	}))
	defer slow.Close()
	status, says := check(ctx, "--url", slow.URL)
	assert.Equal(t, statusNotJudged, status)
	assert.Equal(t, "pymon-bridge: could not judge: told to stop before there was an answer\n", says)
}

// TestCheckFollowsNoRedirect holds that a token goes to the address that it was given for and to no other.
func TestCheckFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("was asked, with %q", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	front := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/login?secret=1", http.StatusFound))
	defer front.Close()
	status, says := check(t.Context(), "--url", front.URL, "--token", "SECRET")
	assert.Equal(t, statusNotJudged, status)
	assert.Contains(t, says, "answered 302 Found to "+elsewhere.URL+"/login: give the address of the bridge itself")
}

// TestCheckWantsToKnowWhichRun holds that an empty variable of a pipeline does not have somebody else's run judged.
func TestCheckWantsToKnowWhichRun(t *testing.T) {
	t.Parallel()
	bridge := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("was asked for %s", r.URL.RawQuery)
	}))
	defer bridge.Close()
	for _, flag := range []string{"--scm-ref", "--run"} {
		status, says := check(t.Context(), "--url", bridge.URL, flag, "")
		assert.Equal(t, statusNotJudged, status)
		assert.Contains(t, says, flag+": expected something, got an empty text")
	}
}

// TestCheckPassesNothingThatWasNotJudged holds that a run of which nothing could be judged is not taken for a good one,
// and that one with too few earlier runs is.
func TestCheckPassesNothingThatWasNotJudged(t *testing.T) {
	t.Parallel()
	for summary, tc := range map[string]struct {
		status int
		says   string
	}{
		`{"tests": 2, "not_judged": 6}`: {statusNotJudged,
			"pymon-bridge: could not judge: run \"ci-17\" has no measurement that could be judged: not measured\n"},
		`{"tests": 0}`: {statusNotJudged, "pymon-bridge: could not judge: run \"ci-17\" measured no test\n"},
		`{"tests": 2, "not_judged": 2, "learning": 4}`: {0, ""},
		`{"tests": 2, "not_judged": 2, "ok": 4}`:       {0, ""},
	} {
		bridge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write([]byte(`{"project": "shop", "run": "ci-17", "suite": {"status": "ok"}, "summary": ` + summary + `,
				"results": [{"status": "not_judged", "reason": "not measured"}]}`))
			assert.NoError(t, err)
		}))
		status, says := check(t.Context(), "--url", bridge.URL)
		bridge.Close()
		assert.Equal(t, tc.status, status, summary)
		assert.Equal(t, tc.says, says, summary)
	}
}
