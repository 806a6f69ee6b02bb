package setup_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/influx/setup"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// inventory is everything in an organisation that the command could touch, as InfluxDB describes it.
func inventory(t *testing.T, server *harness.Influx, token string) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, path := range []string{"buckets", "authorizations", "checks", "tasks", "notificationEndpoints", "notificationRules"} {
		var list map[string]any
		require.Equal(t, http.StatusOK, call(t, server, token, http.MethodGet, path+"?limit=100&orgID="+server.OrgID, nil, &list))
		for _, element := range list[path].([]any) {
			e := element.(map[string]any)
			for name := range e {
				// What running them changes.
				if strings.HasPrefix(name, "latest") || strings.HasPrefix(name, "lastRun") {
					delete(e, name)
				}
			}
			all[path+" "+fmt.Sprint(e["id"])] = e
		}
	}
	return all
}

// The second time nothing is changed, and that is what is said.
func TestTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	cfg.NotifyURL, cfg.Fallback = "http://127.0.0.1:9/hook", true
	retention := 90 * 24 * time.Hour
	cfg.Retention = &retention
	first := apply(t, cfg)
	require.Len(t, first, 10)
	for _, s := range first {
		require.Equal(t, setup.Missing, s.State, s.What)
		require.NotContains(t, s.Note, "hook", "it may be a secret")
	}
	before := inventory(t, server, cfg.Token)
	second := apply(t, cfg)
	require.Len(t, second, len(first))
	for _, s := range second {
		require.Equal(t, setup.Current, s.State, s.What)
		require.Empty(t, s.Token)
	}
	require.Equal(t, before, inventory(t, server, cfg.Token))
	require.Equal(t, 22*24*time.Hour, server.ShardGroup(cfg.Bucket))
	require.Equal(t, 28*24*time.Hour, server.ShardGroup(cfg.DailyBucket))
}

// Settings that changed are changed in place; what belongs to others is not touched, whatever its name.
func TestChangedSettings(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	cfg.NotifyURL = "http://127.0.0.1:9/hook"
	server.AddBucket(cfg.Bucket, 200*24*time.Hour)
	server.AddBucket(cfg.MetaBucket, 24*time.Hour)
	apply(t, settings(server))
	before := inventory(t, server, cfg.Token)
	first := states(apply(t, cfg))
	require.Equal(t, setup.Current, first[fmt.Sprintf("bucket %q", cfg.Bucket)], "its retention was not asked for")
	require.Equal(t, setup.Different, first[fmt.Sprintf("bucket %q", cfg.MetaBucket)], "it must not expire")

	retention := 30 * 24 * time.Hour
	cfg.Retention, cfg.RollupDays, cfg.CheckEvery, cfg.NotifyURL = &retention, 6, 10*time.Second, "http://127.0.0.1:9/another"
	steps := apply(t, cfg)
	require.Equal(t, "keeps points for 30 days instead of for 200 days, new ones in shards of 7 days", steps[0].Note)
	for what, state := range states(steps) {
		unchanged := strings.HasPrefix(what, "token") || strings.HasSuffix(what, fmt.Sprintf("bucket %q", cfg.MetaBucket)) ||
			strings.HasSuffix(what, fmt.Sprintf("bucket %q", cfg.DailyBucket))
		if unchanged {
			require.Equal(t, setup.Current, state, what)
		} else {
			require.Equal(t, setup.Different, state, what)
		}
	}
	for _, s := range apply(t, cfg) {
		require.Equal(t, setup.Current, s.State, s.What)
	}
	require.Equal(t, 7*24*time.Hour, server.ShardGroup(cfg.Bucket))
	retention = 7 * 24 * time.Hour // less than a shard covers
	require.Equal(t, setup.Different, states(apply(t, cfg))[fmt.Sprintf("bucket %q", cfg.Bucket)])
	retention = 30 * 24 * time.Hour
	apply(t, cfg)
	after := inventory(t, server, cfg.Token)
	require.Equal(t, len(before)+7, len(after), "a bucket, two tokens, a check, a task, an endpoint and a rule, since two buckets were there")
	for id, element := range before {
		if name := element.(map[string]any)["name"]; name != cfg.Bucket && name != cfg.MetaBucket {
			require.Equal(t, element, after[id])
		}
	}
}

