package sqlite

import (
	"context"
	"slices"

	"pymon-bridge/monitor"
)

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

// rollupNames is what the process knows of the names of tests that a project has in rollups.
type rollupNames struct {
	swept int  // how many there were after the last removal
	full  bool // there are so many that no more are added
}

// rollupIDs returns the ids of all tests of a project. It stores what the file does not know of the tests of a run, some at a time.
// A new test gets the smallest id that is free, so that ids stay small where names come and go. Where a project has too many names,
// it gets none. The caller holds keeping.
func (db *DB) rollupIDs(ctx context.Context, project string, run *monitor.RunValues) (map[monitor.TestID]uint64, error) {
	names := make(map[uint64]rollupTest, len(run.Tests))
	err := db.read(ctx, func(q querier) error {
		return rollupTests(ctx, q, project, func(id uint64, t rollupTest) { names[id] = t })
	})
	ids, free := make(map[monitor.TestID]uint64, max(len(names), len(run.Tests))), uint64(1)
	for id, test := range names {
		ids[test.TestID] = id
	}
	taken := func(id uint64) bool {
		_, ok := names[id]
		return ok
	}
	var unknown []rollupTest
	most, full := max(db.scale.names, 5*len(run.Tests)), false
	for i, test := range run.Tests {
		t := rollupTest{nameless(test), run.Files[i]}
		id, ok := ids[t.TestID]
		if !ok {
			if full = full || len(ids) >= most; full {
				continue
			}
			for taken(free) {
				free++
			}
			id, ids[t.TestID] = free, free
			free++
		}
		if names[id] != t {
			unknown = append(unknown, t)
		}
	}
	known := db.rollupNames(project)
	if full && !known.full {
		db.logger.Warn("a project has so many different names of tests that slow growth is not looked for in new ones",
			"project", project, "names", len(ids))
	}
	known.full = full
	for some := range slices.Chunk(unknown, deletionStep) {
		if err != nil {
			break
		}
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

// rollupTests calls add with a project's tests and their ids, without a class of machine.
func rollupTests(ctx context.Context, q querier, project string, add func(id uint64, t rollupTest)) error {
	return each(ctx, q, `SELECT id, component, item_path, item, item_variant, kind, occurrence, file FROM rollup_tests WHERE project = ?`,
		[]any{project}, func(row scanner) error {
			var id uint64
			var t rollupTest
			err := row.Scan(&id, &t.Component, &t.ItemPath, &t.Item, &t.ItemVariant, &t.Kind, &t.Occurrence, &t.file)
			add(id, t)
			return err
		})
}

func (db *DB) rollupNames(project string) *rollupNames {
	if db.names == nil {
		db.names = map[string]*rollupNames{}
	}
	if db.names[project] == nil {
		db.names[project] = &rollupNames{}
	}
	return db.names[project]
}

// sweepRollups removes what nothing needs of the tests of a project, once there are a quarter more names than the last time. After a
// start, this time is not known. Then there have to be many more names than tests. The caller holds keeping.
func (db *DB) sweepRollups(ctx context.Context, n *rolling) error {
	known, project, count := db.rollupNames(n.query.Project), n.query.Project, len(n.ids)
	if first := known.swept == 0; first && count < max(db.scale.namesSwept, 5*len(n.run.Tests)) {
		known.swept = count
	}
	if !known.full && (count < db.scale.namesSwept || 4*count < 5*known.swept) {
		return nil
	}
	all, err := db.numbersFrom(ctx, "SELECT id FROM rollup_tests WHERE project = ?", project)
	if err != nil || len(all) == 0 {
		return err
	}
	used := make([]bool, min(slices.Max(all), greatestRollupID(len(all)))+1)
	rollups, err := db.numbersFrom(ctx, "SELECT id FROM rollups WHERE project = ?", project)
	for _, rollup := range rollups {
		if err == nil {
			err = db.thin(ctx, int64(rollup), used)
		}
	}
	if err != nil {
		return err
	}
	err = db.readFrom(ctx, db.listers, func(q querier) error {
		return each(ctx, q, "SELECT t.test FROM rollups r JOIN rollup_steps t ON t.rollup = r.id WHERE r.project = ?",
			[]any{project}, func(row scanner) error {
				var test uint64
				err := row.Scan(&test)
				if test < uint64(len(used)) {
					used[test] = true
				}
				return err
			})
	})
	if err != nil {
		return err
	}
	unused := slices.DeleteFunc(all, func(test uint64) bool { return test < uint64(len(used)) && used[test] })
	known.swept = count - len(unused)
	return db.inChunks(ctx, unused, deletionStep, func(w *writer, chunk []uint64) error {
		_, err := w.exec("DELETE FROM rollup_tests WHERE project = ?2 AND id"+inList, jsonList(chunk), project)
		return err
	})
}

// greatestRollupID is the greatest id that a test may have where there are so many names: a greater one is damaged. Few names may have
// great ids, since names go.
func greatestRollupID(names int) uint64 { return 1<<22 + 16*uint64(names) }
