package setup_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/influx/setup"
	"pymon-bridge/test/harness"
)

// The bridge's token is enough for a whole bridge: it delivers what a real client posts, and finds what only another
// bridge has.
func TestBridgeNeedsNoMore(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	token := secret(t, apply(t, cfg), setup.ForBridge)
	start := func() *harness.Bridge {
		return harness.StartBridge(t, harness.BridgeConfig{Influx: server, Token: token, Bucket: cfg.Bucket, MetaBucket: cfg.MetaBucket,
			Args: []string{"--client-timezone", "UTC"}}) // the dates of the fixture are old
	}
	first := start()
	fixtures := harness.Fixtures(t)
	fixture := fixtures[len(fixtures)-1]
	fixture.Replay(t, first.URL)
	first.WaitReady()
	first.WaitDelivered()
	posted := 0
	for _, r := range fixture.Requests {
		if r.Method == http.MethodPost && strings.Contains(r.Path, "metrics") {
			posted++
		}
	}
	require.Positive(t, posted)
	require.Len(t, server.Points(cfg.Bucket, "test_metrics"), posted)
	assert.NotContains(t, first.Log(), `"level":"WARN"`)

	second := start()
	sessions := server.Points(cfg.MetaBucket, "sessions")
	require.NotEmpty(t, sessions)
	// It asks InfluxDB for a tenth of a second only, since a client waits.
	require.Eventually(t, func() bool {
		resp, err := http.Get(second.URL + "/api/v1/sessions/" + fmt.Sprint(sessions[0]["session_h"]))
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode == http.StatusOK && strings.Contains(string(body), fmt.Sprint(sessions[0]["session_h"]))
	}, within, 100*time.Millisecond)
}

// Neither token allows anything beyond what it is for.
func TestTokensAllowNoMore(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	steps := apply(t, cfg)
	bridge, grafana := secret(t, steps, setup.ForBridge), secret(t, steps, setup.ForGrafana)
	other := server.NewBucket("other", 0)
	id := func(bucket string) string { return "buckets/" + server.BucketID(bucket) }
	read := func(bucket string) (string, string, any) {
		return http.MethodPost, "query?org=" + server.Org, map[string]any{"query": fmt.Sprintf("from(bucket: %q) |> range(start: -1h)", bucket)}
	}
	write := func(bucket string) (string, string, any) {
		return http.MethodPost, "write?" + url.Values{"org": {server.Org}, "bucket": {bucket}}.Encode(), nil
	}
	request := func(method, path string, body any) func() (string, string, any) {
		return func() (string, string, any) { return method, path, body }
	}
	for _, c := range []struct {
		what            string
		request         func() (method, path string, body any)
		bridge, grafana bool // may it?
	}{
		{"read metrics", func() (string, string, any) { return read(cfg.Bucket) }, true, true},
		{"read metadata", func() (string, string, any) { return read(cfg.MetaBucket) }, true, true},
		{"read the rollup", func() (string, string, any) { return read(cfg.DailyBucket) }, false, true},
		{"read statuses", func() (string, string, any) { return read("_monitoring") }, false, false},
		{"read another bucket", func() (string, string, any) { return read(other) }, false, false},
		{"write metrics", func() (string, string, any) { return write(cfg.Bucket) }, true, false},
		{"write metadata", func() (string, string, any) { return write(cfg.MetaBucket) }, true, false},
		{"write the rollup", func() (string, string, any) { return write(cfg.DailyBucket) }, false, false},
		{"write another bucket", func() (string, string, any) { return write(other) }, false, false},
		{"create a bucket", request(http.MethodPost, "buckets", map[string]any{"orgID": server.OrgID, "name": harness.Unique("new")}), false, false},
		{"delete another bucket", request(http.MethodDelete, id(other), nil), false, false},
		{"create a task", request(http.MethodPost, "tasks", map[string]any{"orgID": server.OrgID, "flux": `option task = {name: "x", every: 1h} from(bucket: "x") |> range(start: -1h)`}), false, false},
		{"create a token", request(http.MethodPost, "authorizations", map[string]any{"orgID": server.OrgID,
			"permissions": []harness.Permission{server.OnBucket("read", cfg.Bucket)}}), false, false},
		{"see the organisation", request(http.MethodGet, "orgs/"+server.OrgID, nil), false, false},
		{"read the log of tasks", func() (string, string, any) { return read("_tasks") }, false, false},
	} {
		for _, of := range []struct {
			name, token string
			may         bool
		}{{"bridge", bridge, c.bridge}, {"grafana", grafana, c.grafana}} {
			method, path, body := c.request()
			status := call(t, server, of.token, method, path, body, nil)
			if of.may {
				assert.Equal(t, 2, status/100, "%s may %s: %d", of.name, c.what, status)
			} else {
				assert.Contains(t, []int{401, 403, 404, 500}, status, "%s may not %s", of.name, c.what)
			}
		}
	}
	require.True(t, server.HasBucket(other))
	require.Equal(t, http.StatusUnauthorized, call(t, server, grafana, http.MethodDelete, id(cfg.Bucket), nil, nil))
}

