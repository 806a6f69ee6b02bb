package sqlite

import (
	"context"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// What of the rollups is kept.
const (
	rollupRuns  = 1000                 // of a branch
	rollupSpan  = 400 * 24 * time.Hour // of a branch, and since its last run
	rollupYoung = 45 * 24 * time.Hour  // since the last run of a branch without a stretch, such as that of a pull request
)

// dropOldRollup removes the rollup of a branch that has no runs any more, of one at a time.
func (w *writer) dropOldRollup(n *rolling) error {
	var id int64
	found, err := w.row(`SELECT r.id FROM rollups r WHERE r.project = ?1 AND NOT EXISTS
		(SELECT 1 FROM rollup_stretches s WHERE s.rollup = r.id AND (s.last_ns >= ?3 OR s.last_ns >= ?2 AND NOT s.open)) LIMIT 1`,
		[]any{n.query.Project, nanoseconds(n.run.Started.Add(-rollupSpan)), nanoseconds(n.run.Started.Add(-rollupYoung))}, &id)
	if err != nil || !found {
		return err
	}
	for _, table := range []string{"rollup_stretches WHERE rollup", "rollup_steps WHERE rollup", "rollups WHERE id"} {
		if _, err := w.exec("DELETE FROM "+table+" = ?", id); err != nil {
			return err
		}
	}
	return nil
}

// rollupID returns the id of the rollup of a query. It adds one where there is none.
func (w *writer) rollupID(q monitor.RollupQuery) (id int64, err error) {
	key := []any{q.Project, q.Branch, q.Env, q.Selection}
	found, err := w.row("SELECT id FROM rollups WHERE project = ? AND branch = ? AND env = ? AND selection = ?", key, &id)
	if err == nil && !found {
		id, err = w.insert("INSERT INTO rollups (project, branch, env, selection) VALUES (?, ?, ?, ?)", key...)
	}
	return id, err
}

// nameless is a test on any class of machine.
func nameless(t monitor.TestID) monitor.TestID {
	t.Env = ""
	return t
}

// rollupTest is a test on any class of machine.
type rollupTest struct {
	monitor.TestID
	file string
}

// rollupIDs returns the ids of all tests of a project. It stores what the file does not know of the tests of a run, some at a time.
// The caller holds keeping.
func (db *DB) rollupIDs(ctx context.Context, project string, run *monitor.RunValues) (map[monitor.TestID]uint64, error) {
	var names map[uint64]rollupTest
	err := db.read(ctx, func(q querier) (err error) {
		names, err = rollupTests(ctx, q, project)
		return err
	})
	ids, last := make(map[monitor.TestID]uint64, max(len(names), len(run.Tests))), uint64(0)
	for id, test := range names {
		ids[test.TestID], last = id, max(last, id)
	}
	var unknown []rollupTest
	for i, test := range run.Tests {
		t := rollupTest{nameless(test), run.Files[i]}
		id, ok := ids[t.TestID]
		if !ok {
			last++
			id, ids[t.TestID] = last, last
		}
		if names[id] != t {
			unknown = append(unknown, t)
		}
	}
	for len(unknown) > 0 && err == nil {
		some := unknown[:min(deletionStep, len(unknown))]
		unknown = unknown[len(some):]
		err = db.write(ctx, func(w *writer) error {
			for _, t := range some {
				if _, err := w.exec(`REPLACE INTO rollup_tests (project, id, component, item_path, item, item_variant, kind, occurrence, file)
					VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, project, ids[t.TestID], t.Component, t.ItemPath, t.Item, t.ItemVariant, t.Kind,
					t.Occurrence, t.file); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return ids, err
}

// rollupTests returns a project's tests by their ids, without a class of machine.
func rollupTests(ctx context.Context, q querier, project string) (map[uint64]rollupTest, error) {
	names := map[uint64]rollupTest{}
	err := each(ctx, q, `SELECT id, component, item_path, item, item_variant, kind, occurrence, file FROM rollup_tests WHERE project = ?`,
		[]any{project}, func(row scanner) error {
			var id uint64
			var t rollupTest
			err := row.Scan(&id, &t.Component, &t.ItemPath, &t.Item, &t.ItemVariant, &t.Kind, &t.Occurrence, &t.file)
			names[id] = t
			return err
		})
	return names, err
}

// deleteRollups removes the rollups of a project. A stretch may be large, so few are removed in a transaction.
func (db *DB) deleteRollups(ctx context.Context, _ *monitor.Deletion, name string) error {
	const list = "(SELECT value FROM json_each(?1))"
	for _, step := range []struct {
		find, remove string
		atOnce       int
	}{
		{"SELECT s.id FROM rollups r JOIN rollup_stretches s ON s.rollup = r.id WHERE r.project = ?", "rollup_stretches WHERE id IN " + list, 4},
		{"SELECT id FROM rollups WHERE project = ?", "rollup_steps WHERE rollup IN " + list, 1},
		{"SELECT id FROM rollups WHERE project = ?", "rollups WHERE id IN " + list, deletionStep},
		{"SELECT id FROM rollup_tests WHERE project = ?", "rollup_tests WHERE project = ?2 AND id IN " + list, deletionStep},
	} {
		ids, err := db.numbersFrom(ctx, step.find, name)
		for len(ids) > 0 && err == nil {
			some := ids[:min(step.atOnce, len(ids))]
			ids = ids[len(some):]
			err = db.write(ctx, func(w *writer) error {
				args := []any{jsonList(some), name}
				_, err := w.exec("DELETE FROM "+step.remove, args[:strings.Count(step.remove, "?")]...)
				return err
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
