package influx

import (
	"cmp"
	"context"
	"iter"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

var (
	sessionDirectory = directory{SessionMeasurement, "session_h"}
	contextDirectory = directory{ContextMeasurement, "h"}
)

// sessions reads sessions in the order of lists.
func (s *Store) sessions(ctx context.Context, l lookFor) iter.Seq2[*monitor.Record, error] {
	return func(yield func(*monitor.Record, error) bool) {
		all, err := s.entries(ctx, sessionDirectory, l)
		if err != nil {
			yield(nil, err)
			return
		}
		slices.SortFunc(all, func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.hash, b.hash), cmp.Compare(a.project, b.project))
		})
		s.read(ctx, sessionDirectory, all)(yield)
	}
}

// Sessions implements [monitor.Store].
func (s *Store) Sessions(ctx context.Context, q monitor.SessionQuery, p monitor.Page) iter.Seq2[*monitor.Session, error] {
	return listed(ctx, func(yield func(*monitor.Session) bool) error {
		return page(s.chosen(ctx, q), p, func(rec *monitor.Record) bool { return yield(rec.Session) })
	})
}

// CountSessions implements [monitor.Store].
func (s *Store) CountSessions(ctx context.Context, q monitor.SessionQuery) (int64, error) {
	if q.ScmRef == nil && len(q.Tags) == 0 {
		all, err := s.entries(ctx, sessionDirectory, lookFor{project: q.Project, prefix: q.HashPrefix})
		return int64(len(all)), err
	}
	return total(s.chosen(ctx, q))
}

// chosen reads the sessions of a query.
func (s *Store) chosen(ctx context.Context, q monitor.SessionQuery) iter.Seq2[*monitor.Record, error] {
	return filtered(s.sessions(ctx, lookFor{project: q.Project, prefix: q.HashPrefix}), func(rec *monitor.Record) bool {
		return (q.ScmRef == nil || holds(rec.Session, []monitor.Match{*q.ScmRef})) && tagged(rec.Session, q)
	})
}

// tagged says whether a session has the tags of a query.
func tagged(s *monitor.Session, q monitor.SessionQuery) bool {
	for _, want := range q.Tags {
		text := tagText(s, want.Name).String
		has := text != "" && (want.Value == "" || text == want.Value)
		if has == q.AnyTag {
			return has
		}
	}
	return !q.AnyTag || len(q.Tags) == 0
}

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
		return page(s.read(ctx, contextDirectory, part(all, p)), monitor.Page{},
			func(rec *monitor.Record) bool { return yield(rec.Context) })
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

// page hands over a page of what is read.
func page[T any](all iter.Seq2[T, error], p monitor.Page, yield func(T) bool) error {
	skip, left := p.Offset, p.Limit
	if left == 0 {
		left = math.MaxInt64
	}
	for item, err := range all {
		if err != nil {
			return err
		}
		if skip > 0 {
			skip--
			continue
		}
		if !yield(item) {
			return nil
		}
		if left--; left == 0 {
			return nil
		}
	}
	return nil
}

// total counts what is read.
func total[T any](all iter.Seq2[T, error]) (n int64, err error) {
	for _, err := range all {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// filtered leaves out what keep does not want.
func filtered[T any](all iter.Seq2[T, error], keep func(T) bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for item, err := range all {
			if (err != nil || keep(item)) && !yield(item, err) {
				return
			}
		}
	}
}
