package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"pymon-bridge/monitor"
	"pymon-bridge/telemetry"
)

// busy returns metrics that have counted every kind of event.
func busy() *telemetry.Metrics {
	m := telemetry.New("1.2.3", "abcdef")
	m.Accepted(monitor.ClassMetric, false)
	m.Accepted(monitor.ClassMetric, true)
	m.Accepted(monitor.ClassSession, false)
	m.Refused("invalid")
	m.Request("POST", "/metrics", 201, 3*time.Millisecond)
	m.Request("", "", 404, time.Millisecond)
	m.Committed(16, 2*time.Millisecond)
	m.Delivered(monitor.ClassMetric, 5000)
	m.Lag(time.Minute)
	m.Retried(503)
	m.Retried(0)
	m.Buried(monitor.ClassMetric, 1)
	m.WatchCache(func() monitor.Lookups { return monitor.Lookups{Hits: 1, Negative: 1} })
	m.NewSeries(7)
	m.Judged(&monitor.Report{Summary: monitor.Summary{Regressions: 2, Improvements: 1}}, time.Second)
	m.ReportDelivered(nil)
	m.MinFree(1 << 20)
	m.WatchHealth([]monitor.HealthChecker{component{"journal", true}, component{"delivery", false}})
	m.WatchCertificate(func() time.Time { return time.Unix(1800000000, 0) })
	return m
}

// component is a part of a bridge that works or does not.
type component struct {
	name string
	ok   bool
}

func (c component) Health() monitor.Health { return monitor.Health{Component: c.name, OK: c.ok} }

func stats(context.Context) (monitor.JournalStats, error) {
	return monitor.JournalStats{Depth: 12, Parked: 3, DeadLetters: 2, Reports: 4, Bytes: 4096, Free: 1 << 40,
		Oldest: time.Now().Add(-time.Hour), Lost: make([]monitor.Loss, 2)}, nil
}

// scrape returns the metrics that a Prometheus server reads.
func scrape(t *testing.T, m *telemetry.Metrics) map[string]*dto.MetricFamily {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/-/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(w.Body)
	require.NoError(t, err)
	return families
}

// value returns the value of the sample with the given label values; of a histogram, its count.
func value(t *testing.T, families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	require.Contains(t, families, name)
	for _, sample := range families[name].GetMetric() {
		var got []string
		for _, pair := range sample.GetLabel() {
			got = append(got, pair.GetValue())
		}
		if !assert.ObjectsAreEqual(labels, got) {
			continue
		}
		switch families[name].GetType() {
		case dto.MetricType_COUNTER:
			return sample.GetCounter().GetValue()
		case dto.MetricType_HISTOGRAM:
			return float64(sample.GetHistogram().GetSampleCount())
		default:
			return sample.GetGauge().GetValue()
		}
	}
	require.Fail(t, "no such sample", "%s %v", name, labels)
	return 0
}

