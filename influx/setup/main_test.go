package setup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx/setup"
	"pymon-bridge/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// settings are those for a server, with buckets of the test's own.
func settings(server *harness.Influx) setup.Config {
	return setup.Config{
		URL: server.URL, Token: server.NewToken(allAccess(server)...), Org: server.Org,
		Bucket: harness.Unique("pytest"), MetaBucket: harness.Unique("meta"), DailyBucket: harness.Unique("daily"),
		RollupDays: 4, CheckEvery: 4 * time.Second, CheckWindow: 6 * 24 * time.Hour,
	}
}

// allAccess is what the token allows that InfluxDB calls "all access".
func allAccess(server *harness.Influx) []harness.Permission {
	users := harness.Resource{Type: "users"}
	return append(harness.OwnerOf(server.OrgID), harness.Permission{Action: "read", Resource: users}, harness.Permission{Action: "write", Resource: users})
}

// apply prepares a server and returns what was done.
func apply(tb testing.TB, cfg setup.Config) []setup.Step {
	tb.Helper()
	steps, err := try(tb, cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { silence(tb, cfg) })
	return steps
}

func try(tb testing.TB, cfg setup.Config) (steps []setup.Step, err error) {
	tb.Helper()
	s, err := setup.New(cfg, func(step setup.Step) { steps = append(steps, step) })
	require.NoError(tb, err)
	return steps, s.Apply(tb.Context())
}

// silence removes what InfluxDB would go on doing every few seconds, while it has to serve the other tests.
func silence(tb testing.TB, cfg setup.Config) {
	server := &harness.Influx{URL: cfg.URL}
	for _, kind := range []string{"checks", "notificationRules"} {
		var found map[string]json.RawMessage
		if call(tb, server, cfg.Token, http.MethodGet, kind+"?limit=100&org="+url.QueryEscape(cfg.Org), nil, &found) != http.StatusOK {
			continue // a token for little
		}
		var made []struct{ ID, Name string }
		require.NoError(tb, json.Unmarshal(found[kind], &made))
		for _, m := range made {
			if strings.Contains(m.Name, cfg.Bucket) {
				call(tb, server, cfg.Token, http.MethodDelete, kind+"/"+m.ID, nil, nil)
			}
		}
	}
}

// states returns the state of each step by what it is about.
func states(steps []setup.Step) map[string]setup.State {
	all := map[string]setup.State{}
	for _, s := range steps {
		all[s.What] = s.State
	}
	return all
}

// secret returns the token made for a purpose.
func secret(tb testing.TB, steps []setup.Step, purpose setup.Purpose) string {
	tb.Helper()
	for _, s := range steps {
		if s.Purpose == purpose && s.Token != "" {
			return s.Token
		}
	}
	require.Fail(tb, "no token was made", "for %s", purpose)
	return ""
}

// call asks InfluxDB's API and returns the status of its answer, which is decoded into what into points to.
func call(tb testing.TB, server *harness.Influx, token, method, path string, body, into any) (status int) {
	tb.Helper()
	var payload []byte
	if body != nil {
		var err error
		payload, err = json.Marshal(body)
		require.NoError(tb, err)
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(tb.Context()), method, server.URL+"/api/v2/"+path, bytes.NewReader(payload))
	require.NoError(tb, err)
	req.Header.Set("Authorization", "Token "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(tb, err)
	defer func() { _ = resp.Body.Close() }()
	if into != nil {
		require.NoError(tb, json.NewDecoder(resp.Body).Decode(into))
	}
	return resp.StatusCode
}

// get reads from InfluxDB's API as the organisation's owner.
func get(tb testing.TB, server *harness.Influx, path string, into any) {
	tb.Helper()
	require.Equal(tb, http.StatusOK, call(tb, server, server.Token, http.MethodGet, path, nil, into), path)
}
