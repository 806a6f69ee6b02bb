package sqlite

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"

	"pymon-bridge/monitor"
)

// applicationID marks the file as ours: "pymn".
const applicationID = 0x70796d6e

//go:embed schema.sql
var schema1 string

//go:embed schema_2.sql
var schema2 string

//go:embed schema_3.sql
var schema3 string

//go:embed schema_4.sql
var schema4 string

// migrations returns what leads from each version to the next, beginning with the empty file.
func migrations() []string { return []string{schema1, schema2, schema3, schema4} }

// migrate brings the file to the newest version in one transaction. One that was written by a newer program, or by
// another one, is refused and left as it is.
func (w *writer) migrate(ctx context.Context, logger *slog.Logger) error {
	known := migrations()
	switch version, err := w.version(ctx); {
	case err != nil || version == len(known):
		return err
	case version > 0:
		logger.InfoContext(ctx, "bringing the file of an older version up to date; that takes some seconds for each million "+
			"of records, and when it is cut short, the file is as before", "from", version, "to", len(known))
	}
	return w.transaction(func() error {
		version, err := w.version(ctx) // again, now that no other process can change it
		if err != nil {
			return err
		}
		for ; version < len(known); version++ {
			if _, err := w.conn.ExecContext(ctx, known[version]); err != nil {
				return err
			}
		}
		_, err = w.conn.ExecContext(ctx,
			fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, version))
		return err
	}, (*writer).commit)
}

func (w *writer) version(ctx context.Context) (int, error) {
	var application, version, tables int
	err := w.conn.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).
		Scan(&application, &version, &tables)
	known := len(migrations())
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
		return 0, monitor.Errorf(monitor.EInternal,
			"it was written by a newer pymon-bridge (schema version %d, this one knows %d): nothing was changed",
			version, known)
	}
	return version, nil
}
