package sqlite

import (
	"context"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

const (
	// replaySteps bounds how many times ReplayRecords reads when it finds nothing that is chosen.
	replaySteps = 20
	// replayWindow is how many sequence numbers are read at a time at most.
	replayWindow = 5000
)

// ReplayRecords implements [monitor.ReplayQueue]. Each step is a transaction of its own, so that the log does not grow.
func (db *DB) ReplayRecords(ctx context.Context, r *monitor.Replay, max int) (recs []monitor.Pending, position uint64, err error) {
	position = r.State.Position
	for step := 0; step < replaySteps && len(recs) == 0 && position < r.State.UpTo; step++ {
		err := db.read(ctx, func(q querier) (err error) {
			recs, position, err = replayStep(ctx, q, r, position, max)
			return err
		})
		if err != nil {
			return nil, 0, err
		}
	}
	return recs, position, nil
}

// replayStep reads some records behind a position, and returns the position to go on from.
func replayStep(ctx context.Context, q querier, r *monitor.Replay, after uint64, max int) ([]monitor.Pending, uint64, error) {
	in, last, err := replayRange(ctx, q, r, after, max)
	if err != nil || last == 0 {
		return nil, r.State.UpTo, err
	}
	recs, complete, err := next(ctx, q, in, max)
	if err != nil {
		return nil, after, err
	}
	if !complete {
		last = recs[len(recs)-1].Seq
	}
	waiting, err := parkedBetween(ctx, q, r.State.Dest, after, last)
	if err != nil {
		return nil, after, err
	}
	var kept []monitor.Pending
	for _, rec := range recs {
		chosen, err := chooses(ctx, q, r, rec.Record)
		if err != nil {
			return nil, after, err
		}
		if chosen && !waiting[rec.Seq] {
			kept = append(kept, rec)
		}
	}
	return kept, last, nil
}

// replayRange returns the condition on the numbers that are read next, and the last of these numbers, 0 for none.
func replayRange(ctx context.Context, q querier, r *monitor.Replay, after uint64, max int) (in clause, last uint64, err error) {
	if r.Dead != nil {
		letters := *r.Dead
		letters.Dest = r.State.Dest
		query := newClause("SELECT l.seq FROM destinations d JOIN dead_letters l ON l.dest = d.id WHERE ")
		query.join(lettersAre(letters))
		query.add(" AND l.seq > ? AND l.seq <= ? ORDER BY l.seq LIMIT ?", after, r.State.UpTo, max)
		seqs, err := columnOf[uint64](ctx, q, query.sql, query.args...)
		if err != nil || len(seqs) == 0 {
			return in, 0, err
		}
		return newClause("seq IN (SELECT value FROM json_each(?))", jsonList(seqs)), slices.Max(seqs), nil
	}
	first, last := after+1, r.State.UpTo
	if !r.Imported {
		if first, last, err = owed(ctx, q, r.State.Dest, after); err != nil {
			return in, 0, err
		}
	}
	if last = min(last, r.State.UpTo, first+replayWindow-1); first > last {
		return in, 0, nil
	}
	return newClause("seq BETWEEN ? AND ?", first, last), last, nil
}

// parkedBetween returns the numbers of a range that are parked or set aside.
func parkedBetween(ctx context.Context, q querier, dest monitor.Destination, after, upTo uint64) (map[uint64]bool, error) {
	seqs := make(map[uint64]bool)
	err := each(ctx, q, "SELECT p.seq FROM destinations d JOIN parked p ON p.dest = d.id WHERE d.name = ? AND p.seq > ? AND p.seq <= ?",
		[]any{string(dest), after, upTo}, func(row scanner) error {
			var seq uint64
			err := row.Scan(&seq)
			seqs[seq] = true
			return err
		})
	return seqs, err
}

// chooses says whether a replay has a record. Metrics may have the context or the session of another project, as long as
// there is no token.
func chooses(ctx context.Context, q querier, r *monitor.Replay, rec *monitor.Record) (bool, error) {
	if hidden(rec.Project) {
		return false, nil
	}
	if m := rec.Measured(); m != nil {
		return (r.Project == "" || rec.Project == r.Project) && r.Chooses(time.Unix(0, m.At.UTC)), nil
	}
	if r.Project == "" || rec.Project == r.Project {
		return true, nil
	}
	h := ""
	if rec.Context != nil {
		h = rec.Context.H
	} else {
		h = rec.Session.SessionH
	}
	n, err := countOf(ctx, q, newClause("SELECT EXISTS (SELECT 1 FROM hashes WHERE h = ? AND project = ?)", h, r.Project))
	return n > 0, err
}
