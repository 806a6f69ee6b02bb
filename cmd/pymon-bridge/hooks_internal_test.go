package main

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/journal"
	"pymon-bridge/monitor"
	"pymon-bridge/telemetry"
)

// stored is an appender that takes everything.
type stored struct{}

func (stored) Append(context.Context, *monitor.Record) error { return nil }

// A run that is mentioned twice has its new series counted once.
func TestNewSeriesAreCountedWhenTheyAreStored(t *testing.T) {
	metrics := telemetry.New("1", "")
	w := watched{stored{}, journal.NewRunWatcher(nil, slog.New(slog.DiscardHandler)), metrics}
	for _, fresh := range []bool{true, true, false} {
		require.NoError(t, w.Append(t.Context(), &monitor.Record{Metric: &monitor.Metric{}, NewSeries: fresh}))
	}
	answer := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/-/metrics", nil))
	assert.Contains(t, answer.Body.String(), "\npymon_bridge_new_series_total 2\n")
}
