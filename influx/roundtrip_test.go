package influx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

func TestDeliverAndReadBack(t *testing.T) {
	server := harness.SharedInflux(t)
	cfg := settings(server)
	w := mustOpen(t, cfg)
	points := metricPoints(20)
	require.Equal(t, monitor.Verdict{Outcome: monitor.Delivered, Status: 204}, w.Deliver(t.Context(), points))
	got := rowsOf(server.Points(cfg.Bucket, influx.MetricMeasurement))
	require.Len(t, got, len(points))
	for _, p := range points {
		requireSame(t, p, got[p.Metric.At.UTC].Metric())
	}

	require.Equal(t, monitor.Delivered, w.Deliver(t.Context(), []*monitor.Point{
		contextPoint("p", "ab12"), contextPoint("q", "ab12"), sessionPoint("p", "Zx"),
	}).Outcome)
	c, err := w.Metadata().Context(t.Context(), "p", "ab12")
	require.NoError(t, err)
	require.Equal(t, contextPoint("p", "ab12").Context, c)
	c, err = w.Metadata().Context(t.Context(), "", "ab12")
	require.NoError(t, err)
	require.Equal(t, contextPoint("p", "ab12").Context, c)
	s, err := w.Metadata().Session(t.Context(), "", "Zx")
	require.NoError(t, err)
	require.Equal(t, sessionPoint("p", "Zx").Session, s)
	_, err = w.Metadata().Session(t.Context(), "", "Z")
	require.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), "%v", err)
}
