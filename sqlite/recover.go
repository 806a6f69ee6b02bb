package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"pymon-bridge/monitor"
)

// Progress tells how much of a long task is done. The total is 0 when nobody knows it.
type Progress func(done, total int64)

// Recovery says what [Recover] saved.
type Recovery struct {
	Kinds   []RecoveredKind `json:"kinds"`
	Last    uint64          `json:"last_number"` // of the sequence
	Missing uint64          `json:"missing"`     // numbers up to Last that no record of the new file has: lost, or deleted before
	Notes   []string        `json:"notes"`       // what else the operator should know
}

// RecoveredKind counts the rows of one kind.
type RecoveredKind struct {
	Kind    string `json:"kind"`
	Saved   int64  `json:"saved"`   // in the new file, after it was closed and opened again
	Damaged int64  `json:"damaged"` // seen, and not saved, since they cannot be read whole
}

// kinds are what a recovery counts, with the table of each.
var kinds = []struct{ name, table string }{
	{"contexts", "contexts"}, {"sessions", "sessions"}, {"metrics", "metrics"}, {"outcomes", "outcomes"}, {"ends", "ends"},
	{"reports", "reports"}, {"acceptances", "acceptances"}, {"rollups", "rollup_stretches"}, {"tokens", "tokens"},
	{"destinations", "destinations"}, {"parked", "parked"},
	{"dead letters", "dead_letters"}, {"pinned origins", "pinned_origins"},
}

// recovering follows the name of the file while it is being made.
const recovering = ".recovering"

// Recover reads what it can of the damaged file from, without SQLite, and makes the file into of it. Records keep their
// numbers. It changes nothing at from, which a bridge may serve while that accepts nothing. It fails with EInvalid when
// there is a file at into, or signs of one.
func Recover(ctx context.Context, from, into string, logger *slog.Logger, progress Progress) (*Recovery, error) {
	src, err := openRaw(from)
	if err != nil {
		return nil, err
	}
	defer src.close()
	if err := prepareDirectory(filepath.Dir(into)); err != nil {
		return nil, err
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if _, err := os.Lstat(into + suffix); !errors.Is(err, fs.ErrNotExist) {
			return nil, monitor.Errorf(monitor.EInvalid, "expected a directory without a file of a bridge, but there is %s", into+suffix)
		}
	}
	lock, err := lockFile(into+".lock", 0)
	if err != nil {
		return nil, err
	}
	defer lock.release()
	if lock.content {
		return nil, monitor.Errorf(monitor.EInvalid, "expected a directory without a file of a bridge, but %s.lock says that there was one", into)
	}
	r := &recovery{src: src, path: into + recovering, logger: logger, progress: progress, damaged: make(map[string]int64)}
	defer r.removeFiles()
	r.removeFiles() // of a recovery that was killed
	if err := r.run(ctx, lock); err != nil {
		return nil, fmt.Errorf("recover %s into %s: %w", from, filepath.Dir(into), err)
	}
	if err := os.Rename(r.path, into); err != nil {
		return nil, err
	}
	return &r.result, errors.Join(syncDirectory(filepath.Dir(into)), lock.mark(""))
}

// recovery is a recovery under way.
type recovery struct {
	src      *rawFile
	path     string // of the new file
	logger   *slog.Logger
	progress Progress

	w        *writer // of the new file
	found    *salvage
	damaged  map[string]int64 // rows that were seen and not saved, by table
	written  int              // bytes in the open transaction, about
	deleting bool             // a deletion of a project was under way
	result   Recovery
}

func (r *recovery) removeFiles() {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		os.Remove(r.path + suffix)
	}
}

