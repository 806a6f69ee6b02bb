package e2e_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// addToken makes a token. A bridge may serve from the same data directory.
func addToken(t *testing.T, data, project string, flags ...string) (secret string) {
	t.Helper()
	return newToken(t, data, append([]string{"add", project, "--label", "of a test"}, flags...)...)
}

// newToken runs a command that makes a token.
func newToken(t *testing.T, data string, args ...string) (secret string) {
	t.Helper()
	r := harness.RunProgram(t, nil, append(append([]string{"token"}, args...), "--data", data)...)
	require.Equal(t, 0, r.ExitCode, r.Stderr)
	secret = strings.TrimSpace(r.Stdout)
	require.Regexp(t, `^[0-9a-f]{64}$`, secret, "256 bits, and nothing else on standard output")
	return secret
}

// statusWith returns the status of a request that each valid token allows.
func statusWith(t *testing.T, base, token string) int {
	t.Helper()
	return request{method: http.MethodGet, path: "/-/metrics", header: []string{"Authorization", "Bearer " + token}}.send(t, base).status
}

// waitStatus waits until a request with the token gets the status.
func waitStatus(t *testing.T, base, token string, status int) {
	t.Helper()
	require.Eventually(t, func() bool { return statusWith(t, base, token) == status }, time.Minute, 20*time.Millisecond)
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// The test makes tokens while the bridge serves. Afterwards strangers can store nothing. Real clients with the right token
// work as before. The log and the disk contain no token.
func TestOnlyAValidTokenOpensTheBridge(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, meta := startBridge(t, influx, harness.BridgeConfig{Args: []string{"--log-level", "debug"}})
	shop, other := addToken(t, bridge.Data, "shop"), addToken(t, bridge.Data, "other")
	waitStatus(t, bridge.URL, "", http.StatusUnauthorized)
	bridge.UsePassword(shop)

	attempts := assertStrangersRefused(t, bridge, other)
	for _, name := range []string{"contexts", "sessions", "metrics"} {
		assert.Zero(t, countRows(harness.Stored(t, bridge.Data), name), name)
	}
	accepted, _ := bridge.Metrics().Sum("pymon_bridge_accepted_total")
	assert.Zero(t, accepted)
	refused := bridge.Metrics()[`pymon_bridge_refused_total{reason="unauthorized"}`] +
		bridge.Metrics()[`pymon_bridge_refused_total{reason="forbidden"}`]
	assert.GreaterOrEqual(t, refused, float64(attempts))

	sent := runWithToken(t, bridge, shop)
	bridge.WaitDelivered()
	stored := points(t, influx, bucket)
	assertArrived(t, sent, stored) // no record of a stranger
	for _, p := range stored {
		assert.Equal(t, "shop", p.tag("project"))
	}
	assert.Len(t, influx.Points(meta, "sessions"), 2)
	bridge.Stop()
	assertSecret(t, bridge, shop, other)
}

func countRows(p harness.Pymon, name string) int {
	return map[string]int{"contexts": len(p.Contexts), "sessions": len(p.Sessions), "metrics": len(p.Metrics)}[name]
}

// assertStrangersRefused tries each route below each base path, and returns the number of attempts.
func assertStrangersRefused(t *testing.T, bridge *harness.Bridge, other string) (attempts int) {
	t.Helper()
	process := newMachine()
	for _, stranger := range []struct {
		name, authorization string
		status              int
	}{
		{"nobody", "", http.StatusUnauthorized},
		{"wrong password", basic("x", "wrong"), http.StatusUnauthorized},
		{"no password", basic("x", ""), http.StatusUnauthorized},
		{"token as user", basic(other, "x"), http.StatusUnauthorized},
		{"wrong bearer", "Bearer " + strings.Repeat("A", 43), http.StatusUnauthorized},
		{"cut token", "Bearer " + other[:42], http.StatusUnauthorized},
		{"another scheme", "Digest " + other, http.StatusUnauthorized},
		{"no base64", "Basic ***", http.StatusUnauthorized},
		{"another project's token as password", basic("x", other), http.StatusForbidden},
		{"another project's token", "Token " + other, http.StatusForbidden},
	} {
		for _, base := range basePaths {
			if stranger.status == http.StatusForbidden && !strings.HasPrefix(base, "/p/") {
				continue // a path without a project means the token's own project
			}
			for _, r := range []request{
				{method: http.MethodPost, path: "/contexts/", body: process.contextJSON()},
				{method: http.MethodPost, path: "/sessions/", body: process.sessionJSON()},
				{method: http.MethodPost, path: "/metrics/", body: metricJSON(process.metric("test_a", time.Now()))},
				{method: http.MethodGet, path: "/contexts/" + process.context},
				{method: http.MethodGet, path: "/sessions/" + process.session},
			} {
				if r.path = base + r.path; stranger.authorization != "" {
					r.header = []string{"Authorization", stranger.authorization}
				}
				attempts++
				answer := r.send(t, bridge.URL)
				assert.Equal(t, stranger.status, answer.status, "%s: %s %s", stranger.name, r.method, r.path)
				if stranger.status == http.StatusUnauthorized {
					assert.Contains(t, answer.header.Get("WWW-Authenticate"), "Basic", "asks for a password")
				}
			}
		}
	}
	assert.Equal(t, http.StatusUnauthorized, statusWith(t, bridge.URL, ""), "metrics")
	for _, open := range []string{"/-/healthy", "/-/ready"} {
		assert.Equal(t, http.StatusOK, request{method: http.MethodGet, path: open}.send(t, bridge.URL).status, open)
	}
	return attempts
}

// runWithToken runs real pytest twice: with the token in the address, and in .netrc. It returns the measured metrics.
func runWithToken(t *testing.T, bridge *harness.Bridge, token string) (sent []harness.PymonMetric) {
	t.Helper()
	host := strings.TrimPrefix(bridge.URL, "http://")
	netrc := filepath.Join(t.TempDir(), "netrc")
	machine, _, _ := strings.Cut(host, ":")
	require.NoError(t, os.WriteFile(netrc, []byte("machine "+machine+" login x password "+token+"\n"), 0o600))
	for _, way := range []struct{ remote, netrc string }{
		{"http://x:" + token + "@" + host, "/dev/null"},
		{bridge.URL + "/p/shop/api/v1", netrc},
	} {
		run := harness.Pytest{Env: []string{"NETRC=" + way.netrc}, Args: []string{"--remote-server", way.remote, "flat/test_flat.py"}}.Run(t)
		require.Equal(t, 0, run.ExitCode, run.Output())
		rows := harness.ReadPymon(t, run.Database).Metrics
		require.Len(t, rows, 6)
		sent = append(sent, rows...)
	}
	return sent
}

// assertSecret asserts that the log and the disk contain no token, neither as text nor in an encoded form.
func assertSecret(t *testing.T, bridge *harness.Bridge, tokens ...string) {
	t.Helper()
	places := map[string]string{"the log": bridge.Log()}
	require.NoError(t, filepath.WalkDir(bridge.Data, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		places[path] = string(text)
		return err
	}))
	require.Greater(t, len(places), 2)
	for place, text := range places {
		for _, token := range tokens {
			random, err := hex.DecodeString(token)
			require.NoError(t, err)
			for _, form := range []string{token, strings.TrimPrefix(basic("x", token), "Basic "), string(random)} {
				assert.False(t, strings.Contains(text, form), "%s has a token", place)
			}
		}
	}
}

