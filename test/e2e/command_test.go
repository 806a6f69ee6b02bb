package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

func TestHelpNamesCommandsFlagsAndVariables(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		has  []string
	}{
		{[]string{"--help"}, []string{"pytest --remote-server URL", "serve", "run", "token", "healthcheck", "version", "PYMON_LOG_FORMAT"}},
		{[]string{"run", "--help"}, []string{"run <command> ...", ".pymon-bridge", "--check", "--influx-wait=30s", "PYMON_BASE_BRANCH"}},
		{[]string{"serve", "--help"}, []string{"127.0.0.1:8080", "./pymon-bridge-data", "INFLUX_TOKEN_FILE names",
			"Without it the command serve only keeps measurements", "PYMON_CLIENT_TIMEZONE"}},
		{[]string{"token", "--help"}, []string{"add", "list", "revoke"}},
		{[]string{"token", "add", "--help"}, []string{"<project>", "PYMON_DATA", "--label"}},
		{[]string{"healthcheck", "--help"}, []string{"PYMON_HEALTHCHECK_URL", "5s"}},
	} {
		r := harness.RunProgram(t, nil, tt.args...)
		assert.Equal(t, 0, r.ExitCode, tt.args)
		assert.Empty(t, r.Stderr, tt.args)
		for _, text := range tt.has {
			assert.Contains(t, strings.Join(strings.Fields(r.Stdout), " "), text, tt.args)
		}
		assert.NotContains(t, r.Stdout, "cpuprofile", "a flag for developers")
	}
	// Each flag has a paragraph, which names its environment variable.
	flags := regexp.MustCompile(`(?m)^  +--`).Split(harness.RunProgram(t, nil, "serve", "--help").Stdout, -1)[1:]
	require.GreaterOrEqual(t, len(flags), 20)
	for _, flag := range flags {
		assert.Regexp(t, `\(\$[A-Z_]+\)`, strings.Join(strings.Fields(flag), " "))
	}
}

func TestVersionPrintsVersionCommitAndPlatform(t *testing.T) {
	t.Parallel()
	r := harness.RunProgram(t, nil, "version")
	assert.Equal(t, 0, r.ExitCode)
	assert.Regexp(t, fmt.Sprintf(`^pymon-bridge \d+\.\d+\.\d+ \((commit [0-9a-f]{12}( with changes)?, )?%s, %s/%s\)\n$`, regexp.QuoteMeta(runtime.Version()), runtime.GOOS, runtime.GOARCH), r.Stdout)
	assert.Empty(t, r.Stderr)
}

