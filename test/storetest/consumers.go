package storetest

import (
	"context"
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// testConsumers has consumers that stop early, and consumers whose context is cancelled.
func (s *suite) testConsumers(t *testing.T) {
	t.Run("metrics", func(t *testing.T) {
		consume(t, func(ctx context.Context) iter.Seq2[*monitor.Metric, error] {
			return s.store.Metrics(ctx, monitor.MetricQuery{}, monitor.Page{})
		})
	})
	t.Run("top", func(t *testing.T) {
		consume(t, func(ctx context.Context) iter.Seq2[*monitor.Metric, error] {
			return s.store.Metrics(ctx, monitor.MetricQuery{Top: &monitor.Top{}}, monitor.Page{})
		})
	})
	t.Run("outcomes", func(t *testing.T) {
		consume(t, func(ctx context.Context) iter.Seq2[*monitor.Outcome, error] {
			return s.store.Outcomes(ctx, monitor.OutcomeQuery{}, monitor.Page{})
		})
	})
	t.Run("sessions", func(t *testing.T) {
		consume(t, func(ctx context.Context) iter.Seq2[*monitor.Session, error] {
			return s.store.Sessions(ctx, monitor.SessionQuery{}, monitor.Page{})
		})
	})
	t.Run("contexts", func(t *testing.T) {
		consume(t, func(ctx context.Context) iter.Seq2[*monitor.Context, error] {
			return s.store.Contexts(ctx, monitor.ContextQuery{}, monitor.Page{})
		})
	})
	t.Run("names", func(t *testing.T) {
		consume(t, func(ctx context.Context) iter.Seq2[string, error] {
			return s.store.Names(ctx, monitor.NameQuery{}, monitor.Page{})
		})
	})
	t.Run("runs", func(t *testing.T) {
		consume(t, func(ctx context.Context) iter.Seq2[*monitor.Run, error] {
			return s.store.Runs(ctx, monitor.RunQuery{}, monitor.Page{})
		})
	})
	t.Run("flaky", func(t *testing.T) {
		consume(t, func(ctx context.Context) iter.Seq2[*monitor.FlakyTest, error] {
			return s.store.FlakyTests(ctx, monitor.FlakyQuery{}, monitor.Page{})
		})
	})
	t.Run("counts", func(t *testing.T) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.store.CountMetrics(gone, monitor.MetricQuery{})
		require.ErrorIs(t, err, context.Canceled)
	})
}

// consume checks what all lists promise to their consumers.
func consume[T any](t *testing.T, list func(ctx context.Context) iter.Seq2[T, error]) {
	whole := all(t, list(t.Context()))
	require.NotEmpty(t, whole)

	// A list releases its connection when its consumer stops. There are more consumers than a store has connections.
	for range 12 {
		for _, err := range list(t.Context()) {
			require.NoError(t, err)
			break
		}
	}
	// A sequence can be used again. It starts at the beginning.
	again := list(t.Context())
	assert.Len(t, all(t, again), len(whole))
	assert.Len(t, all(t, again), len(whole))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	items, failed := 0, error(nil)
	for _, err := range list(ctx) {
		require.NoError(t, failed, "nothing comes after an error")
		if failed = err; err == nil {
			items++
			cancel()
		}
	}
	require.ErrorIs(t, failed, context.Canceled)
	assert.Less(t, items, len(whole))
	for _, err := range list(ctx) {
		require.ErrorIs(t, err, context.Canceled)
	}
}

// testEmpty asks a store that holds nothing.
func testEmpty(t *testing.T, store monitor.Store) {
	s := &suite{store: store, world: &world{}, random: newRandom()}
	s.checkMetrics(t, monitor.MetricQuery{})
	s.checkMetrics(t, monitor.MetricQuery{Project: "shop", Top: &monitor.Top{}})
	s.checkOutcomes(t, monitor.OutcomeQuery{})
	s.checkSessions(t, monitor.SessionQuery{})
	s.checkContexts(t, monitor.ContextQuery{})
	s.checkRuns(t, monitor.RunQuery{})
	s.checkFlaky(t, monitor.FlakyQuery{})
	for _, of := range kindsOfNames {
		s.checkNames(t, monitor.NameQuery{Of: of})
	}
}