// A token has a successor, and both are valid at once. Then the old token is revoked.
func TestTokensRotateWithoutARestart(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	assert.Equal(t, http.StatusOK, statusWith(t, bridge.URL, ""), "on loopback, while there are no tokens")
	old := addToken(t, bridge.Data, "shop")
	waitStatus(t, bridge.URL, "", http.StatusUnauthorized)
	recent := newToken(t, bridge.Data, "rotate", "1", "--keep", "24h")
	waitStatus(t, bridge.URL, recent, http.StatusOK)
	assert.Equal(t, http.StatusOK, statusWith(t, bridge.URL, old))

	list := harness.RunProgram(t, nil, "token", "list", "--data", bridge.Data)
	require.Equal(t, 0, list.ExitCode, list.Stderr)
	const at = `\S+ \S+ +`
	assert.Regexp(t, `^ID +PROJECT +SCOPES +CREATED +LAST USED +EXPIRES +LABEL\n`+
		`1 +shop +read,write +`+at+`.*`+at+`of a test\n2 +shop +read,write +`+at+`.*never +of a test\n$`, list.Stdout)
	assert.NotContains(t, list.Stdout+list.Stderr, old)
	assert.NotContains(t, list.Stdout+list.Stderr, recent)

	revoke := harness.RunProgram(t, nil, "token", "revoke", "2", "--data", bridge.Data)
	assert.Equal(t, 1, revoke.ExitCode)
	assert.Contains(t, revoke.Stderr, "the last token that stays valid", "since the other one expires")
	revoke = harness.RunProgram(t, nil, "token", "revoke", "1", "--data", bridge.Data)
	require.Equal(t, 0, revoke.ExitCode, revoke.Stderr)
	waitStatus(t, bridge.URL, old, http.StatusUnauthorized)
	assert.Equal(t, http.StatusOK, statusWith(t, bridge.URL, recent))
	again := harness.RunProgram(t, nil, "token", "revoke", "1", "--data", bridge.Data)
	assert.Equal(t, 1, again.ExitCode)
	assert.Equal(t, "pymon-bridge: revoke token 1: there is no token 1\n", again.Stderr)
	bridge.UsePassword(recent)
	bridge.Restart()
	assert.Equal(t, http.StatusUnauthorized, statusWith(t, bridge.URL, old), "after a restart")
	assert.Equal(t, http.StatusOK, statusWith(t, bridge.URL, recent), "after a restart")

	list = harness.RunProgram(t, nil, "token", "list", "--data", bridge.Data)
	assert.Regexp(t, `\n2 +shop +read,write +`+at+at+`never +of a test\n$`, list.Stdout, "the bridge has noted the use")
	last := newToken(t, bridge.Data, "rotate", "2", "--keep", "0")
	waitStatus(t, bridge.URL, recent, http.StatusUnauthorized)
	assert.Equal(t, http.StatusOK, statusWith(t, bridge.URL, last))
}

