package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// fakeDrift answers with what it is asked.
type fakeDrift struct{ asked monitor.DriftQuery }

func (f *fakeDrift) ListDrift(_ context.Context, q monitor.DriftQuery) (*monitor.DriftList, error) {
	f.asked = q
	d := monitor.Drift{Since: monitor.RunMark{Run: "r1", ScmRef: "abc", Started: time.Unix(1_700_000_000, 0).UTC()}, Runs: 40, First: 1, Now: 1.5,
		Ratio: 1.5, Rate: 0.01, P: 1e-9, Q: 1e-6}
	result := sampleReport().Results[0]
	result.Status, result.Level, result.Drift = monitor.StatusDrift, "", &d
	return &monitor.DriftList{Project: q.Project, Branch: "main", Runs: []monitor.RunMark{d.Since}, Results: []monitor.Result{result},
		Parts: []monitor.PartDrift{{Kind: monitor.PartFolder, Part: "tests/a", Env: "ci", Metric: "cpu_time", Drift: d, Tests: 7, Growth: 2, FromNew: 2}}}, nil
}

func TestDrift(t *testing.T) {
	t.Parallel()
	main, empty := "main", ""
	for target, want := range map[string]monitor.DriftQuery{
		"/api/v1/drift":                         {Project: monitor.DefaultProject},
		"/p/shop/api/v1/drift/?branch=main":     {Project: "shop", Branch: &main},
		"/api/v1/drift?project=shop&branch=":    {Project: "shop", Branch: &empty},
		"/api/v1/drift?env=ci&since=2026-03-01": {Project: monitor.DefaultProject, Env: "ci", Since: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
	} {
		s := newServer(t, sample())
		w := s.get(t, target)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		assert.Equal(t, want, s.drift.asked, target)
		var got monitor.DriftList
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
		assert.EqualValues(t, 1.5, got.Results[0].Drift.Ratio)
		assert.EqualValues(t, 0.01, got.Parts[0].Rate)
	}
	s := newServer(t, sample())
	w := s.get(t, "/api/v1/drift?since=yesterday")
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Contains(t, w.Body.String(), `"since":"`)
	assert.Equal(t, http.StatusForbidden, s.get(t, "/p/shop/api/v1/drift?project=other").Code)
}
