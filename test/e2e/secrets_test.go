package e2e_test

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// canaries are secrets by name, and everything that came out while they were in use, by place.
type canaries struct {
	secrets map[string]string
	mu      sync.Mutex
	places  map[string]string
}

// saw notes what came out at a place.
func (c *canaries) saw(place, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places[place] += text + "\n"
}

// sawFiles notes the names and the contents of all files below a directory.
func (c *canaries) sawFiles(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		c.saw("the file "+entry.Name(), path+"\n"+string(text))
		return err
	}))
}

// sawProcesses notes the command lines of all processes.
func (c *canaries) sawProcesses(t *testing.T) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, line := range lines {
		text, _ := os.ReadFile(line) // the process may have ended
		c.saw("the list of processes", string(text))
	}
}

// formsOf returns what a text must not have: the secret as it is, in an address, in base64 as it is and as a password, and each part of
// it that has sixteen letters.
func formsOf(secret string) []string {
	forms := []string{secret, url.QueryEscape(secret), base64.RawStdEncoding.EncodeToString([]byte(secret)),
		base64.RawURLEncoding.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte("x:" + secret))}
	for i := 0; i+16 <= len(secret); i++ {
		forms = append(forms, secret[i:i+16])
	}
	return forms
}

// found returns where a secret came out.
func (c *canaries) found() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, secret := range c.secrets {
		for _, form := range formsOf(secret) {
			for place, text := range c.places {
				if at := strings.Index(text, form); at >= 0 {
					all = append(all, fmt.Sprintf("%s in %s: …%q", name, place, text[max(0, at-80):min(len(text), at+80)]))
				}
			}
		}
	}
	return all
}

// echoing is an InfluxDB, or a proxy in front of one, that repeats in its answer whatever it was sent but the points.
type echoing struct {
	*httptest.Server
	c    *canaries
	mu   sync.Mutex
	mode string
	had  map[string]int // deliveries by mode
}

// echoModes are the ways to answer.
var echoModes = []string{"denied", "refused", "failed", "moved", "gateway", "delivered"}

func (e *echoing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		body = unpacked
	}
	points, _ := io.ReadAll(body)
	e.c.saw("the points and queries for InfluxDB", string(points))
	e.mu.Lock()
	mode := e.mode
	if r.URL.Path == "/api/v2/write" {
		e.had[mode]++
	}
	e.mu.Unlock()
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Token ")
	said := fmt.Sprintf("%s, %.20s… in %s %s with %v", url.QueryEscape(token), token, r.Method, r.URL, r.Header)
	answer := func(status int, code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "message": said})
	}
	switch mode {
	case "denied":
		http.Error(w, said, http.StatusUnauthorized)
	case "refused":
		answer(http.StatusBadRequest, "invalid")
	case "failed":
		answer(http.StatusInternalServerError, "internal error")
	case "moved":
		http.Redirect(w, r, "http://elsewhere.invalid/?"+url.QueryEscape(r.Header.Get("Authorization")), http.StatusFound)
	case "gateway":
		http.Error(w, "<html>"+said, http.StatusBadGateway)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (e *echoing) set(mode string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mode = mode
}

func (e *echoing) asked(mode string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.had[mode] > 1 || mode == "delivered" && e.had[mode] > 0 // so the bridge has the first answer
}

// TestNoSecretComesOut starts the bridge with a recognisable secret in each place that has one, uses all routes and many commands in
// right and in wrong ways, and lets InfluxDB repeat what it is sent. It searches everything that comes out.
func TestNoSecretComesOut(t *testing.T) {
	t.Parallel()
	c := &canaries{secrets: map[string]string{}, places: map[string]string{}}
	for _, name := range []string{"InfluxDB's token", "InfluxDB's next token", "password of INFLUX_URL", "password of the proxy", "wrong token",
		"wrong password", "TLS key", "password of --public-url"} {
		c.secrets[name] = strings.ReplaceAll(harness.Unique("K")+harness.Unique("q")+harness.Unique("Z")+harness.Unique("v"), "-", "")
	}
	for _, name := range []string{"InfluxDB's token", "InfluxDB's next token"} {
		c.secrets[name] += "==" // which addresses have in another form
	}
	influx := &echoing{c: c, mode: "denied", had: map[string]int{}}
	influx.Server = httptest.NewServer(influx)
	t.Cleanup(influx.Close)
	dir := t.TempDir()
	tokenFile := filepath.Join(dir, "influx-token")
	require.NoError(t, os.WriteFile(tokenFile, []byte(c.secrets["InfluxDB's token"]), 0o600))
	proxy := "http://user:" + c.secrets["password of the proxy"] + "@127.0.0.1:1"
	env := []string{"INFLUX_URL=" + strings.Replace(influx.URL, "://", "://user:"+c.secrets["password of INFLUX_URL"]+"@", 1), "INFLUX_ORG=team",
		"INFLUX_TOKEN_FILE=" + tokenFile, "HTTPS_PROXY=" + proxy, "HTTP_PROXY=" + proxy, "NO_PROXY=127.0.0.1"}
	bridge := harness.StartBridge(t, harness.BridgeConfig{Env: env, Args: []string{"--log-level", "debug", "--client-timezone", "UTC"}})
	for _, scope := range []string{"write", "read", "admin"} {
		c.secrets["token to "+scope] = addToken(t, bridge.Data, "shop", "--scope", scope)
	}
	waitStatus(t, bridge.URL, "", http.StatusUnauthorized)
	bridge.UsePassword(c.secrets["token to read"])
	c.sawProcesses(t)

	c.deliver(t, bridge, influx, tokenFile)
	c.logIn(t, bridge.URL)
	c.askEverything(t, bridge.URL)
	c.runCommands(t, bridge, env, dir)
	c.sawProcesses(t)
	bridge.Stop()
	c.saw("the log", bridge.Log())
	c.sawFiles(t, bridge.Data)
	assertOwnersOnly(t, bridge.Data)
	assertOwnersOnly(t, filepath.Join(dir, "copy.db"))
	assert.Contains(t, bridge.Log(), "[token]", "InfluxDB has repeated its token")
	assert.Empty(t, c.found())
}

// assertOwnersOnly asserts that nobody but their owner can read files.
func assertOwnersOnly(t *testing.T, root string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		assert.Zero(t, info.Mode().Perm()&0o077, "%s has mode %s", path, info.Mode())
		return err
	}))
}