// What somebody else made under a name of ours stays.
func TestForeignNames(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	name := "pymon-bridge daily rollup (" + cfg.Bucket + ")"
	flux := `option task = {name: "` + name + `", every: 1h} from(bucket: "x") |> range(start: -1h)`
	require.Equal(t, http.StatusCreated, call(t, server, server.Token, http.MethodPost, "tasks", map[string]any{"orgID": server.OrgID, "flux": flux}, nil))
	_, err := try(t, cfg)
	require.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
	require.ErrorContains(t, err, `task "`+name+`" was not made by this command`)
}

func TestPrintChangesNothing(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	cfg.NotifyURL, cfg.Fallback = "http://127.0.0.1:9/hook", true
	before := inventory(t, server, cfg.Token)
	var steps []setup.Step
	s, err := setup.New(cfg, func(step setup.Step) { steps = append(steps, step) })
	require.NoError(t, err)
	require.NoError(t, s.Print(t.Context()))
	require.Len(t, steps, 10)
	for _, step := range steps {
		assert.Equal(t, setup.Missing, step.State, step.What)
		assert.Equal(t, strings.HasPrefix(step.What, "check") || strings.HasPrefix(step.What, "task"), step.Flux != "", step.What)
		assert.NotContains(t, step.Flux, "{{")
	}
	// The lists have the token of the command itself, which settings made.
	require.Equal(t, before, inventory(t, server, cfg.Token))
}

// An error says what the token lacks, and nothing is left that was not reported.
func TestTokenLacks(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	prepared := settings(server)
	prepared.NotifyURL = "http://127.0.0.1:9/hook"
	apply(t, prepared)
	for _, c := range []struct {
		lacks    string // what is left out of an all-access token
		prepared bool
		message  string
	}{
		{"read orgs", false, "or the token lacks read:orgs"},
		{"write buckets", false, "creating bucket %q: the token lacks write:buckets"},
		{"write authorizations", false, "creating the token for the bridge: the token lacks write:authorizations"},
		{"write users", false, "creating the token for the bridge: the token lacks write:authorizations, write:users"},
		{"write checks", false, `creating check "pymon-bridge regressions (%s)": the token lacks write:checks`},
		{"write tasks", false, `the token lacks write:tasks`},
		{"read tasks", false, "the token lacks read:tasks"},
		{"write notificationEndpoints", false, "the token lacks write:notificationEndpoints"},
		{"write notificationRules", false, "the token lacks write:notificationRules"},
		{"read buckets", true, "it lacks read:buckets"},
		{"read checks", true, "it lacks read:checks"},
		{"read notificationEndpoints", true, "it lacks read:notificationEndpoints"},
		{"read notificationRules", false, "the token lacks read:notificationRules"},
	} {
		t.Run(c.lacks, func(t *testing.T) {
			cfg := settings(server)
			if c.prepared {
				cfg = prepared
			}
			cfg.NotifyURL = "http://127.0.0.1:9/hook"
			var allowed []harness.Permission
			for _, p := range allAccess(server) {
				if p.Action+" "+p.Resource.Type != c.lacks {
					allowed = append(allowed, p)
				}
			}
			cfg.Token = server.NewToken(allowed...)
			before := len(inventory(t, server, prepared.Token))
			steps, err := try(t, cfg)
			require.Equal(t, c.prepared || c.lacks == "read orgs", monitor.ErrorCode(err) != monitor.EForbidden, "%v", err)
			want := c.message
			if strings.Contains(want, "%") {
				want = fmt.Sprintf(want, cfg.Bucket)
			}
			require.ErrorContains(t, err, want)
			made := 0
			for _, step := range steps {
				if step.State == setup.Missing {
					made++
				}
			}
			require.Equal(t, before+made, len(inventory(t, server, prepared.Token)), "nothing that was not reported")
		})
	}
}

