package sqlite

import (
	"context"
	"errors"
	"strings"

	"pymon-bridge/sqlite/pages"
)

// mend removes what is not whole without what was lost, and builds again what follows from the rest.
func (r *recovery) mend(ctx context.Context) error {
	for _, step := range []func(context.Context) error{r.dropHidden, r.dropUnresolved, r.dropUndecodable, r.dropDoubtful, r.dropStrays, r.rebuild,
		r.setNumbers, r.note} {
		if err := errors.Join(step(ctx), r.wrote(bytesAtOnce)); err != nil {
			return err
		}
	}
	return nil
}

// drop removes rows of a table and counts them as damaged.
func (r *recovery) drop(table, where string, args ...any) error {
	result, err := r.w.exec("DELETE FROM "+table+" WHERE "+where, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	r.damaged[table] += n
	return err
}

// dropHidden removes what was being deleted. The new file has no commands, so nothing would go on with a deletion.
func (r *recovery) dropHidden(ctx context.Context) error {
	const of = " WHERE project GLOB ?1 AND project NOT GLOB ?2"
	err := r.w.conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM hashes"+of+" UNION ALL SELECT 1 FROM series"+of+" UNION ALL SELECT 1 FROM rollups"+of+")",
		hiddenPrefix+"*", oldPrefix+"*").Scan(&r.deleting)
	if err != nil {
		return err
	}
	const hashes, series = "IN (SELECT id FROM hashes WHERE project GLOB ?1)", "IN (SELECT id FROM series WHERE project GLOB ?1)"
	for _, where := range []string{"metrics WHERE series " + series, "outcomes WHERE series " + series,
		"metrics WHERE session " + hashes, "outcomes WHERE session " + hashes, "removing WHERE session " + hashes, "contexts WHERE hash " + hashes,
		"ends WHERE session " + hashes, "sessions WHERE hash " + hashes, "series WHERE project GLOB ?1", "hashes WHERE project GLOB ?1",
		"rollup_tests WHERE project GLOB ?1", "rollups WHERE project GLOB ?1"} {
		if _, err := r.w.exec("DELETE FROM "+where, hiddenPrefix+"*"); err != nil {
			return err
		}
	}
	return nil
}

// dropUnresolved removes rows whose texts are lost.
func (r *recovery) dropUnresolved(context.Context) error {
	lacks := func(column, table string) string { return column + " NOT IN (SELECT id FROM " + table + ")" }
	measured := strings.Join([]string{lacks("series", "series"), lacks("session", "hashes"), lacks("context", "hashes"),
		lacks("location", "locations")}, " OR ")
	rolled := lacks("rollup", "rollups")
	if r.found.hurt["rollup_tests"] { // the id of a lost test would be given to another one
		rolled = "TRUE"
	}
	for _, d := range [][2]string{{"contexts", lacks("hash", "hashes")}, {"sessions", lacks("hash", "hashes")},
		{"metrics", measured}, {"outcomes", measured}, {"ends", "session NOT IN (SELECT hash FROM sessions)"},
		{"rollup_stretches", rolled}, {"rollup_steps", rolled}} {
		if err := r.drop(d[0], d[1]); err != nil {
			return err
		}
	}
	return nil
}

// dropUndecodable removes records and contents that the program cannot read.
func (r *recovery) dropUndecodable(ctx context.Context) error {
	last, err := r.lastRecord(ctx)
	if err != nil {
		return err
	}
	for from := uint64(0); from <= last; from += censusPart {
		if err := r.dropUnreadable(ctx, from, min(from+censusPart-1, last)); err != nil {
			return err
		}
	}
	for _, kind := range contents {
		bad, err := kind.undecodable(ctx, r.w.conn)
		if err != nil {
			return err
		}
		for _, key := range bad {
			if err := r.drop(kind.table, kind.key+" = ?", key); err != nil {
				return err
			}
		}
	}
	return r.dropTokens(ctx)
}

