package influx_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// sessionOf makes a session of a run that started some days after start.
func sessionOf(run, h string, days float64, commit string) *monitor.Point {
	at := start.Add(time.Duration(days * 24 * float64(time.Hour)))
	return &monitor.Point{Record: &monitor.Record{Project: "shop", Received: at, Session: &monitor.Session{
		SessionH: h, Run: run, ScmRef: monitor.Text{String: commit}, Branch: "main", Start: monitor.Instant{UTC: at.UnixNano()}}}}
}

// The latest runs are whole, and are those that started last, however far back they are looked for.
func TestLatestRunHeads(t *testing.T) {
	t.Parallel()
	cfg := settings(harness.SharedInflux(t))
	cfg.Now = func() time.Time { return start.AddDate(0, 0, 400) }
	w := mustOpen(t, cfg)
	v := w.Deliver(t.Context(), []*monitor.Point{
		sessionOf("old", "a0", 0, "c1"), sessionOf("edge", "a1", 369, "c2"), sessionOf("edge", "a2", 371, "c3"),
		sessionOf("last", "a3", 399, "c3"), sessionOf("ahead", "a4", 401, "c4"),
	})
	require.Equal(t, monitor.Delivered, v.Outcome)
	heads := func(q monitor.HeadQuery) (ids []string) {
		q.Project = "shop"
		found, err := w.Store().RunHeads(t.Context(), q)
		require.NoError(t, err)
		for _, h := range found {
			ids = append(ids, h.ID)
			if h.ID == "edge" {
				require.Equal(t, []string{"a1", "a2"}, h.Sessions)
				require.Equal(t, "c2", h.ScmRef)
			}
		}
		return ids
	}
	at := func(days int) int64 { return start.AddDate(0, 0, days).UnixNano() }
	require.Equal(t, []string{"ahead", "last", "edge", "old"}, heads(monitor.HeadQuery{}))
	require.Equal(t, []string{"ahead", "last", "edge", "old"}, heads(monitor.HeadQuery{Limit: 9}))
	require.Equal(t, []string{"ahead"}, heads(monitor.HeadQuery{Limit: 1}))
	require.Equal(t, []string{"last", "edge"}, heads(monitor.HeadQuery{Limit: 2, Before: at(400)}))
	require.Equal(t, []string{"edge"}, heads(monitor.HeadQuery{Limit: 1, Before: at(399)}))
	require.Equal(t, []string{"edge"}, heads(monitor.HeadQuery{Limit: 1, Before: at(370)}))
	require.Equal(t, []string{"old"}, heads(monitor.HeadQuery{Limit: 1, Before: at(369)}))
	require.Empty(t, heads(monitor.HeadQuery{Limit: 1, Before: at(0)}))
	require.Equal(t, []string{"edge"}, heads(monitor.HeadQuery{ScmRef: "c2"}))
	require.Equal(t, []string{"last"}, heads(monitor.HeadQuery{ScmRef: "c3"}), "the commit of a run is that of its first session")
	require.Equal(t, []string{"edge"}, heads(monitor.HeadQuery{Run: "edge"}))
}
