package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// hiddenPrefix begins the name that a project has while it is removed. No project can have such a name.
const hiddenPrefix = "deleted "

// hidden says that a record is being removed.
func hidden(project string) bool { return strings.HasPrefix(project, hiddenPrefix) }

// seen adds the condition that rows are of a project, or, without one, of any that is not being removed.
func (c *clause) seen(column, project string) {
	if project != "" {
		c.and(column+" = ?", project)
		return
	}
	c.and(column+" NOT GLOB ?", hiddenPrefix+"*")
}

// hiddenIn returns a query for a column of the rows that are being removed, of a table with an index of projects.
func hiddenIn(column, table string) clause {
	where := newClause("SELECT " + column + " FROM " + table + " WHERE TRUE")
	where.prefix("project", hiddenPrefix)
	return where
}

// AddDeletion asks the bridge that serves the file for a deletion.
func (db *DB) AddDeletion(ctx context.Context, project string) (int64, error) {
	return db.addCommand(ctx, commandDelete, monitor.Deletion{Project: project})
}

// DeletionState returns how far a deletion is.
func (db *DB) DeletionState(ctx context.Context, id int64) (s monitor.DeletionState, err error) {
	ended, err := db.commandState(ctx, id, &s)
	if ended != 0 {
		s.Ended = time.Unix(0, ended)
	}
	return s, err
}

// NextDeletion returns the deletion to go on with, nil for none.
func (db *DB) NextDeletion(ctx context.Context) (d *monitor.Deletion, err error) {
	err = db.read(ctx, func(q querier) error {
		open, err := openCommands(ctx, q, commandDelete)
		if err != nil || len(open) == 0 {
			return err
		}
		d = &monitor.Deletion{ID: open[0].id}
		if err := errors.Join(json.Unmarshal(open[0].arguments, d), json.Unmarshal(open[0].state, &d.State)); err != nil {
			return fmt.Errorf("read command %d: %w", d.ID, err)
		}
		return nil
	})
	return d, err
}

// EndDeletion ends a deletion.
func (db *DB) EndDeletion(ctx context.Context, d *monitor.Deletion) error {
	d.State.Ended = db.Now()
	return db.write(ctx, func(w *writer) error { return w.storeState(d.ID, d.State, nanoseconds(d.State.Ended)) })
}

// SizeOf says how much the file has of a project.
func (db *DB) SizeOf(ctx context.Context, project string) (s monitor.ProjectSize, err error) {
	err = db.readFrom(ctx, db.listers, func(q querier) error {
		s, err = sizeOf(ctx, q, project)
		return err
	})
	return s, err
}

func sizeOf(ctx context.Context, q querier, project string) (s monitor.ProjectSize, err error) {
	err = q.QueryRowContext(ctx, `WITH h AS MATERIALIZED (SELECT id FROM hashes WHERE project = ?1) SELECT
		(SELECT count(*) FROM contexts WHERE hash IN h), (SELECT count(*) FROM sessions WHERE project = ?1),
		(SELECT coalesce(sum(metrics), 0) FROM tallies WHERE session IN h),
		(SELECT coalesce(sum(outcomes), 0) FROM outcome_tallies WHERE session IN h),
		(SELECT count(DISTINCT run) FROM sessions WHERE project = ?1), (SELECT count(*) FROM reports WHERE project = ?1),
		(SELECT count(*) FROM tokens WHERE project = ?1),
		(SELECT coalesce(min(utc_ns), 0) FROM sessions WHERE project = ?1),
		(SELECT coalesce(max(utc_ns), 0) FROM sessions WHERE project = ?1)`, project).
		Scan(&s.Contexts, &s.Sessions, &s.Metrics, &s.Outcomes, &s.Runs, &s.Reports, &s.Tokens, instant{&s.First}, instant{&s.Last})
	return s, err
}