// dropTokens removes tokens that the index of hashes does not have. A page may be an old one, from before a token was
// revoked.
func (r *recovery) dropTokens(ctx context.Context) error {
	known := make(map[string]int64)
	file, whole := r.src.file, true
	linked, err := file.Walk(r.found.roots["sqlite_autoindex_tokens_1"], false, pages.Seen{}, func(l pages.Leaf) error {
		rows, _, all := file.Rows(l.Page)
		whole = whole && all
		for _, row := range rows {
			if len(row.Values) != 2 {
				whole = false // the page is not of this index
				break
			}
			hash, _ := row.Values[0].([]byte)
			known[string(hash)], _ = row.Values[1].(int64)
		}
		return nil
	})
	var old []int64
	if err == nil {
		err = each(ctx, r.w.conn, "SELECT id, hash FROM tokens", nil, func(row scanner) error {
			var id int64
			var hash []byte
			err := row.Scan(&id, &hash)
			if len(hash) != 32 || whole && linked && known[string(hash)] != id {
				old = append(old, id)
			}
			return err
		})
	}
	for _, id := range old {
		r.found.hurt["tokens"] = true
		if err == nil {
			err = r.drop("tokens", "id = ?", id)
		}
	}
	return err
}

// dropUnreadable removes the records of a range that cannot be read.
func (r *recovery) dropUnreadable(ctx context.Context, first, last uint64) error {
	_, _, err := next(ctx, r.w.conn, newClause("seq BETWEEN ? AND ?", first, last), censusPart+1)
	switch {
	case err == nil || ctx.Err() != nil:
		return ctx.Err()
	case first < last:
		middle := first + (last-first)/2
		if err := r.dropUnreadable(ctx, first, middle); err != nil {
			return err
		}
		return r.dropUnreadable(ctx, middle+1, last)
	}
	for _, table := range recordTables {
		if err := r.drop(table, "seq = ?", first); err != nil {
			return err
		}
	}
	return nil
}

// recordTables are the tables with numbers of the sequence.
var recordTables = []string{"contexts", "sessions", "metrics", "outcomes", "ends"}

// lastRecord returns the greatest number of a record.
func (r *recovery) lastRecord(ctx context.Context) (last uint64, err error) {
	return greatest(ctx, r.w.conn, recordTables...)
}

// greatest returns the greatest number in the column seq of tables.
func greatest(ctx context.Context, q querier, tables ...string) (last uint64, err error) {
	for _, table := range tables {
		var n uint64
		if err := q.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM "+table).Scan(&n); err != nil {
			return 0, err
		}
		last = max(last, n)
	}
	return last, nil
}

// dropStrays removes what belongs to records that are lost.
func (r *recovery) dropStrays(ctx context.Context) error {
	last, err := r.lastNumber(ctx)
	if err != nil {
		return err
	}
	const measured = "seq NOT IN (SELECT seq FROM metrics UNION ALL SELECT seq FROM outcomes)"
	const noDestination = " OR dest NOT IN (SELECT id FROM destinations)"
	const record = "seq NOT IN (SELECT seq FROM metrics UNION ALL SELECT seq FROM outcomes UNION ALL SELECT seq FROM contexts " +
		"UNION ALL SELECT seq FROM sessions UNION ALL SELECT seq FROM ends)" + noDestination
	if _, err := r.w.exec("DELETE FROM texts WHERE " + measured); err != nil {
		return err
	}
	for _, d := range [][2]string{{"pinned_origins", measured}, {"parked", record + " OR aside NOT IN (0, 1)"}, {"dead_letters", record}} {
		if err := r.drop(d[0], d[1]); err != nil {
			return err
		}
	}
	return r.drop("not_owed", "first < 1 OR first > last OR last > ?"+noDestination, last)
}

// lastNumber returns the last number of the sequence, as far as the damaged file shows it.
func (r *recovery) lastNumber(ctx context.Context) (uint64, error) {
	last, err := r.lastRecord(ctx)
	for _, row := range r.rowsOf("sequence") {
		if n, ok := row[0].(int64); ok && n > 0 {
			last = max(last, uint64(n))
		}
	}
	return last, err
}