func TestAddressForOtherMachinesNeedsATokenOrAFlag(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	refused := harness.RunProgram(t, nil, "serve", "--listen", "0.0.0.0:0", "--data", data)
	assert.Equal(t, 1, refused.ExitCode)
	assert.Regexp(t, `^pymon-bridge: other machines can reach \S+:\d+, and there are no tokens: make one with `+
		"`pymon-bridge token add PROJECT --data "+regexp.QuoteMeta(data)+"`, or use --allow-anonymous, or listen on 127.0.0.1\n$",
		lastLine(refused.Stderr))

	wide := []string{"--listen", "0.0.0.0:0"}
	anonymous := harness.StartBridge(t, harness.BridgeConfig{Data: data, Args: append(wide, "--allow-anonymous")})
	process := newMachine()
	process.enrol(t, newPoster(anonymous.URL))
	anonymous.Stop()

	token := addToken(t, data, "shop")
	guarded := harness.StartBridge(t, harness.BridgeConfig{Data: data, Args: wide, Password: token})
	assert.Equal(t, http.StatusUnauthorized, newPoster(guarded.URL).try("/contexts/", process.contextJSON()).status)
	assert.Equal(t, http.StatusOK, statusWith(t, guarded.URL, token))
	revoke := harness.RunProgram(t, nil, "token", "revoke", "1", "--data", data, "--yes")
	require.Equal(t, 0, revoke.ExitCode, revoke.Stderr)
	waitStatus(t, guarded.URL, token, http.StatusUnauthorized)
	assert.Equal(t, http.StatusUnauthorized, statusWith(t, guarded.URL, ""), "without its last token the bridge stays closed")
}

// Who revokes a token wants fewer people to use the bridge, not more.
func TestRevokingTheLastTokenOpensNothing(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--allow-anonymous"}})
	token := addToken(t, bridge.Data, "shop")
	waitStatus(t, bridge.URL, "", http.StatusUnauthorized)
	revoke := []string{"token", "revoke", "1", "--data", bridge.Data}
	refused := harness.RunProgram(t, nil, revoke...)
	assert.Equal(t, 1, refused.ExitCode)
	assert.Contains(t, refused.Stderr, "token 1 is not revoked: it is the last token")
	assert.Contains(t, refused.Stderr, "--yes")
	assert.Equal(t, http.StatusOK, statusWith(t, bridge.URL, token), "the token is still valid")

	done := harness.RunProgram(t, nil, append(revoke, "--yes")...)
	require.Equal(t, 0, done.ExitCode, done.Stderr)
	waitStatus(t, bridge.URL, token, http.StatusUnauthorized)
	assert.Equal(t, http.StatusUnauthorized, statusWith(t, bridge.URL, ""))
	bridge.Restart()
	assert.Equal(t, http.StatusUnauthorized, statusWith(t, bridge.URL, ""), "after a restart")
	assert.Contains(t, bridge.Log(), "all tokens are revoked, so nobody can use the bridge")
	added := addToken(t, bridge.Data, "shop")
	waitStatus(t, bridge.URL, added, http.StatusOK)
}

