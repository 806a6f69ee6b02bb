package sqlite

import (
	"fmt"
	"os"
	"slices"
)

// opened has the files that this process has open, by path: the file, its log and the lock. A path may lead to another
// file later, or to none. Then commits go into files that vanish when this process ends.
type opened map[string]os.FileInfo

// openedFiles returns the files that are at their paths now.
func (db *DB) openedFiles() (opened, error) {
	o := opened{}
	for _, path := range []string{db.path, db.path + "-wal", db.path + ".lock"} {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("open journal: %w", err)
		}
		o[path] = info
	}
	return o, nil
}

// missing returns an error with EUnavailable when a path leads to another file than the one that this process has open.
func (o opened) missing() error {
	var names []string
	for path, info := range o {
		if now, err := os.Stat(path); err != nil || !os.SameFile(info, now) {
			names = append(names, path)
		}
	}
	if names == nil {
		return nil
	}
	return unavailable("%s was removed or replaced while the bridge served it. Nothing more is accepted. While process %d "+
		"(pymon-bridge) runs, the removed files can be saved, and not after it ends: see \"The file was removed\" in "+
		"docs/operations.md", slices.Min(names), os.Getpid())
}

// requireFiles ends acceptance when a file was removed or replaced. The caller holds mu.
func (db *DB) requireFiles() error {
	err := db.opened.missing()
	if err != nil && db.state.end(phaseGone, err.Error()) {
		db.logger.Error("the journal accepts no records", "error", err)
	}
	return err
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
