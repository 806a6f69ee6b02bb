package sqlite

import (
	"context"
	"time"

	"pymon-bridge/monitor"
)

// Accept implements [monitor.AcceptanceStore].
func (db *DB) Accept(ctx context.Context, a monitor.Acceptance) (monitor.Acceptance, error) {
	if err := db.requireOwner(); err != nil {
		return a, err
	}
	results, err := encodeTexts(struct{ Results []monitor.AcceptedResult }{listed(a.Results)})
	if err != nil {
		return a, err
	}
	content, err := encodeTexts(a)
	if err != nil {
		return a, err
	}
	err = db.write(ctx, func(w *writer) (err error) {
		a.ID, err = w.insert("INSERT INTO acceptances (project, branch, started, content, results) VALUES (?, ?, ?, ?, ?)",
			a.Project, a.Branch, nanoseconds(a.Started), content, results)
		return err
	})
	return a, err
}

// Acceptances implements [monitor.AcceptanceStore].
func (db *DB) Acceptances(ctx context.Context, project string) ([]monitor.Acceptance, error) {
	return db.acceptances(ctx, "SELECT id, content, NULL FROM acceptances WHERE project = ? ORDER BY id DESC", project)
}

// AcceptedOn implements [monitor.AcceptanceStore].
func (db *DB) AcceptedOn(ctx context.Context, project, branch string, from time.Time) ([]monitor.Acceptance, error) {
	return db.acceptances(ctx, `SELECT id, content, results FROM acceptances WHERE project = ? AND branch = ? AND started >= ? ORDER BY id`,
		project, branch, nanoseconds(from))
}

// acceptances reads the rows of a query for id, content and results.
func (db *DB) acceptances(ctx context.Context, query string, args ...any) (all []monitor.Acceptance, err error) {
	err = db.readFrom(ctx, db.listers, func(q querier) error {
		all = []monitor.Acceptance{}
		return each(ctx, q, query, args, func(row scanner) error {
			var id int64
			var content, results []byte
			if err := row.Scan(&id, &content, &results); err != nil {
				return err
			}
			a, err := decodeAcceptance(content, results)
			if err != nil { // without it a change is a regression again, and runs are still judged
				db.logger.ErrorContext(ctx, "what was accepted cannot be read", "project", args[0], "number", id, "error", err)
				return nil
			}
			a.ID = id
			all = append(all, a)
			return nil
		})
	})
	return all, err
}

// decodeAcceptance reads an acceptance, and its results where there are some.
func decodeAcceptance(content, results []byte) (a monitor.Acceptance, err error) {
	of := struct{ Results []monitor.AcceptedResult }{}
	if err = decodeTexts(content, &a); err == nil && results != nil {
		err = decodeTexts(results, &of)
	}
	a.Results = of.Results
	return a, err
}

// Unaccept implements [monitor.AcceptanceStore].
func (db *DB) Unaccept(ctx context.Context, project string, id int64) (monitor.Acceptance, error) {
	if err := db.requireOwner(); err != nil {
		return monitor.Acceptance{}, err
	}
	all, err := db.acceptances(ctx, "SELECT id, content, NULL FROM acceptances WHERE project = ? AND id = ?", project, id)
	if err == nil && len(all) == 0 {
		err = monitor.Errorf(monitor.ENotFound, "project %q has no acceptance %d", project, id)
	}
	if err != nil {
		return monitor.Acceptance{}, err
	}
	return all[0], db.write(ctx, func(w *writer) error {
		_, err := w.exec("DELETE FROM acceptances WHERE id = ?", id)
		return err
	})
}
