package influx

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"pymon-bridge/monitor"
)

var (
	sessionDirectory = directory{SessionMeasurement, "session_h"}
	contextDirectory = directory{ContextMeasurement, "h"}
)

// Contexts implements [monitor.Store].
func (s *Store) Contexts(ctx context.Context, q monitor.ContextQuery, p monitor.Page) iter.Seq2[*monitor.Context, error] {
	return listed(ctx, func(yield func(*monitor.Context) bool) error {
		all, err := s.entries(ctx, contextDirectory, lookFor{project: q.Project, prefix: q.HashPrefix})
		if err != nil {
			return err
		}
		slices.SortFunc(all, func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.project, b.project))
		})
		return hand(s.read(ctx, contextDirectory, part(all, p), chunk), func(rec *monitor.Record) bool { return yield(rec.Context) })
	})
}

// CountContexts implements [monitor.Store].
func (s *Store) CountContexts(ctx context.Context, q monitor.ContextQuery) (int64, error) {
	all, err := s.entries(ctx, contextDirectory, lookFor{project: q.Project, prefix: q.HashPrefix})
	return int64(len(all)), err
}

// part returns a page of what is in memory.
func part[T any](all []T, p monitor.Page) []T {
	all = all[min(p.Offset, int64(len(all))):]
	if p.Limit > 0 {
		all = all[:min(p.Limit, int64(len(all)))]
	}
	return all
}

// hand hands over what is read.
func hand[T any](all iter.Seq2[T, error], yield func(T) bool) error {
	for item, err := range all {
		if err != nil {
			return err
		}
		if !yield(item) {
			return nil
		}
	}
	return nil
}
