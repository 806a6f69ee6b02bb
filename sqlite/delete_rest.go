package sqlite

import (
	"context"

	"pymon-bridge/monitor"
)

// deleteMetadata removes sessions, contexts and reports.
func (db *DB) deleteMetadata(ctx context.Context, d *monitor.Deletion, name string) error {
	hashes, err := db.numbersFrom(ctx, "SELECT id FROM hashes WHERE project = ? ORDER BY id", name)
	if err != nil {
		return err
	}
	err = db.inChunks(ctx, hashes, func(w *writer, chunk []uint64) error {
		list := jsonList(chunk)
		var seqs []uint64
		err := each(ctx, w.conn, `SELECT seq FROM contexts WHERE hash IN (SELECT value FROM json_each(?1))
			UNION ALL SELECT seq FROM sessions WHERE hash IN (SELECT value FROM json_each(?1))
			UNION ALL SELECT seq FROM ends WHERE session IN (SELECT value FROM json_each(?1))`, []any{list}, func(row scanner) error {
			var seq uint64
			err := row.Scan(&seq)
			seqs = append(seqs, seq)
			return err
		})
		if err != nil {
			return err
		}
		for table, column := range map[string]string{"contexts": "hash", "sessions": "hash", "tags": "session", "ends": "session"} {
			if _, err := w.exec("DELETE FROM "+table+" WHERE "+column+" IN (SELECT value FROM json_each(?))", list); err != nil {
				return err
			}
		}
		return w.forgetNumbers(seqs)
	})
	if err != nil {
		return err
	}
	versions, err := db.numbersFrom(ctx, "SELECT version FROM reports WHERE project = ? AND version <= ?", d.Project, d.State.ReportsUpTo)
	if err != nil {
		return err
	}
	return db.inChunks(ctx, versions, func(w *writer, chunk []uint64) error {
		_, err := w.exec("DELETE FROM reports WHERE version IN (SELECT value FROM json_each(?))", jsonList(chunk))
		return err
	})
}

// deleteDictionaries removes the texts that only the project has.
func (db *DB) deleteDictionaries(ctx context.Context, _ *monitor.Deletion, name string) error {
	for _, table := range []string{"series", "components", "hashes"} {
		ids, err := db.numbersFrom(ctx, "SELECT id FROM "+table+" WHERE project = ?", name)
		if err != nil {
			return err
		}
		err = db.inChunks(ctx, ids, func(w *writer, chunk []uint64) error {
			_, err := w.exec("DELETE FROM "+table+" WHERE id IN (SELECT value FROM json_each(?))", jsonList(chunk))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteLocations removes the locations that no record has any more. Projects share locations, so all records are looked
// through: those of now without a lock, and the few later ones in the transaction that removes.
func (db *DB) deleteLocations(ctx context.Context, _ *monitor.Deletion, _ string) error {
	last, err := db.numbersFrom(ctx, "SELECT last FROM sequence")
	if err != nil {
		return err
	}
	used := map[uint64]bool{}
	const usedBetween = "SELECT DISTINCT location FROM metrics WHERE seq BETWEEN ?1 AND ?2 UNION SELECT location FROM outcomes WHERE seq BETWEEN ?1 AND ?2"
	for from := uint64(0); from <= last[0]; from += 20 * deletionWindow {
		ids, err := db.numbersFrom(ctx, usedBetween, from, from+20*deletionWindow-1)
		if err != nil {
			return err
		}
		for _, id := range ids {
			used[id] = true
		}
	}
	all, err := db.numbersFrom(ctx, "SELECT id FROM locations")
	if err != nil {
		return err
	}
	var unused []uint64
	for _, id := range all {
		if !used[id] {
			unused = append(unused, id)
		}
	}
	return db.inChunks(ctx, unused, func(w *writer, chunk []uint64) error {
		w.locations.drop()
		_, err := w.exec(`DELETE FROM locations WHERE id IN (SELECT value FROM json_each(?1))
			AND id NOT IN (SELECT location FROM metrics WHERE seq > ?2 UNION SELECT location FROM outcomes WHERE seq > ?2)`,
			jsonList(chunk), last[0])
		return err
	})
}

// SweepDeletion removes what deliveries and judging stored of a project while it was removed, and gives the space back to the
// disk. No courier may run.
func (db *DB) SweepDeletion(ctx context.Context, d *monitor.Deletion) error {
	err := db.write(ctx, func(w *writer) error {
		const gone = `NOT EXISTS (SELECT 1 FROM metrics m WHERE m.seq = x.seq) AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.seq = x.seq)
			AND NOT EXISTS (SELECT 1 FROM contexts c WHERE c.seq = x.seq) AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.seq = x.seq)
			AND NOT EXISTS (SELECT 1 FROM ends e WHERE e.seq = x.seq)`
		for _, table := range []string{"parked", "dead_letters", "pinned_origins"} {
			if _, err := w.exec("DELETE FROM "+table+" AS x WHERE x.seq <= ? AND "+gone, d.State.UpTo); err != nil {
				return err
			}
		}
		if _, err := w.exec("DELETE FROM clocks AS x WHERE NOT EXISTS (SELECT 1 FROM metrics m WHERE m.seq = x.seq)"); err != nil {
			return err
		}
		_, err := w.exec(`DELETE FROM reports AS r WHERE r.project = ? AND NOT EXISTS
			(SELECT 1 FROM sessions s WHERE s.project = r.project AND s.run = r.run)`, d.Project)
		if err == nil {
			_, err = w.exec(`DELETE FROM rollup_stretches WHERE open AND rollup IN (SELECT id FROM rollups WHERE project = ?1)
				AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.project = ?1 AND s.run = last_run)`, d.Project)
		}
		if err == nil {
			_, err = w.exec(`DELETE FROM rollup_steps WHERE rollup IN (SELECT id FROM rollups WHERE project = ?1)
				AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.project = ?1 AND s.run = rollup_steps.run)`, d.Project)
		}
		return err
	})
	if err != nil {
		return err
	}
	return db.shrink(ctx)
}

// shrink gives free pages back to the disk, some at a time.
func (db *DB) shrink(ctx context.Context) error {
	for {
		var before, after int64
		err := db.write(ctx, func(w *writer) (err error) {
			if before, err = countOf(ctx, w.conn, newClause("SELECT freelist_count FROM pragma_freelist_count")); err != nil || before == 0 {
				return err
			}
			if err := each(ctx, w.conn, "PRAGMA incremental_vacuum(256)", nil, func(scanner) error { return nil }); err != nil {
				return err
			}
			after, err = countOf(ctx, w.conn, newClause("SELECT freelist_count FROM pragma_freelist_count"))
			return err
		})
		if err != nil {
			return err
		}
		if after == 0 || after == before {
			db.mu.Lock()
			db.shrunk = true
			db.mu.Unlock()
			db.returnSpace()
			return nil
		}
	}
}
