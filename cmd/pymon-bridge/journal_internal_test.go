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

// nullAppender accepts every record.
type nullAppender struct{}

func (nullAppender) Append(context.Context, ...*monitor.Record) error { return nil }

// A run can be announced twice. Its new series still count once.
func TestNewSeriesAreCountedWhenTheyAreStored(t *testing.T) {
	metrics := telemetry.New("1", "")
	appender := watchedAppender{nullAppender{}, journal.NewRunWatcher(nil, slog.New(slog.DiscardHandler)), metrics}
	for _, newSeries := range []bool{true, true, false} {
		require.NoError(t, appender.Append(t.Context(), &monitor.Record{Metric: &monitor.Metric{}, NewSeries: newSeries}))
	}
	answer := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/-/metrics", nil))
	assert.Contains(t, answer.Body.String(), "\npymon_bridge_new_series_total 2\n")
}
