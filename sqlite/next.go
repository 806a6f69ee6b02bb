package sqlite

import (
	"cmp"
	"context"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// Next implements [monitor.Journal].
func (db *DB) Next(ctx context.Context, dest monitor.Destination, after uint64, max int) (pending []monitor.Pending, err error) {
	err = db.read(ctx, func(q querier) error {
		pending = nil
		for whole := true; whole && len(pending) < max; {
			first, last, err := owed(ctx, q, dest, after)
			if err != nil {
				return err
			}
			var part []monitor.Pending
			part, whole, err = next(ctx, q, span{first, last}, max-len(pending))
			if err != nil {
				return err
			}
			pending = append(pending, part...)
			after, whole = last, whole && last < math.MaxInt64
		}
		return nil
	})
	return pending, err
}

// span is a part of the sequence, both ends included.
type span struct{ first, last uint64 }

// next merges the four tables, whose numbers are one sequence. A table that is not read to its end, because of max or
// because of the size of its records, bounds how far the others count. whole says that the span has no more.
func next(ctx context.Context, q querier, in span, max int) (pending []monitor.Pending, whole bool, err error) {
	whole = true
	for _, read := range [...]func(context.Context, querier, span, int) ([]monitor.Pending, bool, error){
		pendingMetrics, pendingOutcomes, pendingContexts, pendingSessions,
	} {
		part, all, err := read(ctx, q, in, max)
		if err != nil {
			return nil, false, err
		}
		pending = append(pending, part...)
		if n := len(part); !all && n > 0 {
			in.last, whole = min(in.last, part[n-1].Seq), false
		}
	}
	pending = slices.DeleteFunc(pending, func(p monitor.Pending) bool { return p.Seq > in.last })
	slices.SortFunc(pending, func(a, b monitor.Pending) int { return cmp.Compare(a.Seq, b.Seq) })
	if len(pending) > max {
		pending, whole = pending[:max], false
	}
	return pending, whole, nil
}

func pendingMetrics(ctx context.Context, q querier, in span, max int) ([]monitor.Pending, bool, error) {
	return pendingMeasured(ctx, q, selection{}, "metrics", in, max)
}

func pendingOutcomes(ctx context.Context, q querier, in span, max int) ([]monitor.Pending, bool, error) {
	return pendingMeasured(ctx, q, selection{outcomes: true}, "outcomes", in, max)
}

// pendingMeasured reads the first metrics or outcomes of a span, and says whether it has no more.
func pendingMeasured(ctx context.Context, q querier, s selection, table string, in span, max int) ([]monitor.Pending, bool, error) {
	s.where, s.args, s.limit, s.bounded = "seq BETWEEN ? AND ?", []any{in.first, in.last}, max, true
	pending, err := pinnedMetrics(ctx, q, s)
	if err != nil || len(pending) == 0 {
		return nil, true, err
	}
	more, err := countOf(ctx, q, newClause("SELECT EXISTS (SELECT 1 FROM "+table+" WHERE seq > ? AND seq <= ?)",
		pending[len(pending)-1].Seq, in.last))
	return pending, more == 0, err
}

func pendingContexts(ctx context.Context, q querier, in span, max int) ([]monitor.Pending, bool, error) {
	return pendingMetadata(ctx, q, "SELECT "+contextColumns+contextTables+"WHERE c.seq BETWEEN ? AND ? ORDER BY c.seq LIMIT ?",
		scanContext, in, max)
}

func pendingSessions(ctx context.Context, q querier, in span, max int) ([]monitor.Pending, bool, error) {
	return pendingMetadata(ctx, q, "SELECT "+sessionColumns+sessionTables+"WHERE s.seq BETWEEN ? AND ? ORDER BY s.seq LIMIT ?",
		scanSession, in, max)
}

// pendingMetadata reads the first contexts or sessions of a span, and says whether it has no more.
func pendingMetadata(ctx context.Context, q querier, query string, scan func(scanner) (*monitor.Record, error),
	in span, max int) (pending []monitor.Pending, all bool, err error) {
	left := budget(maxRead)
	err = each(ctx, q, query, []any{in.first, in.last, max}, func(row scanner) error {
		rec, err := scan(row)
		if err != nil {
			return err
		}
		pending = append(pending, monitor.Pending{Record: rec})
		return left.spend(rec.Size())
	})
	all = err == nil && len(pending) < max
	if err == errEnough {
		err = nil
	}
	return pending, all, err
}

// Parked implements [monitor.Journal].
func (db *DB) Parked(ctx context.Context, dest monitor.Destination) (pending []monitor.Pending, err error) {
	err = db.read(ctx, func(q querier) error {
		parked := selection{where: parkedBy, args: []any{string(dest)}, limit: -1}
		if pending, err = pinnedMetrics(ctx, q, parked); err != nil {
			return err
		}
		parked.outcomes = true
		outcomes, err := pinnedMetrics(ctx, q, parked)
		if err != nil {
			return err
		}
		pending = append(pending, outcomes...)
		slices.SortFunc(pending, func(a, b monitor.Pending) int { return cmp.Compare(a.Seq, b.Seq) })
		i := 0 // both are in the order of seq
		return each(ctx, q, `SELECT p.since FROM parked p JOIN destinations d ON d.id = p.dest WHERE d.name = ?
			ORDER BY p.seq`, parked.args, func(row scanner) error {
			i++
			return row.Scan(instant{&pending[i-1].Since})
		})
	})
	return pending, err
}

const parkedBy = "seq IN (SELECT p.seq FROM parked p JOIN destinations d ON d.id = p.dest WHERE d.name = ?)"
