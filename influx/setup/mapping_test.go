package setup_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx/setup"
	"pymon-bridge/test/harness"
)

// A mapping that leads to another bucket is somebody else's. It stays, and the note says what it prevents.
func TestForeignMappings(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	other := server.NewBucket("other", 0)
	require.Equal(t, http.StatusCreated, call(t, server, server.Token, http.MethodPost, "dbrps", map[string]any{"orgID": server.OrgID,
		"bucketID": server.BucketID(other), "database": cfg.Bucket, "retention_policy": "autogen", "default": true}, nil))
	for range 2 {
		var noted []setup.Step
		for _, s := range apply(t, cfg) {
			if s.State == setup.Current && s.Note != "" && s.Token == "" && s.What == fmt.Sprintf("mapping of the database %q, by which InfluxQL finds the bucket", cfg.Bucket) {
				noted = append(noted, s)
			}
		}
		require.Len(t, noted, 1)
		require.Contains(t, noted[0].Note, "it leads to another bucket ("+server.BucketID(other)+"), so a bridge cannot read this one: `influx v1 dbrp delete --id ")
	}
}

// cloud is in front of a real InfluxDB, and has no mappings but those that are made, as InfluxDB Cloud.
func cloud(t *testing.T, server *harness.Influx) (url string, made func() []map[string]any) {
	t.Helper()
	var mu sync.Mutex
	var mappings []map[string]any
	forward := httputil.NewSingleHostReverseProxy(parse(t, server.URL))
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v2/dbrps" {
			forward.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			var m map[string]any
			_ = json.NewDecoder(r.Body).Decode(&m)
			mappings = append(mappings, m)
			w.WriteHeader(http.StatusCreated)
		}
		content := []map[string]any{}
		for _, m := range mappings {
			if m["database"] == r.URL.Query().Get("db") {
				content = append(content, m)
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"content": content})
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL, func() []map[string]any { mu.Lock(); defer mu.Unlock(); return mappings }
}

func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

// Where InfluxDB maps no name by itself, the two buckets that the bridge reads get a mapping, once.
func TestMissingMappingsAreMade(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	url, made := cloud(t, server)
	cfg.URL = url
	for i, want := range []setup.State{setup.Missing, ""} {
		steps := states(apply(t, cfg))
		for _, bucket := range []string{cfg.Bucket, cfg.MetaBucket} {
			require.Equal(t, want, steps[fmt.Sprintf("mapping of the database %q, by which InfluxQL finds the bucket", bucket)], "apply %d", i)
		}
	}
	require.Equal(t, []map[string]any{
		{"orgID": server.OrgID, "bucketID": server.BucketID(cfg.Bucket), "database": cfg.Bucket, "retention_policy": "autogen", "default": true},
		{"orgID": server.OrgID, "bucketID": server.BucketID(cfg.MetaBucket), "database": cfg.MetaBucket, "retention_policy": "autogen", "default": true},
	}, made())
}