// The sentence names the mistake.
func TestWrongCommandLineEndsWithStatus2AndOneSentence(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		env, args []string
		says      string
	}{
		{nil, []string{"--lisen", "127.0.0.1:0"}, `--lisen`},
		{nil, []string{"frobnicate"}, `frobnicate`},
		{nil, []string{"token"}, `add`},
		{nil, []string{"token", "add"}, `<project>`},
		{nil, []string{"token", "revoke", "one"}, `<id>`},
		{nil, []string{"--max-body", "10"}, `--max-body: expected at least 1KiB`},
		{nil, []string{"--max-body", "much"}, `expected a size such as 512MiB or 10GB, got "much"`},
		{nil, []string{"--max-connections", "0"}, `--max-connections: expected at least 1`},
		{nil, []string{"--quiet-after", "0s"}, `--quiet-after: expected a duration above zero`},
		{nil, []string{"--quiet-after", "soon"}, `--quiet-after`},
		{nil, []string{"--client-timezone", "Mars/Olympus"}, `--client-timezone: expected a name of the IANA database`},
		{nil, []string{"--trusted-proxy", "10.0.0.5,proxy"}, `expected an address such as 10.0.0.5 or a range such as 10.0.0.0/8, got "proxy"`},
		{nil, []string{"--tls-cert", "cert.pem"}, `--tls-cert and --tls-key: expected both or none`},
		{nil, []string{"--log-format", "xml"}, `--log-format must be one of "auto","text","json"`},
		{nil, []string{"--influx-url", "localhost:8086"}, `--influx-url: expected an address such as http://localhost:8086`},
		{nil, []string{"--influx-url", "http://localhost:8086"}, `--influx-token: expected an API token`},
		{nil, []string{"--influx-url", "http://localhost:8086", "--influx-token", "t"}, `--influx-org: expected an organisation`},
		{nil, []string{"--influx-url", "http://localhost:8086", "--influx-token", "t", "--influx-org", "o", "--influx-bucket", "b", "--influx-meta-bucket", "b"}, `--influx-meta-bucket: expected another bucket`},
		{nil, []string{"run"}, `expected a command, such as pymon-bridge run -- pytest`},
		{nil, []string{"run", "--"}, `expected a command, such as pymon-bridge run -- pytest`},
		{nil, []string{"run", "--tag", "branch", "pytest"}, `--tag: expected NAME=VALUE in one line, got "branch"`},
		{nil, []string{"run", "--project", "a/b", "pytest"}, `--project: expected 1 to 64 letters, digits, dots, underscores and hyphens`},
		{nil, []string{"run", "--data", "d", "--url", "http://bridge", "pytest"}, `--data and --url: expected only one of them`},
		{nil, []string{"run", "--chekc=x", "--", "pytest"}, `unknown flag --chekc: expected a flag of run before the command, or -- before the command`},
		{nil, []string{"run", "--influx-wait=-1s", "pytest"}, `--influx-wait: expected a duration of 0 or more`},
		{nil, []string{"run", "--grafana-url", "javascript:x", "pytest"}, `--grafana-url: expected an address such as https://grafana.example.org`},
		{nil, []string{"check", "--grafana-url", "javascript:x"}, `--grafana-url: expected an address such as https://grafana.example.org`},
		{nil, []string{"check", "--timeout", "0"}, `--timeout: expected a duration above zero, such as 90s or 2m; got "0"`},
		{[]string{"PYMON_TIMEOUT=0s"}, []string{"runs"}, `--timeout: expected a duration above zero, such as 90s or 2m; got "0s"`},
		{nil, []string{"accept", "--undo=-1"}, `--undo: expected a number that --list shows, got -1`},
		{nil, []string{"healthcheck", "--timeout=-1s"}, `--timeout: expected a duration above zero, such as 90s or 2m; got "-1s"`},
		{nil, []string{"--influx-url", "http://:8086"}, `--influx-url: expected an address such as http://localhost:8086`},
		{nil, []string{"--public-url", "javascript:x"}, `--public-url: expected an address such as https://ci.example.org/pymon/`},
		{nil, []string{"influx", "setup", "--influx-url", "http://localhost:8086", "--influx-token", "t", "--influx-org", "o", "--notify-url", "javascript:x"},
			`--notify-url: expected an address such as https://host.example.org/path`},
		{[]string{"PYMON_MAX_CONNECTIONS=many"}, nil, `many`},
		{[]string{"INFLUX_TOKEN=a", "INFLUX_TOKEN_FILE=/dev/null"}, nil, `INFLUX_TOKEN and INFLUX_TOKEN_FILE: expected only one of them`},
		{[]string{"INFLUX_TOKEN_FILE=/does/not/exist"}, nil, `INFLUX_TOKEN_FILE: open /does/not/exist: no such file`},
	} {
		r := harness.RunProgram(t, tt.env, tt.args...)
		assert.Equal(t, 2, r.ExitCode, tt.args)
		assert.Empty(t, r.Stdout, tt.args)
		assert.Regexp(t, `^pymon-bridge: [^\n]+\nTry pymon-bridge( [a-z]+)* --help\.\n$`, r.Stderr, tt.args)
		assert.Contains(t, r.Stderr, tt.says, tt.args)
	}
}

func TestHealthcheckFailsUnlessTheBridgeIsReady(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	ready := harness.RunProgram(t, nil, "healthcheck", "--url", bridge.URL+"/")
	assert.Equal(t, 0, ready.ExitCode, ready.Stderr)
	assert.Regexp(t, `^\[\+\]journal ok`, ready.Stdout)
	byEnvironment := harness.RunProgram(t, []string{"PYMON_HEALTHCHECK_URL=" + bridge.URL, "HTTP_PROXY=http://127.0.0.1:1"}, "healthcheck")
	assert.Equal(t, ready, byEnvironment, "the command uses no proxy")
	secret := strings.Replace(bridge.URL, "http://", "http://x:secret@", 1)
	asPytest := harness.RunProgram(t, nil, "healthcheck", "--url", secret+"/p/shop/api/v1")
	assert.Equal(t, ready, asPytest, "the address for pytest")
	nowhere := harness.RunProgram(t, nil, "healthcheck", "--url", "127.0.0.1:8080")
	assert.Equal(t, harness.Result{ExitCode: 1,
		Stderr: "pymon-bridge: --url: expected an address such as http://127.0.0.1:8080\n"}, nowhere)
	bridge.Stop()
	stopped := harness.RunProgram(t, nil, "healthcheck", "--url", bridge.URL)
	assert.Equal(t, 1, stopped.ExitCode)
	assert.Contains(t, stopped.Stderr, "pymon-bridge: no bridge answers: ")

	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w, "[-]journal: the disk is full")
	}))
	defer full.Close()
	r := harness.RunProgram(t, nil, "healthcheck", "--url", full.URL)
	assert.Equal(t, harness.Result{ExitCode: 1, Stdout: "[-]journal: the disk is full\n",
		Stderr: "pymon-bridge: the bridge is not ready: it answered 503 Service Unavailable\n"}, r)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	r = harness.RunProgram(t, nil, "healthcheck", "--url", "http://"+silent.Addr().String(), "--timeout", "100ms")
	assert.Equal(t, 1, r.ExitCode, "a server that never answers")
}

