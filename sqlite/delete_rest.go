package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// deleteMetadata removes sessions, contexts and reports.
func (db *DB) deleteMetadata(ctx context.Context, d *monitor.Deletion, name string) error {
	hashes, err := db.numbersFrom(ctx, "SELECT id FROM hashes WHERE project = ? ORDER BY id", name)
	if err != nil {
		return err
	}
	err = db.inChunks(ctx, hashes, deletionStep, func(w *writer, chunk []uint64) error { return w.removeMetadata(ctx, chunk) })
	if err != nil {
		return err
	}
	versions, err := db.numbersFrom(ctx, "SELECT version FROM reports WHERE project = ? AND version <= ?", d.Project, d.State.ReportsUpTo)
	if err != nil {
		return err
	}
	return db.inChunks(ctx, versions, deletionStep, func(w *writer, chunk []uint64) error {
		_, err := w.exec("DELETE FROM reports WHERE version"+inList, jsonList(chunk))
		return err
	})
}

// removeMetadata removes the contexts and sessions with some hashes.
func (w *writer) removeMetadata(ctx context.Context, hashes []uint64) error {
	list := jsonList(hashes)
	seqs, err := columnOf[uint64](ctx, w.conn, "SELECT seq FROM contexts WHERE hash"+inList+" UNION ALL SELECT seq FROM sessions WHERE hash"+inList+
		" UNION ALL SELECT seq FROM ends WHERE session"+inList, list)
	if err != nil {
		return err
	}
	for table, column := range map[string]string{"contexts": "hash", "sessions": "hash", "tags": "session", "ends": "session"} {
		if _, err := w.exec("DELETE FROM "+table+" WHERE "+column+inList, list); err != nil {
			return err
		}
	}
	slices.Sort(seqs) // numbers that follow each other are one range
	return w.forgetNumbers(seqs)
}

// deleteRows removes the rollups of the project, and the texts that only it has. A stretch of a rollup may be large, so few are removed in a
// transaction.
func (db *DB) deleteRows(ctx context.Context, _ *monitor.Deletion, name string) error {
	const rollups = "SELECT id FROM rollups WHERE project = ?"
	for _, step := range []struct {
		find, remove string
		atOnce       int
	}{
		{"SELECT s.id FROM rollups r JOIN rollup_stretches s ON s.rollup = r.id WHERE r.project = ?", "rollup_stretches WHERE id" + inList, 4},
		{rollups, "rollup_steps WHERE rollup" + inList, 1},
		{rollups, "rollups WHERE id" + inList, deletionStep},
		{"SELECT id FROM rollup_tests WHERE project = ?", "rollup_tests WHERE project = ?2 AND id" + inList, deletionStep},
		{"SELECT id FROM series WHERE project = ?", "series WHERE id" + inList, deletionStep},
		{"SELECT id FROM components WHERE project = ?", "components WHERE id" + inList, deletionStep},
		{"SELECT id FROM hashes WHERE project = ?", "hashes WHERE id" + inList, deletionStep},
	} {
		ids, err := db.numbersFrom(ctx, step.find, name)
		if err != nil {
			return err
		}
		err = db.inChunks(ctx, ids, step.atOnce, func(w *writer, chunk []uint64) error {
			args := []any{jsonList(chunk), name}
			_, err := w.exec("DELETE FROM "+step.remove, args[:strings.Count(step.remove, "?")]...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) deleteLocations(ctx context.Context, _ *monitor.Deletion, _ string) error {
	return db.removeLocations(ctx, func(unused []uint64, do func(w *writer, some []uint64) error) error {
		return db.inChunks(ctx, unused, deletionStep, do)
	})
}

// removeLocations removes the locations that no record has any more, in steps. Projects share locations, so records are looked through,
// from the newest on, until all locations were seen: those of now without a lock, and the few later ones in the transaction that removes.
func (db *DB) removeLocations(ctx context.Context, inSteps func(unused []uint64, do func(w *writer, some []uint64) error) error) error {
	last, err := db.numbersFrom(ctx, "SELECT last FROM sequence")
	if err != nil {
		return err
	}
	all, err := db.numbersFrom(ctx, "SELECT id FROM locations")
	if err != nil {
		return err
	}
	unused := make(map[uint64]bool, len(all))
	for _, id := range all {
		unused[id] = true
	}
	const usedBetween = "SELECT DISTINCT location FROM metrics WHERE seq BETWEEN ?1 AND ?2 UNION SELECT location FROM outcomes WHERE seq BETWEEN ?1 AND ?2"
	for to := int64(last[0]); to >= 0 && len(unused) > 0; to -= 20 * deletionWindow {
		ids, err := db.numbersFrom(ctx, usedBetween, to-20*deletionWindow+1, to)
		if err != nil {
			return err
		}
		for _, id := range ids {
			delete(unused, id)
		}
	}
	return inSteps(slices.Sorted(maps.Keys(unused)), func(w *writer, chunk []uint64) error {
		w.locations.drop()
		_, err := w.exec("DELETE FROM locations WHERE id"+inList+` AND id NOT IN (SELECT location FROM metrics WHERE seq > ?2 UNION SELECT location FROM outcomes WHERE seq > ?2)`,
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
		if err == nil {
			err = w.forgetLosses(ctx)
		}
		return err
	})
	if err != nil {
		return err
	}
	return db.shrink(ctx, 256, func(fn func(w *writer) error) error { return db.write(ctx, fn) })
}

// shrink gives free pages back to the disk. Each transaction, which write runs, gives back the given number of pages at most.
func (db *DB) shrink(ctx context.Context, pages int, write func(fn func(w *writer) error) error) error {
	for {
		var before, after int64
		err := write(func(w *writer) (err error) {
			if before, err = countOf(ctx, w.conn, newClause("SELECT freelist_count FROM pragma_freelist_count")); err != nil || before == 0 {
				return err
			}
			if err := each(ctx, w.conn, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", pages), nil, func(scanner) error { return nil }); err != nil {
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
