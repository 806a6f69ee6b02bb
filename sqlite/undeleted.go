package sqlite

import (
	"context"

	"pymon-bridge/monitor"
)

// mayHave is the condition that a destination d got records of the file, or had them before.
const mayHave = "(d.cursor > 0 OR d.reports > 0 OR EXISTS (SELECT 1 FROM not_owed n WHERE n.dest = d.id))"

// DeliveredTo returns the destinations that got records of the file, or had them before.
func (db *DB) DeliveredTo(ctx context.Context) ([]monitor.Destination, error) {
	return db.destinations(ctx, "SELECT name FROM destinations d WHERE "+mayHave+" ORDER BY id")
}

// oweDeletion notes that these destinations may have points of a project that is removed.
func (w *writer) oweDeletion(project string, removed int64) error {
	_, err := w.exec("REPLACE INTO undeleted (dest, project, removed) SELECT id, ?, ? FROM destinations d WHERE "+mayHave, project, removed)
	return err
}

// NoteDeleted notes what a destination said when it was asked to delete the points of a removed project. Without a failure
// it has none any more.
func (db *DB) NoteDeleted(ctx context.Context, name monitor.Destination, project, failure string) error {
	return db.write(ctx, func(w *writer) error {
		dest, err := w.moveCursor(name, 0)
		switch {
		case err != nil:
		case failure == "":
			_, err = w.exec("DELETE FROM undeleted WHERE dest = ? AND project = ?", dest, project)
		default:
			_, err = w.exec(`INSERT INTO undeleted (dest, project, removed, error) VALUES (?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET error = excluded.error`, dest, project, nanoseconds(db.Now()), failure)
		}
		return err
	})
}

// Undeleted returns what destinations may still have of removed projects, what was removed first at the beginning.
func (db *DB) Undeleted(ctx context.Context) (all []monitor.Undeleted, err error) {
	err = db.read(ctx, func(q querier) error {
		all = nil
		return each(ctx, q, `SELECT d.name, u.project, u.removed, u.error FROM undeleted u JOIN destinations d ON d.id = u.dest
			ORDER BY u.removed, u.project, d.id`, nil, func(row scanner) error {
			var u monitor.Undeleted
			err := row.Scan(&u.Dest, &u.Project, instant{&u.Removed}, &u.Error)
			all = append(all, u)
			return err
		})
	})
	return all, err
}

// ForgetUndeleted forgets that destinations may have points of a removed project, apart from one destination. It works
// beside the bridge that serves the file.
func (db *DB) ForgetUndeleted(ctx context.Context, project string, except monitor.Destination) error {
	return db.write(ctx, func(w *writer) error {
		_, err := w.exec("DELETE FROM undeleted WHERE project = ? AND dest NOT IN (SELECT id FROM destinations WHERE name = ?)",
			project, string(except))
		return err
	})
}