func TestSecondBridgeOnTheSamePortOrDataIsRefused(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	address := strings.TrimPrefix(bridge.URL, "http://")
	port := harness.RunProgram(t, nil, "--listen", address, "--data", t.TempDir())
	assert.Equal(t, harness.Result{ExitCode: 1,
		Stderr: "pymon-bridge: --listen: another program listens on " + address + ": stop it, or choose another port\n"}, port)
	portOnly := harness.RunProgram(t, nil, "--listen", "8080", "--data", t.TempDir())
	assert.Equal(t, harness.Result{ExitCode: 1, Stderr: "pymon-bridge: --listen: expected an address and a port, such as 127.0.0.1:8080, got \"8080\"\n"}, portOnly)
	data := harness.RunProgram(t, nil, "--listen", "127.0.0.1:0", "--data", bridge.Data)
	assert.Equal(t, harness.Result{ExitCode: 1, Stderr: fmt.Sprintf("pymon-bridge: %s is in use by another pymon-bridge (process %d): "+
		"stop it, or use another data directory\n", bridge.Data, bridge.PID())}, data)
	newMachine().enrol(t, newPoster(bridge.URL)) // the first bridge still serves
}

func TestFlagsWinOverVariables(t *testing.T) {
	t.Parallel()
	flag, env := t.TempDir(), t.TempDir()
	addToken(t, flag, "by-flag")
	addToken(t, env, "by-environment")
	r := harness.RunProgram(t, []string{"PYMON_DATA=" + env}, "token", "list")
	assert.Contains(t, r.Stdout, "by-environment")
	r = harness.RunProgram(t, []string{"PYMON_DATA=" + env}, "token", "list", "--data", flag)
	assert.Contains(t, r.Stdout, "by-flag")
	assert.NotContains(t, r.Stdout, "by-environment")

	mistyped := filepath.Join(flag, "mistyped")
	r = harness.RunProgram(t, nil, "token", "list", "--data", mistyped)
	assert.Equal(t, harness.Result{ExitCode: 1,
		Stderr: fmt.Sprintf("pymon-bridge: --data: expected the directory of a bridge, but %q has no pymon.db\n", mistyped)}, r)
	assert.NoDirExists(t, mistyped)

	// The harness sets --listen, --data, --port-file and --log-format as flags.
	bridge := harness.StartBridge(t, harness.BridgeConfig{Env: []string{"PYMON_LISTEN=256.0.0.1:0", "PYMON_DATA=/dev/null/x",
		"PYMON_PORT_FILE=/dev/null/x", "PYMON_LOG_FORMAT=text", "PYMON_LOG_LEVEL=debug", "PYMON_MAX_BODY=1KiB"}})
	assert.Equal(t, http.StatusRequestEntityTooLarge, newPoster(bridge.URL).try("/metrics/", strings.Repeat("x", 1025)).status,
		"a variable without a flag")
	assertJSONLog(t, bridge.Log())
}

// Container platforms give secrets as files.
func TestInfluxTokenComesFromAFile(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bucket, meta := harness.Unique("pytest"), harness.Unique("meta")
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(influx.Token+"\n"), 0o600))
	bridge := harness.StartBridge(t, harness.BridgeConfig{Env: []string{"INFLUX_URL=" + influx.URL, "INFLUX_ORG=" + influx.Org,
		"INFLUX_TOKEN=", "INFLUX_TOKEN_FILE=" + file, "INFLUX_BUCKET=" + bucket, "PYMON_META_BUCKET=" + meta}})
	process, posts := newMachine(), newPoster(bridge.URL)
	process.enrol(t, posts)
	sent := process.metric("test_a", process.started)
	posts.mustPost(t, "/metrics/", metricJSON(sent))
	bridge.WaitDelivered()
	assertArrived(t, []harness.PymonMetric{sent}, points(t, influx, bucket))
	assert.NotContains(t, bridge.Log(), influx.Token)
}