// Hides counts how often projects and runs were hidden. The count has risen when a record is accepted after that.
func (db *DB) Hides() uint64 { return db.hides.Load() }

// HideProject begins a deletion, unless it has begun. Then nobody sees the project any more, and records of it that arrive are new ones.
func (db *DB) HideProject(ctx context.Context, d *monitor.Deletion) error {
	if err := db.requireOwner(); err != nil || !d.State.Began.IsZero() {
		return err
	}
	return db.write(ctx, func(w *writer) error { return db.hide(ctx, w, d) })
}

// DeleteRecords hides a project, and removes what the file has of it, in small transactions. After an interruption it goes on.
func (db *DB) DeleteRecords(ctx context.Context, d *monitor.Deletion) error {
	if err := db.HideProject(ctx, d); err != nil {
		return err
	}
	name := hiddenName(d)
	for _, step := range []func(context.Context, *monitor.Deletion, string) error{
		db.deleteMeasured, db.deleteMetadata, db.deleteRows, db.deleteLocations,
	} {
		if err := step(ctx, d, name); err != nil {
			return err
		}
	}
	d.State.FileDone = true
	return db.write(ctx, func(w *writer) error { return w.storeState(d.ID, d.State, 0) })
}

func hiddenName(d *monitor.Deletion) string {
	return fmt.Sprintf("%s%s %d", hiddenPrefix, d.Project, d.ID)
}

// hide gives the project another name in all tables that name it, and removes its sums and tokens. The dictionaries are much
// smaller than the records. They imply the project of each record, so all records are hidden at once.
func (db *DB) hide(ctx context.Context, w *writer, d *monitor.Deletion) (err error) {
	w.hides = true
	s := d.State
	if s.Removed, err = sizeOf(ctx, w.conn, d.Project); err != nil {
		return err
	}
	s.Began, s.UpTo = db.Now().UTC().Round(0), w.last
	if _, err := w.row("SELECT coalesce(max(version), 0) FROM reports", nil, &s.ReportsUpTo); err != nil {
		return err
	}
	name := hiddenName(d)
	for _, table := range []string{"hashes", "series", "components", "sessions", "rollups", "rollup_tests"} {
		if _, err := w.exec("UPDATE "+table+" SET project = ? WHERE project = ?", name, d.Project); err != nil {
			return err
		}
	}
	for _, table := range []string{"tallies", "outcome_tallies"} {
		if _, err := w.exec("DELETE FROM "+table+" WHERE session IN (SELECT id FROM hashes WHERE project = ?)", name); err != nil {
			return err
		}
	}
	for _, table := range []string{"tokens", "acceptances"} {
		if _, err := w.exec("DELETE FROM "+table+" WHERE project = ?", d.Project); err != nil {
			return err
		}
	}
	for _, c := range w.caches {
		c.drop()
	}
	if err := w.oweDeletion(d.Project, nanoseconds(s.Began)); err != nil {
		return err
	}
	if err := w.storeState(d.ID, s, 0); err != nil {
		return err
	}
	d.State = s
	return nil
}

const (
	deletionWindow = 5000 // sequence numbers that are looked through at a time
	deletionStep   = 500  // rows that one transaction removes
)

// inChunks calls do in a transaction for each chunk of a list of numbers.
func (db *DB) inChunks(ctx context.Context, numbers []uint64, size int, do func(w *writer, chunk []uint64) error) error {
	for chunk := range slices.Chunk(numbers, size) {
		if err := db.write(ctx, func(w *writer) error { return do(w, chunk) }); err != nil {
			return err
		}
	}
	return nil
}

// numbersFrom reads a list of numbers.
func (db *DB) numbersFrom(ctx context.Context, query string, args ...any) (numbers []uint64, err error) {
	err = db.readFrom(ctx, db.listers, func(q querier) error {
		numbers, err = columnOf[uint64](ctx, q, query, args...)
		return err
	})
	return numbers, err
}

