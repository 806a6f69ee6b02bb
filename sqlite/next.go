package sqlite

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// Next implements [monitor.Journal].
func (db *DB) Next(ctx context.Context, dest monitor.Destination, after uint64, max int) (pending []monitor.Pending, err error) {
	err = db.read(ctx, func(q querier) error {
		pending = nil
		left := budget(maxRead)
		for complete := true; complete && len(pending) < max; {
			first, last, err := owed(ctx, q, dest, after)
			if err != nil {
				return err
			}
			var part []monitor.Pending
			part, complete, err = next(ctx, q, span{first, last}, max-len(pending))
			if err != nil {
				return err
			}
			pending = append(pending, part...)
			after, complete = last, complete && last < math.MaxInt64
			for _, p := range part {
				if left.spend(p.Size()) == errEnough {
					return nil
				}
			}
		}
		return nil
	})
	return pending, err
}

// span is a range of sequence numbers, with both ends.
type span struct{ first, last uint64 }

// next reads the first records of a span from the four tables and merges them by sequence number. The reading of a
// table may stop early, because of max or because its records are large. Then the records of the other tables count
// only up to the last record read there. complete says that the span has no more records.
func next(ctx context.Context, q querier, in span, max int) (pending []monitor.Pending, complete bool, err error) {
	complete = true
	for _, read := range [...]func() ([]monitor.Pending, bool, error){
		func() ([]monitor.Pending, bool, error) { return pendingMeasured(ctx, q, "metrics", in, max) },
		func() ([]monitor.Pending, bool, error) { return pendingMeasured(ctx, q, "outcomes", in, max) },
		func() ([]monitor.Pending, bool, error) {
			return pendingMetadata(ctx, q, "SELECT "+contextColumns+contextTables, scanContext, in, max)
		},
		func() ([]monitor.Pending, bool, error) {
			return pendingMetadata(ctx, q, "SELECT "+sessionColumns+sessionTables, scanSession, in, max)
		},
	} {
		part, all, err := read()
		if err != nil {
			return nil, false, err
		}
		pending = append(pending, part...)
		if n := len(part); !all && n > 0 {
			in.last, complete = min(in.last, part[n-1].Seq), false
		}
	}
	pending = slices.DeleteFunc(pending, func(p monitor.Pending) bool { return p.Seq > in.last })
	slices.SortFunc(pending, bySeq)
	if len(pending) > max {
		pending, complete = pending[:max], false
	}
	return pending, complete, nil
}

func bySeq(a, b monitor.Pending) int { return cmp.Compare(a.Seq, b.Seq) }

// pendingMeasured reads the first metrics or outcomes of a span. all says that the span has no more.
func pendingMeasured(ctx context.Context, q querier, table string, in span, max int) (pending []monitor.Pending, all bool, err error) {
	pending, err = pinnedMetrics(ctx, q, selection{outcomes: table == "outcomes", where: "seq BETWEEN ? AND ?",
		args: []any{in.first, in.last}, limit: max, bounded: true})
	if err != nil || len(pending) == 0 {
		return nil, true, err
	}
	more, err := countOf(ctx, q, newClause("SELECT EXISTS (SELECT 1 FROM "+table+" WHERE seq > ? AND seq <= ?)",
		pending[len(pending)-1].Seq, in.last))
	return pending, more == 0, err
}

// pendingMetadata reads the first contexts or sessions of a span. all says that the span has no more.
func pendingMetadata(ctx context.Context, q querier, query string, scan func(scanner) (*monitor.Record, error),
	in span, max int) (pending []monitor.Pending, all bool, err error) {
	left := budget(maxRead)
	err = each(ctx, q, query+"WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?", []any{in.first, in.last, max}, func(row scanner) error {
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
		slices.SortFunc(pending, bySeq)
		index := make(map[uint64]int, len(pending)) // a repaired file may lack the record of a number
		for i, p := range pending {
			index[p.Seq] = i
		}
		return each(ctx, q, `SELECT p.seq, p.since FROM parked p JOIN destinations d ON d.id = p.dest WHERE d.name = ?`,
			parked.args, func(row scanner) error {
				var seq uint64
				var since time.Time
				err := row.Scan(&seq, instant{&since})
				if i, ok := index[seq]; ok {
					pending[i].Since = since
				}
				return err
			})
	})
	return pending, err
}

const parkedBy = "seq IN (SELECT p.seq FROM parked p JOIN destinations d ON d.id = p.dest WHERE d.name = ?)"