// The command line does the same, keeps secrets out of sight where it is told to, and says so when there is nothing to do.
func TestCommand(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	file := filepath.Join(t.TempDir(), "bridge.token")
	env := []string{"INFLUX_URL=" + server.URL, "INFLUX_ORG=" + server.Org, "INFLUX_TOKEN=" + cfg.Token,
		"INFLUX_BUCKET=" + cfg.Bucket, "PYMON_META_BUCKET=" + cfg.MetaBucket, "PYMON_DAILY_BUCKET=" + cfg.DailyBucket}
	run := func(args ...string) harness.Result {
		return harness.RunProgram(t, env, append([]string{"influx", "setup"}, args...)...)
	}

	printed := run("--print", "--retention=90d")
	require.Zero(t, printed.ExitCode, printed.Stderr)
	assert.Contains(t, printed.Stdout, "create     bucket \""+cfg.Bucket+"\"\n             keeps points for 90 days, in shards of 22 days\n")
	assert.Contains(t, printed.Stdout, "option task = {name: \"pymon-bridge regressions ("+cfg.Bucket+")\", every: 60s")
	assert.Contains(t, printed.Stdout, "\nNothing was done.\n")
	require.False(t, server.HasBucket(cfg.Bucket))

	done := run("--retention=2160h", "--bridge-token-file", file)
	require.Zero(t, done.ExitCode, done.Stderr)
	token, err := os.ReadFile(file)
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.NotContains(t, done.Stdout, strings.TrimSpace(string(token)))
	assert.Contains(t, done.Stdout, " for the bridge: INFLUX_TOKEN_FILE="+file+"\n")
	assert.Equal(t, 1, strings.Count(done.Stdout, "shown only now"))
	shown := regexp.MustCompile(`shown only now, for the variables of Grafana's server: INFLUX_TOKEN=(\S+)\n`).FindStringSubmatch(done.Stdout)
	require.Len(t, shown, 2, done.Stdout)
	require.Equal(t, http.StatusOK, call(t, server, shown[1], http.MethodGet, "buckets?"+url.Values{"org": {server.Org}}.Encode(), nil, nil))
	assert.NotContains(t, done.Stdout, "option task")
	require.Equal(t, http.StatusNoContent, call(t, server, strings.TrimSpace(string(token)), http.MethodPost,
		"write?"+url.Values{"org": {server.Org}, "bucket": {cfg.Bucket}}.Encode(), nil, nil))

	again := run("--retention=2160h", "--bridge-token-file", file)
	require.Zero(t, again.ExitCode, again.Stderr)
	assert.Contains(t, again.Stdout, "\nNothing to do: everything is as it should be.\n")
	assert.NotContains(t, again.Stdout, "shown only now")

	for want, args := range map[string][]string{
		"--retention: expected an age of at least a day, such as 400d, or 0 for no limit": {"--retention=soon"},
		"--check-every":            {"--check-every=soon"},
		"--daily-bucket: expected": {"--daily-bucket="},
		"--influx-url: expected the address of the InfluxDB": {"--influx-url="},
	} {
		wrong := run(args...)
		assert.Equal(t, 2, wrong.ExitCode, args)
		assert.Contains(t, wrong.Stderr, want)
	}
	lost := run("--bridge-token-file", filepath.Join(t.TempDir(), "no", "folder"), "--influx-bucket", harness.Unique("pytest"))
	assert.Equal(t, 1, lost.ExitCode)
	assert.Contains(t, lost.Stderr, "the token for bridge could not be written, so it was printed")
	assert.Regexp(t, `shown only now, for the bridge: INFLUX_TOKEN=\S+\n`, lost.Stdout)
	assert.Equal(t, 2, strings.Count(lost.Stdout, "shown only now"))
}