func TestHooksChangeTheMetrics(t *testing.T) {
	m := busy()
	m.WatchJournal(stats)
	m.WatchConnections(func() map[string]int { return map[string]int{"idle": 3} })
	families := scrape(t, m)
	tests := []struct {
		name   string
		labels []string
		want   float64
	}{
		{"pymon_bridge_accepted_total", []string{"metric"}, 2},
		{"pymon_bridge_accepted_total", []string{"session"}, 1},
		{"pymon_bridge_accepted_total", []string{"context"}, 0},
		{"pymon_bridge_repeats_total", []string{"metric"}, 1},
		{"pymon_bridge_repeats_total", []string{"session"}, 0},
		{"pymon_bridge_refused_total", []string{"invalid"}, 1},
		{"pymon_bridge_request_duration_seconds", []string{"POST", "/metrics", "201"}, 1},
		{"pymon_bridge_request_duration_seconds", []string{"", "", "404"}, 1},
		{"pymon_bridge_commit_duration_seconds", nil, 1},
		{"pymon_bridge_commit_records", nil, 1},
		{"pymon_bridge_delivered_total", []string{"metric"}, 5000},
		{"pymon_bridge_delivery_lag_seconds", nil, 1},
		{"pymon_bridge_retries_total", []string{"503"}, 1},
		{"pymon_bridge_retries_total", []string{"none"}, 1},
		{"pymon_bridge_dead_letters_total", []string{"metric"}, 1},
		{"pymon_bridge_cache_lookups_total", []string{"hit"}, 1},
		{"pymon_bridge_cache_lookups_total", []string{"miss"}, 0},
		{"pymon_bridge_cache_lookups_total", []string{"negative"}, 1},
		{"pymon_bridge_new_series_total", nil, 7},
		{"pymon_bridge_judge_duration_seconds", nil, 1},
		{"pymon_bridge_judged_runs_total", nil, 1},
		{"pymon_bridge_judged_results_total", []string{"regression"}, 2},
		{"pymon_bridge_judged_results_total", []string{"suspect"}, 0},
		{"pymon_bridge_judged_results_total", []string{"improvement"}, 1},
		{"pymon_bridge_delivered_reports_total", nil, 1},
		{"pymon_bridge_connections", []string{"idle"}, 3},
		{"pymon_bridge_journal_depth", nil, 12},
		{"pymon_bridge_journal_parked_records", nil, 3},
		{"pymon_bridge_journal_dead_letters", nil, 2},
		{"pymon_bridge_journal_reports", nil, 4},
		{"pymon_bridge_journal_size_bytes", nil, 4096},
		{"pymon_bridge_journal_free_bytes", nil, 1 << 40},
		{"pymon_bridge_journal_losses", nil, 2},
		{"pymon_bridge_journal_min_free_bytes", nil, 1 << 20},
		{"pymon_bridge_healthy", []string{"journal"}, 1},
		{"pymon_bridge_healthy", []string{"delivery"}, 0},
		{"pymon_bridge_certificate_expiry_timestamp_seconds", nil, 1800000000},
		{"pymon_bridge_journal_stats_errors_total", nil, 0},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, value(t, families, tt.name, tt.labels...), "%s %v", tt.name, tt.labels)
	}
	assert.GreaterOrEqual(t, value(t, families, "pymon_bridge_journal_oldest_age_seconds"), 3600.0)
	assert.InDelta(t, float64(time.Now().Unix()), value(t, families, "pymon_bridge_time_seconds"), 600)
	assert.Contains(t, families, "go_goroutines")
	assert.Contains(t, families, "process_open_fds")
	build := families["pymon_bridge_build_info"].GetMetric()[0]
	assert.Contains(t, build.String(), "1.2.3")
	assert.Contains(t, build.String(), "abcdef")
}

func TestMetricsFollowPrometheusConventions(t *testing.T) {
	m := busy()
	m.WatchJournal(stats)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	problems, err := promlint.New(w.Body).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func TestScrapeSucceedsWhenTheJournalFails(t *testing.T) {
	m := telemetry.New("1", "")
	m.WatchJournal(func(ctx context.Context) (monitor.JournalStats, error) {
		deadline, ok := ctx.Deadline()
		assert.True(t, ok, "a scrape must not wait for ever")
		assert.LessOrEqual(t, time.Until(deadline), 2*time.Second)
		return monitor.JournalStats{}, errors.New("locked")
	})
	assert.NotContains(t, scrape(t, m), "pymon_bridge_journal_depth")
	second := scrape(t, m)
	assert.NotContains(t, second, "pymon_bridge_journal_depth")
	assert.GreaterOrEqual(t, value(t, second, "pymon_bridge_journal_stats_errors_total"), 1.0)
	assert.Contains(t, second, "pymon_bridge_accepted_total", "the other metrics are shown")
}

func TestOldestAgeIsZeroWithoutRecords(t *testing.T) {
	m := telemetry.New("1", "")
	m.WatchJournal(func(context.Context) (monitor.JournalStats, error) { return monitor.JournalStats{}, nil })
	assert.Zero(t, value(t, scrape(t, m), "pymon_bridge_journal_oldest_age_seconds"))
}

func TestTwoMetricsAreIndependent(t *testing.T) {
	a, b := telemetry.New("1", ""), telemetry.New("1", "")
	a.Refused("invalid")
	assert.Contains(t, scrape(t, a), "pymon_bridge_refused_total")
	assert.NotContains(t, scrape(t, b), "pymon_bridge_refused_total")
}
