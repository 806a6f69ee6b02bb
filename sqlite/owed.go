package sqlite

import (
	"context"
	"errors"
	"math"

	"pymon-bridge/monitor"
)

// errFound ends a reading that has found its result.
var errFound = errors.New("found")

// notOwed stores that the record with the number seq was read from a destination. The record must be the last one
// stored.
func (w *writer) notOwed(from monitor.Destination, seq uint64) error {
	dest, err := w.moveCursor(from, 0)
	if err != nil {
		return err
	}
	result, err := w.exec("UPDATE not_owed SET last = ? WHERE dest = ? AND last = ?", seq, dest, seq-1)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	_, err = w.exec("INSERT INTO not_owed (dest, first, last) VALUES (?, ?, ?)", dest, seq, seq)
	return err
}

// owed returns the first range of sequence numbers after the given one that are owed to dest. The range may reach
// beyond the last record stored.
func owed(ctx context.Context, q querier, dest monitor.Destination, after uint64) (first, last uint64, err error) {
	first, last = after+1, math.MaxInt64
	err = each(ctx, q, `SELECT r.first, r.last FROM not_owed r JOIN destinations d ON d.id = r.dest
		WHERE d.name = ? AND r.last > ? ORDER BY r.last`, []any{string(dest), after}, func(row scanner) error {
		var from, to uint64
		if err := row.Scan(&from, &to); err != nil {
			return err
		}
		if from > first {
			last = from - 1
			return errFound
		}
		first = to + 1
		return nil
	})
	if err == errFound {
		err = nil
	}
	return first, last, err
}

// owedAfter counts the sequence numbers above after and up to upTo that are owed to a destination.
func owedAfter(ctx context.Context, q querier, dest int64, after, upTo uint64) (n int64, err error) {
	if upTo <= after {
		return 0, nil
	}
	err = q.QueryRowContext(ctx, `SELECT ?3 - ?2 - coalesce(sum(min(last, ?3) - max(first - 1, ?2)), 0) FROM not_owed
		WHERE dest = ?1 AND last > ?2 AND first <= ?3`, dest, after, upTo).Scan(&n)
	return n, err
}
