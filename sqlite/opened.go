package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// opened has the files that this process has open, by path: the file, its log with its index, and the lock. A path may
// lead to another file later, or to none. Then commits go into files that vanish when this process ends.
type opened map[string]os.FileInfo

// watchOpened watches the files that are at their paths now. Those that were watched before must be the same. The caller
// holds mu, or is the only one who has the DB.
func (db *DB) watchOpened() error {
	if err := db.requireFiles(); err != nil {
		return err
	}
	o := opened{}
	for _, path := range []string{db.path, db.path + "-wal", db.path + "-shm", db.path + ".lock"} {
		info, err := os.Stat(path)
		if err != nil {
			return unavailable("open journal: %w", err)
		}
		o[path] = info
	}
	db.opened = o
	return nil
}

// missing returns the files whose path leads to another file than the one that this process has open. It returns an
// error when it cannot tell.
func (o opened) missing() (names []string, err error) {
	for path, info := range o {
		now, statErr := os.Stat(path)
		switch {
		case statErr == nil && os.SameFile(info, now):
		case statErr == nil, errors.Is(statErr, fs.ErrNotExist), errors.Is(statErr, unix.ENOTDIR):
			names = append(names, path)
		default:
			err = statErr
		}
	}
	slices.Sort(names)
	return names, err
}

// requireFiles ends acceptance when a file was removed or replaced. It returns an error with EUnavailable also when the
// system does not tell whether the files are there. The caller holds mu.
func (db *DB) requireFiles() error {
	names, err := db.opened.missing()
	switch {
	case names == nil && err == nil:
		if db.state.advance(phaseUnseen, phaseOK, "accepting") {
			db.logger.Info("the journal accepts records again")
		}
		return nil
	case names == nil:
		err = unavailable("the system does not tell whether the journal's files are still there: %w", err)
		if db.state.advance(phaseOK, phaseUnseen, err.Error()) {
			db.logger.Error("the journal accepts no records", "error", err)
		}
		return err
	}
	err = unavailable("%s was removed or replaced while the bridge served it. Nothing more is accepted. While process %d "+
		"(pymon-bridge) runs, the removed files can be saved, and not after it ends: see \"The file was removed\" in "+
		"docs/repair.md", names[0], os.Getpid())
	if db.state.end(phaseGone, err.Error()) {
		db.logger.Error("the journal accepts no records", "error", err)
	}
	return err
}

// Refusal returns why the file accepts no records; nil while it accepts them. It looks whether the files are at their paths now.
func (db *DB) Refusal() error {
	db.watchFiles()
	return db.state.refusal()
}

// watchFiles does the same as requireFiles when nobody writes. While the file is being opened again there is nothing
// to compare with.
func (db *DB) watchFiles() {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.writer != nil {
		_ = db.requireFiles() // the state has the error
	}
}