func TestUnreachableAndUnknown(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	for _, c := range []struct {
		name    string
		change  func(*setup.Config)
		code    monitor.Code
		message string
	}{
		{"nobody listens", func(c *setup.Config) { c.URL = "http://127.0.0.1:1" }, monitor.EUnavailable, "InfluxDB does not answer"},
		{"unknown token", func(c *setup.Config) { c.Token = "nonsense" }, monitor.EUnauthorized, "InfluxDB does not accept the token"},
		{"unknown organisation", func(c *setup.Config) { c.Org = "nobody" }, monitor.ENotFound, `there is no organisation "nobody"`},
		{"organisation's ID", func(c *setup.Config) { c.Org = server.OrgID }, "", ""},
		{"what is kept is too short for the rollup", func(c *setup.Config) {
			c.Bucket = server.NewBucket("short", 4*24*time.Hour)
		}, monitor.EInvalid, "keep metrics for at least 5 days"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := settings(server)
			c.change(&cfg)
			_, err := try(t, cfg)
			require.Equal(t, c.code, monitor.ErrorCode(err), "%v", err)
			if c.message != "" {
				require.ErrorContains(t, err, c.message)
			}
		})
	}
}

func TestWrongSettings(t *testing.T) {
	good := setup.Config{URL: "http://127.0.0.1:1", Token: "t", Org: "o", Bucket: "a", MetaBucket: "b", DailyBucket: "c",
		RollupDays: 4, CheckEvery: time.Minute, CheckWindow: 24 * time.Hour}
	hours := func(n int) *time.Duration { d := time.Duration(n) * time.Hour; return &d }
	for _, c := range []struct {
		change  func(*setup.Config)
		message string
	}{
		{func(c *setup.Config) { c.URL = "influx:8086" }, "must look like http://host:8086"},
		{func(c *setup.Config) { c.Token = "" }, "a token and an organisation"},
		{func(c *setup.Config) { c.DailyBucket = "a" }, "three different buckets"},
		{func(c *setup.Config) { c.MetaBucket = "" }, "every bucket needs a name"},
		{func(c *setup.Config) { c.NotifyURL = "hooks" }, "the address for news must look like https://host/path"},
		{func(c *setup.Config) { c.NotifyURL = "http://a b" }, "the address for news must look like https://host/path"},
		{func(c *setup.Config) { c.RollupDays = 0 }, "at least one day"},
		{func(c *setup.Config) { c.CheckEvery = time.Millisecond }, "whole seconds, at least one"},
		{func(c *setup.Config) { c.CheckWindow = time.Second }, "no shorter than its interval"},
		{func(c *setup.Config) { c.CheckWindow = 7 * 24 * time.Hour }, "at most 167h0m0s, since InfluxDB forgets statuses after 168h0m0s"},
		{func(c *setup.Config) { c.Retention = hours(5*24 - 1) }, "keep metrics for at least 5 days, or roll up fewer"},
		{func(c *setup.Config) { c.Retention = hours(-1) }, "a retention of an hour or more"},
	} {
		cfg := good
		c.change(&cfg)
		_, err := setup.New(cfg, nil)
		require.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
		require.ErrorContains(t, err, c.message)
	}
	good.Retention = hours(5 * 24)
	_, err := setup.New(good, nil)
	require.NoError(t, err)
}

// What answers may be no InfluxDB, and its list may never end.
func TestAListWithoutAnEndIsNotReadToItsEnd(t *testing.T) {
	const most = 64 << 20
	sent := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		part := bytes.Repeat([]byte(" "), 64<<10)
		for part[0] = '{'; sent < most; sent += len(part) {
			if _, err := w.Write(part); err != nil {
				return
			}
			part[0] = ' '
		}
	}))
	s, err := setup.New(setup.Config{URL: other.URL, Token: "t", Org: "o", Bucket: "a", MetaBucket: "b", DailyBucket: "c",
		RollupDays: 4, CheckEvery: time.Minute, CheckWindow: 24 * time.Hour}, nil)
	require.NoError(t, err)
	require.Error(t, s.Print(t.Context()))
	other.Close() // waits for the handler
	require.Less(t, sent, most/2, "buffers of the system take some of it")
}
