package setup_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/influx/setup"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// inbox is an address that keeps the JSON it is sent.
type inbox struct {
	*httptest.Server
	mu   sync.Mutex
	mail []map[string]any
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Method != http.MethodPost {
			http.Error(w, "expected a POST with JSON", http.StatusBadRequest)
			return
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		in.mail = append(in.mail, body)
	}))
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) read() []map[string]any {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.mail
}

// wait waits for the n-th letter.
func (in *inbox) wait(t *testing.T, n int) map[string]any {
	t.Helper()
	require.Eventually(t, func() bool { return len(in.read()) >= n }, within, 100*time.Millisecond, "letter %d", n)
	return in.read()[n-1]
}

// News arrives where it is asked for, once, and says which test, by how much and since which commits.
func TestNewsArrives(t *testing.T) {
	t.Parallel()
	server, first, second := harness.SharedInflux(t), newInbox(t), newInbox(t)
	cfg := settings(server)
	cfg.NotifyURL = first.URL
	apply(t, cfg)
	v := verdict{test: "test_pay[visa]", status: "regression", level: "crit", at: time.Now().Add(-time.Hour)}
	write(server, cfg.Bucket, v, verdict{test: "test_odd", status: "suspect", level: "(none)", at: v.at})

	letter := first.wait(t, 1)
	for name, want := range map[string]any{
		"_level": "crit", "status": "regression", "project": "webshop", "item_path": "tests.pay", "item_variant": "test_pay[visa]", "metric": "cpu_time",
		"env": "Linux-x86_64 8x", "ratio": 2.25, "baseline": 0.5, "measured": 1.125, "last_good": "900d", "first_bad": "bad1", "scm_ref": "c0ffee",
		"branch": "main", "item_fs_loc": "tests/pay.py",
	} {
		assert.Equal(t, want, letter[name], name)
	}

	v.status, v.level = "ok", "(none)"
	write(server, cfg.Bucket, v)
	letter = first.wait(t, 2)
	assert.Equal(t, "ok", letter["_level"])
	assert.Equal(t, "test_pay[visa]", letter["item_variant"])
	assert.Contains(t, letter["_message"], "taken back: tests.pay test_pay[visa]")

	// A new address is where the next news goes: the rule has a copy of the address.
	cfg.NotifyURL = second.URL
	apply(t, cfg)
	write(server, cfg.Bucket, verdict{test: "test_late", status: "regression", level: "warn", at: time.Now()})
	assert.Equal(t, "test_late", second.wait(t, 1)["item_variant"])
	turns(t, server, "pymon-bridge regressions ("+cfg.Bucket+")")
	assert.Len(t, first.read(), 2, "each piece of news once, and no suspicions")
	assert.Len(t, second.read(), 1)
}

// The rule for Slack that docs/alerts.md describes, made by hand.
func TestSlackAsDocumented(t *testing.T) {
	t.Parallel()
	server, slack := harness.SharedInflux(t), newInbox(t)
	cfg := settings(server)
	apply(t, cfg)
	var made struct{ ID string }
	require.Equal(t, http.StatusCreated, call(t, server, server.Token, http.MethodPost, "notificationEndpoints",
		map[string]any{"type": "slack", "name": "chat", "orgID": server.OrgID, "status": "active", "url": slack.URL}, &made))
	tag := func(key, value string) map[string]string {
		return map[string]string{"key": key, "value": value, "operator": "equal"}
	}
	require.Equal(t, http.StatusCreated, call(t, server, server.Token, http.MethodPost, "notificationRules", map[string]any{
		"type": "slack", "name": "to the chat", "orgID": server.OrgID, "endpointID": made.ID, "status": "active", "every": "4s", "offset": "1s",
		"messageTemplate": "${ r._message }", "tagRules": []any{tag("bucket", cfg.Bucket), tag("news", "yes")},
		"statusRules": []any{map[string]string{"currentLevel": "CRIT"}, map[string]string{"currentLevel": "WARN"}, map[string]string{"currentLevel": "OK"}},
	}, nil))
	write(server, cfg.Bucket, verdict{test: "test_pay[visa]", status: "regression", level: "warn", at: time.Now()})
	sent, err := json.Marshal(slack.wait(t, 1))
	require.NoError(t, err)
	assert.Contains(t, string(sent), "tests.pay test_pay[visa] (cpu_time, 0.5 s -\\u003e 1.125 s, 2.25 times)")
}

// What the bridge itself writes of its judgements, with the token made for it, arrives as news.
func TestDeliveredReportsAreNews(t *testing.T) {
	t.Parallel()
	server, in := harness.SharedInflux(t), newInbox(t)
	cfg := settings(server)
	cfg.NotifyURL = in.URL
	w, err := influx.Open(influx.Config{URL: server.URL, Org: server.Org, Bucket: cfg.Bucket, MetaBucket: cfg.MetaBucket,
		Token: secret(t, apply(t, cfg), setup.ForBridge), BridgeURL: "https://ci.example.org"}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	regression := monitor.Result{
		TestID: monitor.TestID{ItemPath: "tests.pay", Item: "test_pay", ItemVariant: "test_pay[100%]", Kind: "function", Env: "big"},
		Metric: monitor.MetricMemUsage, Status: monitor.StatusRegression, Level: monitor.LevelCrit,
		Baseline: 40, Limit: 42, Value: 60, Ratio: 1.5, Delta: 20, P: 1e-9, Q: 1e-6, N: 12,
	}
	unjudged := regression
	unjudged.Metric, unjudged.Status, unjudged.Level = monitor.MetricTotalTime, monitor.StatusNotJudged, ""
	deliver := func(run string, ago time.Duration, results ...monitor.Result) {
		t.Helper()
		v := w.DeliverReport(t.Context(), &monitor.Report{Project: "webshop", Run: run, Against: "main", Started: time.Now().Add(-ago), Results: results})
		require.Equal(t, monitor.Delivered, v.Kind, v.Message)
	}
	deliver("1", 3*time.Hour, regression, unjudged)
	letter := in.wait(t, 1)
	assert.Equal(t, "regression: tests.pay test_pay[100%25] (mem_usage, 40 MiB -> 60 MiB, 1.5 times) on big; project webshop, branch (none), commit (none), run 1, "+
		"see https://ci.example.org/p/webshop/test?env=big&name=test_pay%5B100%25%5D&path=tests.pay", letter["_message"], "no commits are known")

	// It stays in the next run, and another test becomes better.
	better := regression
	better.ItemVariant, better.Status, better.Level, better.Value, better.Ratio = "test_pay[fast]", monitor.StatusImprovement, "", 10, 0.25
	deliver("2", 2*time.Hour, regression, better)
	letter = in.wait(t, 2)
	assert.Equal(t, "test_pay[fast]", letter["item_variant"])
	assert.Equal(t, "ok", letter["_level"])
	turns(t, server, "pymon-bridge regressions ("+cfg.Bucket+")")
	assert.Len(t, in.read(), 2)
}