func (r *recovery) run(ctx context.Context, lock *fileLock) error {
	f, err := os.OpenFile(r.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	db := New(r.path, monitor.Zones{}, r.logger)
	if r.w, err = db.openWriter(ctx, lock); err != nil {
		return err
	}
	// A recovery that is killed begins anew. Nothing else copies the log here, which would become as large as the file.
	_, err = r.w.conn.ExecContext(ctx, "PRAGMA synchronous = off; PRAGMA wal_autocheckpoint = 4000")
	if err == nil {
		err = r.fill(ctx)
	}
	if err := errors.Join(err, r.w.close()); err != nil {
		return err
	}
	if err := syncFile(r.path); err != nil {
		return err
	}
	if err := r.src.changed(); err != nil {
		return err
	}
	return r.count(ctx)
}

// fill stores everything in the new file.
func (r *recovery) fill(ctx context.Context) error {
	shapes, err := readShapes(ctx, r.w.conn)
	if err != nil {
		return err
	}
	if err := allowOlder(ctx, shapes); err != nil {
		return err
	}
	layout := make(map[string]uint32)
	err = each(ctx, r.w.conn, "SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0", nil, func(row scanner) error {
		var name string
		var root uint32
		err := row.Scan(&name, &root)
		layout[name] = root
		return err
	})
	if err != nil {
		return err
	}
	if r.found, err = find(ctx, r.src.file, shapes, layout); err != nil {
		return err
	}
	if _, err := r.w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err = r.storeTables(ctx, shapes)
	if err == nil {
		err = r.mend(ctx)
	}
	if err == nil {
		_, err = r.w.exec("COMMIT")
	}
	return err
}

// first are the tables that others refer to. They are stored before the others.
var first = []string{"destinations", "hashes", "series", "locations"}

func (r *recovery) storeTables(ctx context.Context, shapes map[string]*shape) error {
	var names []string
	for name := range shapes {
		if !slices.Contains(derived, name) && !slices.Contains(first, name) && name != "commands" && name[:min(len(name), 7)] != "sqlite_" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = append(slices.Clone(first), names...)
	var done, total int64
	for _, name := range names {
		total += int64(len(r.found.found[name]))
	}
	for _, name := range names {
		for rank := range ranks {
			if err := r.storeTable(ctx, shapes[name], rank); err != nil {
				return err
			}
		}
		if err := r.storeTwin(ctx, shapes[name]); err != nil {
			return err
		}
		done += int64(len(r.found.found[name]))
		r.progress(done, total)
	}
	return nil
}

// storeTable stores the rows of a table that have a rank.
func (r *recovery) storeTable(ctx context.Context, s *shape, rank int) error {
	for _, f := range r.found.found[s.name] {
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.linked == (rank == rankAlone) {
			continue
		}
		rows, bad, _ := r.src.file.Rows(r.src.file.Read(f.number))
		if rank != rankLinked {
			r.damaged[s.name] += int64(bad)
		}
		for i, rowRank := range rankRows(rows, f, s.rowids) {
			switch fits := s.fits(rows[i].Values); {
			case !fits || rowRank == rankNone:
				if rank != rankLinked {
					r.damaged[s.name]++
				}
			case rowRank == rank:
				if err := r.store(s, rows[i].Rowid, rows[i].Values, true); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// storeTwin stores the rows that only the twin has.
func (r *recovery) storeTwin(ctx context.Context, s *shape) error {
	for _, f := range r.found.found[s.twin.index] {
		rows, _, _ := r.src.file.Rows(r.src.file.Read(f.number))
		for _, entry := range rows {
			if id, row, ok := s.fromTwin(entry.Values); ok {
				if err := r.store(s, id, row, false); err != nil {
					return err
				}
			}
		}
	}
	return ctx.Err()
}

const (
	// bytesAtOnce is about how many bytes a transaction writes.
	bytesAtOnce = 4 << 20
	// rowBytes is about what a row takes without its texts.
	rowBytes = 200
)

// store stores a row, unless the table has one with the same key. count says that it is damaged when that one is another.
func (r *recovery) store(s *shape, rowid int64, row []any, count bool) error {
	values := s.values(rowid, row)
	result, err := r.w.exec(s.insert(len(row)), values...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		bytes := rowBytes
		for _, value := range values {
			switch v := value.(type) {
			case string:
				bytes += len(v)
			case []byte:
				bytes += len(v)
			}
		}
		return errors.Join(err, r.wrote(bytes))
	}
	if !count {
		return nil
	}
	same, err := r.w.row(s.find(len(row)), values, new(int))
	if err == nil && !same {
		r.damaged[s.name]++
	}
	return err
}

// wrote notes about how many bytes the open transaction wrote. It commits a large one and begins the next, so that the log can be copied.
func (r *recovery) wrote(bytes int) error {
	if r.written += bytes; r.written < bytesAtOnce {
		return nil
	}
	r.written = 0
	_, err := r.w.exec("COMMIT")
	if err == nil {
		_, err = r.w.exec("BEGIN IMMEDIATE")
	}
	return err
}
