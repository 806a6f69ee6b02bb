package faults_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// jumps are how far the clock of the machine jumps.
var jumps = []time.Duration{-time.Hour, time.Hour, 24 * time.Hour, 3650 * 24 * time.Hour, -24 * time.Hour, -3650 * 24 * time.Hour}

var clockFaults = []fault{
	{name: "clock jumps by an hour, a day and ten years", short: len(jumps), long: 6 * len(jumps), run: clockJumps},
	{name: "clock jumps, with tokens and logins", short: len(jumps), long: 6 * len(jumps), run: clockTokens},
}

// clockJumps sets the clock of a bridge while clients post, and back. Each run is judged when it is quiet. No run of the last 400 days goes,
// although the first round of retention follows each start, also with a clock that is years ahead or behind.
func clockJumps(t *testing.T, rounds int) tally {
	const runs = 130 // more than those that stay in any case
	data, file, l := older(t, runs, 5)
	out, status, _ := command(t, "", "import", "--data", data, "--timezone", "UTC", file)
	require.Zero(t, status, out)
	s := newFaultySite(t, harness.BridgeConfig{Data: data, Args: []string{"--client-timezone=", "--keep", "400d", "--quiet-after", "2s"}})
	s.ledger = l
	for n := range rounds {
		s.begin()
		s.ledger.accepts(t, 2*clients)
		s.page.Ahead.Store(int64(jumps[n%len(jumps)].Seconds()))
		s.ledger.accepts(t, 2*clients)
		judged := strings.Count(s.bridge.Log(), `"msg":"run is judged"`)
		s.end()
		require.Eventually(t, func() bool { return strings.Count(s.bridge.Log(), `"msg":"run is judged"`) > judged }, time.Minute, 20*time.Millisecond,
			"a run that ended when the clock had jumped by %s is not judged", jumps[n%len(jumps)])
		s.begin()
		s.restart()
		s.retained()
		s.ledger.accepts(t, clients)
		s.page.Ahead.Store(0)
		s.ledger.accepts(t, clients)
		s.end()
		s.restart() // what arrived with a wrong date must not go either
		s.retained()
		lost, _ := l.compare(t, "the file after a jump", l.accepted, inFile(t, data))
		require.Zero(t, lost, "after a jump by %s", jumps[n%len(jumps)])
	}
	return s.tally(rounds)
}

// retained waits until a round of retention has ended since the start.
func (s *site) retained() {
	s.t.Helper()
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		out, _, _ := command(s.t, s.env, "status", "--json", "--data", s.bridge.Data) // which also says what needs a person
		var status struct {
			Bridge struct {
				Retention struct{ Last struct{ Ended time.Time } }
			}
		}
		require.NoError(s.t, json.Unmarshal([]byte(out), &status), out)
		if !status.Bridge.Retention.Last.Ended.IsZero() {
			return
		}
		require.True(s.t, time.Now().Before(until), "no round of retention: %s", out)
	}
}

// clockTokens sets the clock of a bridge whose clients have tokens. A token expires when the clock says so, and no sooner. Others, and the
// logins of browsers, last.
func clockTokens(t *testing.T, rounds int) tally {
	s := newFaultySite(t, harness.BridgeConfig{})
	secret := func(args ...string) string {
		r := harness.RunProgram(t, nil, append(append([]string{"token"}, args...), "--data", s.bridge.Data)...)
		require.Equal(t, 0, r.ExitCode, r.Stderr)
		return strings.TrimSpace(r.Stdout)
	}
	expires := newPoster(t, s.bridge.URL, secret("add", "default", "--scope", "admin"))
	s.token = secret("rotate", "1", "--keep", "2h")
	s.bridge.UsePassword(s.token)
	lasts, browser := newPoster(t, s.bridge.URL, s.token), newPoster(t, s.bridge.URL, "")
	const read = "/p/default/api/v1/metrics/count"
	answers := func(p *poster, status int, who string, jump time.Duration) {
		require.Eventually(t, func() bool { return p.send(http.MethodGet, read, "") == status }, time.Minute, 20*time.Millisecond,
			"%s does not get %d after a jump by %s", who, status, jump)
	}
	answers(browser, http.StatusUnauthorized, "a stranger", 0)
	browser.logIn(s.token)
	s.begin()
	for n := range rounds {
		jump := jumps[n%len(jumps)]
		s.page.Ahead.Store(int64(jump.Seconds()))
		answers(lasts, http.StatusOK, "a token", jump)
		answers(browser, http.StatusOK, "a browser", jump)
		if jump > 2*time.Hour {
			answers(expires, http.StatusUnauthorized, "a token that has expired", jump)
		} else {
			answers(expires, http.StatusOK, "a token that has not expired", jump)
		}
		s.ledger.accepts(t, clients)
	}
	s.page.Ahead.Store(0)
	return s.tally(rounds)
}

// logIn sends the form of the page that asks for a token, and keeps the cookie.
func (p *poster) logIn(token string) {
	p.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.PostForm(p.Base+"/-/login", url.Values{"token": {token}})
	require.NoError(p.t, err)
	require.NoError(p.t, resp.Body.Close())
	require.NotEmpty(p.t, resp.Cookies(), resp.Status)
	p.Header.Set("Cookie", resp.Cookies()[0].Name+"="+resp.Cookies()[0].Value)
}
