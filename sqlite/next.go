package sqlite

import (
	"cmp"
	"context"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// Next implements [monitor.Journal].
func (db *DB) Next(ctx context.Context, dest monitor.Destination, after uint64, max int) ([]monitor.Pending, error) {
	return db.inSteps(ctx, after, max, func(q querier, after uint64, max int) ([]monitor.Pending, uint64, error) {
		first, last, err := owed(ctx, q, dest, after)
		if err != nil {
			return nil, 0, err
		}
		part, complete, err := next(ctx, q, newClause("seq BETWEEN ? AND ?", first, last), max)
		if !complete || last == math.MaxInt64 {
			last = 0
		}
		shown := visible(part)
		if len(shown) == 0 && !complete && len(part) > 0 { // others may follow
			last = part[len(part)-1].Seq
		}
		return shown, last, err
	})
}

// inSteps calls step until there are max records, many bytes, or no more records. step returns some records after the
// given number, and the number to go on from, 0 for none.
func (db *DB) inSteps(ctx context.Context, after uint64, max int,
	step func(q querier, after uint64, max int) ([]monitor.Pending, uint64, error)) (pending []monitor.Pending, err error) {
	err = db.read(ctx, func(q querier) error {
		pending = nil
		left := budget(maxRead)
		for from, more := after, true; more && len(pending) < max; more = from > 0 {
			var part []monitor.Pending
			var err error
			if part, from, err = step(q, from, max-len(pending)); err != nil {
				return err
			}
			pending = append(pending, part...)
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

// next reads the first records that fulfil a condition on seq from the tables, and merges them by sequence number. The
// reading of a table may stop early, because of max or because its records are large. Then the records of the other tables
// count only up to the last record read there. complete says that there are no more records.
func next(ctx context.Context, q querier, in clause, max int) (pending []monitor.Pending, complete bool, err error) {
	last := uint64(math.MaxInt64)
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
		func() ([]monitor.Pending, bool, error) {
			return pendingMetadata(ctx, q, "SELECT * FROM (SELECT "+endColumns+endTables+") ", scanSession, in, max)
		},
	} {
		part, all, err := read()
		if err != nil {
			return nil, false, err
		}
		pending = append(pending, part...)
		if n := len(part); !all && n > 0 {
			last, complete = min(last, part[n-1].Seq), false
			in.and("seq <= ?", last)
		}
	}
	pending = slices.DeleteFunc(pending, func(p monitor.Pending) bool { return p.Seq > last })
	slices.SortFunc(pending, bySeq)
	if len(pending) > max {
		pending, complete = pending[:max], false
	}
	return pending, complete, nil
}

// visible returns the records that are not being removed.
func visible(pending []monitor.Pending) []monitor.Pending {
	return slices.DeleteFunc(slices.Clone(pending), func(p monitor.Pending) bool { return hidden(p.Project) })
}

func bySeq(a, b monitor.Pending) int { return cmp.Compare(a.Seq, b.Seq) }

// pendingMeasured reads the first metrics or outcomes that fulfil a condition. all says that there are no more.
func pendingMeasured(ctx context.Context, q querier, table string, in clause, max int) (pending []monitor.Pending, all bool, err error) {
	pending, err = pinnedMetrics(ctx, q, selection{outcomes: table == "outcomes", where: in.sql, args: in.args,
		limit: max, bounded: true})
	if err != nil || len(pending) == 0 {
		return nil, true, err
	}
	more, err := countOf(ctx, q, newClause("SELECT EXISTS (SELECT 1 FROM "+table+" WHERE "+in.sql+" AND seq > ?)",
		append(slices.Clone(in.args), pending[len(pending)-1].Seq)...))
	return pending, more == 0, err
}

// pendingMetadata reads the first contexts or sessions that fulfil a condition. all says that there are no more.
func pendingMetadata(ctx context.Context, q querier, query string, scan func(scanner) (*monitor.Record, error),
	in clause, max int) (pending []monitor.Pending, all bool, err error) {
	left := budget(maxRead)
	err = each(ctx, q, query+"WHERE "+in.sql+" ORDER BY seq LIMIT ?", append(slices.Clone(in.args), max), func(row scanner) error {
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
func (db *DB) Parked(ctx context.Context, dest monitor.Destination, after uint64, max int) ([]monitor.Pending, error) {
	return db.parked(ctx, "parked p JOIN destinations d ON d.id = p.dest AND p.aside = 0", dest, after, max)
}

// Aside implements [monitor.Journal].
func (db *DB) Aside(ctx context.Context, dest monitor.Destination, after uint64, max int) ([]monitor.Pending, error) {
	return db.parked(ctx, "parked p INDEXED BY parked_aside JOIN destinations d ON d.id = p.dest AND p.aside = 1", dest, after, max)
}

// parked reads the records of rows of parked.
func (db *DB) parked(ctx context.Context, from string, dest monitor.Destination, after uint64, max int) (
	[]monitor.Pending, error) {
	return db.inSteps(ctx, after, max, func(q querier, after uint64, max int) ([]monitor.Pending, uint64, error) {
		rows := make(map[uint64]monitor.Pending)
		var seqs []uint64
		query := "SELECT p.seq, p.since, p.delivered FROM " + from + " WHERE d.name = ? AND p.seq > ? ORDER BY p.seq LIMIT ?"
		err := each(ctx, q, query, []any{string(dest), after, max}, func(row scanner) error {
			var seq uint64
			var p monitor.Pending
			err := row.Scan(&seq, instant{&p.Since}, &p.Delivered)
			seqs, rows[seq] = append(seqs, seq), p
			return err
		})
		if err != nil || len(seqs) == 0 {
			return nil, 0, err
		}
		part, complete, err := next(ctx, q, newClause("seq IN (SELECT value FROM json_each(?))", jsonList(seqs)), max)
		for i := range part {
			p := rows[part[i].Seq]
			part[i].Since, part[i].Delivered = p.Since, p.Delivered
		}
		last := seqs[len(seqs)-1] // a repaired file may lack the records of some numbers, so there may be more
		if !complete {
			last = 0
		}
		return visible(part), last, err
	})
}
