package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"log/slog"

	"pymon-bridge/monitor"
)

// applicationID marks the file as ours: "pymn".
const applicationID = 0x70796d6e

// The statements of each version.
//
//go:embed schema.sql
var schema1 string

//go:embed schema_2.sql
var schema2 string

// schemas returns the statements that lead from each version to the next. The first ones start from an empty file.
func schemas() []string { return []string{schema1, schema2} }

// migrate brings the file to the newest version in one transaction. It refuses a file of a newer program or of another
// program, and does not change it.
func (w *writer) migrate(ctx context.Context, logger *slog.Logger) error {
	switch version, err := w.version(ctx); {
	case err != nil || version == len(w.schemas):
		return err
	case version > 0:
		logger.InfoContext(ctx, "the file has an older version and is brought up to date; this takes some seconds for each "+
			"million records; after an interruption the file is as before", "from", version, "to", len(w.schemas))
	}
	return w.transaction(func() error {
		version, err := w.version(ctx) // again, now that no other process can change it
		if err != nil {
			return err
		}
		for ; version < len(w.schemas); version++ {
			if _, err := w.conn.ExecContext(ctx, w.schemas[version]); err != nil {
				return err
			}
		}
		_, err = w.conn.ExecContext(ctx,
			fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, version))
		return err
	}, (*writer).commit)
}

// version returns the version of the schema, 0 for an empty file.
func (w *writer) version(ctx context.Context) (int, error) {
	return versionOf(ctx, w.conn, len(w.schemas))
}

// versionOf returns the version of the schema, 0 for an empty file. known is the newest that this program knows.
func versionOf(ctx context.Context, q querier, known int) (int, error) {
	var application, version, tables int
	err := q.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).
		Scan(&application, &version, &tables)
	switch {
	case err != nil:
		return 0, err
	case application == 0 && version == 0 && tables == 0:
		return 0, nil
	case application != applicationID:
		return 0, monitor.Errorf(monitor.EInternal,
			"this is a SQLite file of another program (application_id %d, %d tables): nothing was changed",
			application, tables)
	case version > known:
		return 0, monitor.Errorf(monitor.EInternal, "it was written by a newer pymon-bridge (schema version %d, this one knows %d): "+
			"nothing was changed. Use that program, or the backup from before it", version, known)
	}
	return version, nil
}

// VersionOf returns the version of the file at path, 0 for a missing file, and the version that this program brings it to. A bridge
// may serve the file. VersionOf changes nothing. It fails where Open would refuse the file as that of a newer or another
// program.
func VersionOf(ctx context.Context, path string) (version, known int, err error) {
	known = len(schemas())
	src, err := openRaw(path)
	if monitor.ErrorCode(err) == monitor.ENotFound {
		return 0, known, nil
	} else if err != nil {
		return 0, known, err
	}
	defer src.close()
	open := src.openPool
	if served(path) {
		open = func() (*sql.DB, error) { return openBeside(path) }
	}
	pool, err := open()
	if err != nil {
		return 0, known, err
	}
	defer pool.Close()
	if version, err = versionOf(ctx, pool, known); err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return version, known, err
}
