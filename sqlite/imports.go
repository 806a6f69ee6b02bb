package sqlite

import (
	"context"
)

// ImportPosition returns how far an import came that did not end: what [DB.SetImportPosition] stored. It is empty for an
// import that has not begun or has ended.
func (db *DB) ImportPosition(ctx context.Context, what string) (position string, err error) {
	_, err = db.row(ctx, "SELECT position FROM imports WHERE what = ?", []any{what}, &position)
	return position, err
}

// SetImportPosition stores how far an import came, so that it can go on after a crash. what names the import: where it reads,
// and which part of it. An empty position says that the import has ended.
func (db *DB) SetImportPosition(ctx context.Context, what, position string) error {
	if err := db.requireOwner(); err != nil {
		return err
	}
	return db.write(ctx, func(w *writer) error {
		if position == "" {
			_, err := w.exec("DELETE FROM imports WHERE what = ?", what)
			return err
		}
		_, err := w.exec("INSERT INTO imports (what, position) VALUES (?1, ?2) ON CONFLICT (what) DO UPDATE SET position = ?2", what, position)
		return err
	})
}