// deliver posts a record for each answer of InfluxDB, and changes InfluxDB's token in between.
func (c *canaries) deliver(t *testing.T, bridge *harness.Bridge, influx *echoing, tokenFile string) {
	t.Helper()
	process := newMachine()
	token := []string{"Authorization", "Bearer " + c.secrets["token to write"]}
	post := func(path, body string) {
		answer := request{method: http.MethodPost, path: path, body: body, header: token}.send(t, bridge.URL)
		require.Equal(t, http.StatusCreated, answer.status, answer.body)
		c.saw("answers to posts", answer.body)
	}
	post("/contexts/", process.contextJSON())
	post("/sessions/", process.sessionJSON())
	for i, mode := range echoModes {
		influx.set(mode)
		if i == len(echoModes)/2 {
			require.NoError(t, os.WriteFile(tokenFile, []byte(c.secrets["InfluxDB's next token"]), 0o600))
		}
		post("/metrics/", metricJSON(process.metric("test_"+mode, time.Now())))
		require.Eventually(t, func() bool {
			bridge.Signal(syscall.SIGHUP) // else the bridge waits longer and longer
			return influx.asked(mode)
		}, 2*time.Minute, 200*time.Millisecond, mode)
		ready := request{method: http.MethodGet, path: "/-/ready", header: token}.send(t, bridge.URL)
		c.saw("/-/ready", ready.body)
	}
}

// logIn logs a browser in with a token and with a code. The cookie and the code come out where they have to, and become secrets.
func (c *canaries) logIn(t *testing.T, base string) {
	t.Helper()
	code := request{method: http.MethodPost, path: "/-/login/code", header: []string{"Authorization", "Bearer " + c.secrets["token to admin"]}}.send(t, base)
	var answer struct{ Code string }
	require.NoError(t, json.Unmarshal([]byte(code.body), &answer))
	c.secrets["code"] = answer.Code
	form := func(values url.Values) reply {
		return request{method: http.MethodPost, path: "/-/login", body: values.Encode(), header: []string{"Content-Type", "application/x-www-form-urlencoded",
			"Accept", "text/html", "Origin", base}}.send(t, base)
	}
	for name, values := range map[string]url.Values{"cookie": {"token": {c.secrets["token to read"]}}, "cookie of the code": {"code": {answer.Code}}} {
		got := form(values)
		require.Equal(t, http.StatusSeeOther, got.status, got.body)
		cookie := regexp.MustCompile(`^pymon-bridge-\d+=([A-Z2-7]{26}); Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax$`).FindStringSubmatch(got.header.Get("Set-Cookie"))
		require.NotNil(t, cookie, got.header.Get("Set-Cookie"))
		c.secrets[name] = cookie[1]
		c.saw("answers to the form", got.body+got.header.Get("Location"))
	}
	for _, values := range []url.Values{{"token": {c.secrets["wrong token"]}}, {"code": {c.secrets["wrong token"]}}, {"code": {answer.Code}}} {
		got := form(values)
		assert.Equal(t, http.StatusUnauthorized, got.status)
		c.saw("refusals of the form", got.body)
	}
}