// The program passes its flags on, and the commands of the program are let in.
func TestOpenBridgeKnowsItsNames(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--host-name", "pymon", "--host-name", "bridge",
		"--public-url", "https://ci.example.org/pymon/"}})
	machine, err := os.Hostname()
	require.NoError(t, err)
	for host, status := range map[string]int{"pymon": 200, "bridge:8080": 200, "ci.example.org": 200, machine: 200, "evil.example": 421} {
		r, err := http.NewRequest(http.MethodGet, bridge.URL+"/-/metrics", nil)
		require.NoError(t, err)
		r.Host = host
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		answer.Body.Close()
		assert.Equal(t, status, answer.StatusCode, host)
	}
	open := harness.RunProgram(t, nil, "healthcheck", "--url", bridge.URL)
	assert.Contains(t, open.Stdout, "ok: accepting", "where none needs a token, everybody sees details")
	token := addToken(t, bridge.Data, "shop")
	waitStatus(t, bridge.URL, "", http.StatusUnauthorized)
	stranger := harness.RunProgram(t, nil, "healthcheck", "--url", bridge.URL)
	assert.Equal(t, 0, stranger.ExitCode, stranger.Stderr)
	assert.Regexp(t, `^(\[\+\]\S+ ok\n)+$`, stranger.Stdout)
	holder := harness.RunProgram(t, []string{"PYMON_TOKEN=" + token}, "healthcheck", "--url", bridge.URL)
	assert.Contains(t, holder.Stdout, "ok: accepting")
}

// A load balancer cannot choose a bridge for a request without a project. The answer tells pytest, scripts and `check` what
// to do.
func TestRequireProjectRefusesRequestsWithoutAProject(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--require-project"}})
	pytest := func(remote string) *harness.PytestRun {
		run := harness.Pytest{Args: []string{"--remote-server", remote, "flat/test_flat.py"}}.Run(t)
		assert.Equal(t, 0, run.ExitCode, run.Output())
		return run
	}
	assert.Contains(t, pytest(bridge.URL).Output(), "Cannot insert execution context in remote server (rc=400!")
	assert.Zero(t, countRows(harness.Stored(t, bridge.Data), "contexts"))
	process := newMachine()
	metric := metricJSON(process.metric("test_a", process.started))
	for _, base := range basePaths {
		for _, r := range []request{
			{method: http.MethodPost, path: "/contexts/", body: process.contextJSON()},
			{method: http.MethodPost, path: "/sessions/", body: process.sessionJSON()},
			{method: http.MethodPost, path: "/metrics/", body: metric},
			{method: http.MethodGet, path: "/contexts/" + process.context},
			{method: http.MethodGet, path: "/sessions/" + process.session},
		} {
			r.path = base + r.path
			answer := r.send(t, bridge.URL)
			if strings.HasPrefix(base, "/p/") {
				assert.Less(t, answer.status, 300, "%s %s", r.method, r.path)
				continue
			}
			assert.Equal(t, http.StatusBadRequest, answer.status, "%s %s", r.method, r.path)
			assert.Contains(t, answer.body, "/p/PROJECT")
		}
	}
	for _, open := range []string{"/-/healthy", "/-/ready", "/-/metrics", "/api/v1/docs", "/api/v1/openapi.json"} {
		assert.Equal(t, http.StatusOK, request{method: http.MethodGet, path: open}.send(t, bridge.URL).status, open)
	}
	check := harness.RunProgram(t, nil, "check", "--url", bridge.URL)
	assert.Equal(t, 2, check.ExitCode)
	assert.Contains(t, check.Stderr, "/p/PROJECT")
	assert.NotContains(t, pytest(bridge.URL+"/p/flat").Output(), "Cannot insert")
	assert.NotContains(t, harness.RunProgram(t, nil, "check", "--url", bridge.URL, "--project", "flat").Stderr, "/p/PROJECT")
	stored := harness.Stored(t, bridge.Data)
	assert.Equal(t, []int{2, 2, 1 + 6}, []int{len(stored.Contexts), len(stored.Sessions), len(stored.Metrics)})
}

// lastLine returns the last line of a command's output, with its line end.
func lastLine(text string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	return fmt.Sprintln(lines[len(lines)-1])
}