// deleteMeasured removes metrics and outcomes. It looks for them in the order of the sequence, where those of a zone stand
// together.
func (db *DB) deleteMeasured(ctx context.Context, d *monitor.Deletion, name string) error {
	for d.State.Position < d.State.UpTo {
		from, to := d.State.Position+1, min(d.State.Position+deletionWindow, d.State.UpTo)
		seqs, err := db.numbersFrom(ctx, `SELECT seq FROM metrics WHERE seq BETWEEN ?1 AND ?2 AND series IN (SELECT id FROM series WHERE project = ?3)
			UNION ALL SELECT seq FROM outcomes WHERE seq BETWEEN ?1 AND ?2 AND series IN (SELECT id FROM series WHERE project = ?3)
			ORDER BY seq`, from, to, name)
		if err != nil {
			return err
		}
		err = db.inChunks(ctx, seqs, deletionStep, func(w *writer, chunk []uint64) error { return w.removeMeasured(ctx, chunk) })
		if err != nil {
			return err
		}
		if d.State.Position = to; len(seqs) > 0 {
			if err := db.write(ctx, func(w *writer) error { return w.storeState(d.ID, d.State, 0) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeMeasured removes metrics and outcomes, and computes the zone maps again that had them.
func (w *writer) removeMeasured(ctx context.Context, seqs []uint64) error {
	for _, table := range []string{"metrics", "outcomes", "texts", "clocks"} {
		if _, err := w.exec("DELETE FROM "+table+" WHERE seq"+inList, jsonList(seqs)); err != nil {
			return err
		}
	}
	clear(w.crowds) // there is room now
	if err := w.forgetNumbers(seqs); err != nil {
		return err
	}
	for i, seq := range seqs {
		if i == 0 || seq/zoneSize != seqs[i-1]/zoneSize {
			if err := w.computeZone(ctx, seq); err != nil {
				return err
			}
		}
	}
	return nil
}

// computeZone computes the map of the zone of a number from the metrics that the file has.
func (w *writer) computeZone(ctx context.Context, seq uint64) error {
	z, err := zoneOf(ctx, w.conn, seq)
	switch {
	case err != nil:
		return err
	case z.id == w.open.id: // the last zone has no row
		w.open = z
		return nil
	case !z.some:
		_, err = w.exec("DELETE FROM zone_maps WHERE id = ?", z.id)
		return err
	}
	known, err := countOf(ctx, w.conn, newClause("SELECT count(*) FROM zone_maps WHERE id = ?", z.id))
	if err != nil || known == 0 {
		return err
	}
	return w.writeZone(z)
}

// forgetNumbers removes what deliveries have of records that are removed. A record that was owed to a destination is owed
// no more, so that the numbers without a record are not counted as waiting. Numbers that follow each other are one range.
func (w *writer) forgetNumbers(seqs []uint64) error {
	list := jsonList(seqs)
	for _, query := range []string{
		"DELETE FROM pinned_origins WHERE seq" + inList,
		"DELETE FROM parked WHERE (dest, seq) IN (SELECT d.id, j.value FROM destinations d, json_each(?1) j)",
		"DELETE FROM dead_letters WHERE (dest, seq) IN (SELECT d.id, j.value FROM destinations d, json_each(?1) j)",
		`INSERT INTO not_owed (dest, first, last) SELECT id, min(seq), max(seq) FROM (
			SELECT d.id, j.value AS seq, j.value - row_number() OVER (PARTITION BY d.id ORDER BY j.value) AS island
			FROM destinations d, json_each(?1) j WHERE j.value > d.cursor
			AND coalesce((SELECT n.first > j.value FROM not_owed n WHERE n.dest = d.id AND n.last >= j.value ORDER BY n.last LIMIT 1), 1))
			GROUP BY id, island`,
	} {
		if _, err := w.exec(query, list); err != nil {
			return err
		}
	}
	return nil
}