// askEverything asks each route with each token, as a program and as a browser, and with tokens where they do not belong.
func (c *canaries) askEverything(t *testing.T, base string) {
	t.Helper()
	document := request{method: http.MethodGet, path: "/api/v1/openapi.json", header: []string{"Authorization", "Bearer " + c.secrets["token to read"]}}.send(t, base)
	var routes struct{ Paths map[string]any }
	require.NoError(t, json.Unmarshal([]byte(document.body), &routes))
	paths := []string{"/", "/-/ready", "/-/metrics", "/-/status", "/-/login", "/p/shop/", "/p/shop/runs", "/p/shop/tests", "/p/shop/regressions", "/p/shop/compare",
		"/p/shop/find?q=test", "/p/other/", "/debug/pprof/", "/nothing"}
	for path := range routes.Paths {
		paths = append(paths, "/api/v1"+regexp.MustCompile(`\{\w+\}`).ReplaceAllString(strings.TrimPrefix(path, "/api/v1"), "x"))
	}
	require.Greater(t, len(paths), 30)
	read, wrong := c.secrets["token to read"], c.secrets["wrong token"]
	cookie := "pymon-bridge-" + base[strings.LastIndex(base, ":")+1:] + "=" + c.secrets["cookie"]
	for _, path := range paths {
		for _, header := range [][]string{
			{"Authorization", "Bearer " + read}, {"Authorization", "Bearer " + read, "Accept", "text/html"}, {"Authorization", "Bearer " + c.secrets["token to write"]},
			{"Authorization", "Bearer " + wrong}, {"Authorization", basic("x", wrong), "Accept", "text/html"}, {"Authorization", "Digest " + read},
			{"Cookie", cookie, "Accept", "text/html"}, {"Cookie", "x=" + wrong, "Accept", "text/html"},
			{"X-Api-Key", read, "Proxy-Authorization", "Bearer " + read}, {"Origin", "http://x:" + wrong + "@evil.example"},
		} {
			got := request{method: http.MethodGet, path: path, header: header}.send(t, base)
			assert.Less(t, got.status, 500, "%s %s", path, got.body)
			c.saw("the answer of "+path, got.body+fmt.Sprint(got.header))
		}
	}
	for _, query := range []string{"?token=" + read, "?access_token=" + read + "&page=x"} {
		got := request{method: http.MethodGet, path: "/api/v1/metrics/" + query, header: []string{"Authorization", "Bearer " + wrong}}.send(t, base)
		assert.Equal(t, http.StatusUnauthorized, got.status)
		c.saw("the answer to a query", got.body)
	}
}

// runCommands runs commands with secrets in variables and files, most of them wrong ones.
func (c *canaries) runCommands(t *testing.T, bridge *harness.Bridge, env []string, dir string) {
	t.Helper()
	run := func(more []string, args ...string) {
		r := harness.RunProgram(t, append(env[:len(env):len(env)], more...), args...)
		c.saw(fmt.Sprintf("the command %q", args), r.Stdout+r.Stderr)
	}
	withPassword := "http://x:" + c.secrets["wrong password"] + "@"
	for _, token := range []string{"PYMON_TOKEN=" + c.secrets["token to read"], "PYMON_TOKEN=" + c.secrets["wrong token"],
		"PYMON_URL=" + strings.Replace(bridge.URL, "http://", withPassword, 1), "PYMON_URL=" + withPassword + "127.0.0.1:1", "PYMON_URL=" + withPassword + "[::1"} {
		to := []string{"PYMON_URL=" + bridge.URL, "PYMON_PROJECT=shop", token, "PYMON_TIMEOUT=1s"}
		for _, args := range [][]string{{"runs"}, {"top"}, {"show", "test"}, {"open"}, {"check"}, {"accept", "list"}} {
			run(to, args...)
		}
		run(append(to, "PYMON_HEALTHCHECK_URL="+bridge.URL), "healthcheck")
	}
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"verify"}, {"token", "list"}, {"dead", "list"}, {"backup", filepath.Join(dir, "copy.db")}} {
		run(nil, append(args, "--data", bridge.Data)...)
	}
	check := []string{"serve", "--check", "--data", dir}
	run([]string{"INFLUX_URL=http://%zz:" + c.secrets["password of INFLUX_URL"] + "@x"}, check...)
	run([]string{"PYMON_PUBLIC_URL=https://u:" + c.secrets["password of --public-url"] + "@ci.example.org/"}, check...)
	run([]string{"INFLUX_TOKEN=" + c.secrets["InfluxDB's token"]}, check...) // beside the file
	key := filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(key, []byte("-----BEGIN PRIVATE KEY-----\n"+c.secrets["TLS key"]+"\n-----END PRIVATE KEY-----\n"), 0o600))
	run(nil, append(check, "--tls-cert", key, "--tls-key", key)...)
	run(nil, "grafana", "export", filepath.Join(dir, "grafana"))
	c.sawFiles(t, filepath.Join(dir, "grafana"))
}
