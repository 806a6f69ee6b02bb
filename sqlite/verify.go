package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"

	"pymon-bridge/monitor"
)

// Verification says what [Verify] read and found.
type Verification struct {
	Served   bool      `json:"served"`  // a bridge serves the file
	Records  int64     `json:"records"` // that can be read
	Findings []Finding `json:"findings"`
	Notes    []string  `json:"notes"`
}

// Finding is a fault of the file.
type Finding struct {
	Where string `json:"where"` // a table, a record, the log or the file
	What  string `json:"what"`
}

// String returns the finding as a sentence.
func (f Finding) String() string { return f.Where + ": " + f.What }

// maxFindings is how many findings a verification has at most.
const maxFindings = 100

// verification is a verification under way.
type verification struct {
	result   *Verification
	pool     *sql.DB
	path     string
	progress Progress
	census   *census
	partial  bool    // a record could not be read, so nothing can be added up
	removal  removal // at the beginning
}

// Verify reads everything in a file, and changes nothing. Where a bridge serves the file, it reads in short transactions. It
// fails with ENotFound where there is no file, and with EUnavailable when a bridge starts to serve the file meanwhile.
func Verify(ctx context.Context, path string, progress Progress) (*Verification, error) {
	v := &verification{result: &Verification{Findings: []Finding{}, Notes: []string{}}, path: path, progress: progress, census: newCensus()}
	src, err := openRaw(path)
	if err != nil {
		return nil, err
	}
	defer src.close()
	if v.result.Served = served(path); v.result.Served {
		err = v.besideBridge(ctx)
	} else {
		err = v.alone(ctx, src)
	}
	return v.result, err
}

// alone verifies a file that nobody serves, without the files that SQLite would make.
func (v *verification) alone(ctx context.Context, src *rawFile) error {
	if loss := src.logLoss(); loss != "" {
		v.found("log", "%s", loss)
	} else if src.walk.dropped > 0 {
		v.note("The log ends in an incomplete transaction of %d frames. A write that was cut off has no 201, but damage at the end of "+
			"the log looks the same.", src.walk.dropped)
	}
	var err error
	if v.pool, err = src.openPool(); err != nil {
		return err
	}
	defer v.pool.Close()
	if err := v.all(ctx); err != nil {
		return err
	}
	return src.changed()
}

// besideBridge verifies a file that a bridge serves.
func (v *verification) besideBridge(ctx context.Context) error {
	var err error
	if v.pool, err = openBeside(v.path); err != nil {
		return err
	}
	defer v.pool.Close()
	for range 5 { // the bridge may begin the log anew while it is read
		before, err := walkLog(v.path + "-wal")
		if err != nil {
			return err
		}
		after, err := walkLog(v.path + "-wal")
		if err != nil {
			return err
		}
		if loss := logLoss(before, walIndex{}, false, "its log "+filepath.Base(v.path)+"-wal"); loss == "" {
			break
		} else if before.salts == after.salts && before.bad == after.bad && after.later > 0 {
			v.found("log", "%s", loss)
			break
		}
	}
	return v.all(ctx)
}

func (v *verification) found(where, format string, args ...any) {
	if len(v.result.Findings) < maxFindings {
		v.result.Findings = append(v.result.Findings, Finding{where, fmt.Sprintf(format, args...)})
	}
}

func (v *verification) note(format string, args ...any) {
	v.result.Notes = append(v.result.Notes, fmt.Sprintf(format, args...))
}

// full says that more findings would not be told.
func (v *verification) full() bool { return len(v.result.Findings) == maxFindings }

// all verifies what SQLite reads.
func (v *verification) all(ctx context.Context) error {
	var application, version, tables int
	err := v.pool.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).Scan(&application, &version, &tables)
	known := len(schemas())
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		v.found("file", "SQLite cannot read it: %v", err)
		return nil
	case application == 0 && version == 0 && tables == 0:
		v.empty()
		return nil
	case application != applicationID:
		return monitor.Errorf(monitor.EInvalid, "%s is a SQLite file of another program (application_id %d)", v.path, application)
	case tables == 0:
		v.found("file", "it has no tables")
		return nil
	case version > known:
		return monitor.Errorf(monitor.EInvalid, "%s was written by a newer pymon-bridge (schema version %d, this one knows %d)",
			v.path, version, known)
	}
	if err := v.structure(ctx); err != nil {
		return err
	}
	if version < known {
		v.note("The file has the older version %d. Its structure was verified, and its records were not. The bridge brings the file "+
			"up to date when it opens it.", version)
		return nil
	}
	if err := v.records(ctx); err != nil {
		return err
	}
	return v.contents(ctx)
}

// empty says what a file without content is. A bridge that was stopped in its very first start leaves one, and a lock without the mark
// of content, and [DB.Open] goes on. Without that lock nothing tells it from a copy that failed.
func (v *verification) empty() {
	if evidence := evidence(v.path); fileSize(v.path) == 0 && evidence != "" {
		v.found("file", "it is empty, but %s", evidence)
	} else if _, err := os.Stat(v.path + ".lock"); err != nil || readMarks(v.path+".lock").content {
		v.found("file", "it has no tables")
	} else {
		v.note("The file is empty: the bridge was stopped before its first start was complete. The next start goes on.")
	}
}

// read calls fn in a transaction. An error of SQLite's becomes a finding.
func (v *verification) read(ctx context.Context, where string, fn func(q querier) error) error {
	err := v.attempt(ctx, fn)
	if err != nil && ctx.Err() == nil {
		v.found(where, "%v", err)
		return nil
	}
	return err
}

func (v *verification) attempt(ctx context.Context, fn func(q querier) error) error {
	tx, err := v.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing was written
	return fn(tx)
}
