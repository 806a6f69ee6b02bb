package sqlite

import (
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// measureEvery is how old a measurement of the free space may be. It also bounds how long a disk counts as full after a
// person has made room.
const measureEvery = 250 * time.Millisecond

// space says whether there is room for new records.
type space struct {
	mu    sync.Mutex
	taken time.Time // time of the measurement
	err   error     // EFull while there is no room
}

// measure reads the sizes. A size that cannot be read counts as enough room: a write then fails if the disk is full.
func (s *space) measure(db *DB) {
	bytes, free := usage(db.path)
	var err error
	switch {
	case free >= 0 && free < db.MinFree:
		err = full("the disk of %s has %d MiB left, %d are required", db.path, free>>20, db.MinFree>>20)
	case db.MaxBytes > 0 && bytes >= db.MaxBytes:
		why := ""
		if db.WhyFull != nil {
			why = ": " + db.WhyFull()
		}
		err = full("%s has reached its limit, %d of %d bytes%s", db.path, bytes, db.MaxBytes, why)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken, s.err = time.Now(), err
}

// usage returns the size of the file with its log, and the bytes free on their disk. free is -1 when it cannot be read.
func usage(path string) (bytes, free int64) {
	bytes = fileSize(path) + fileSize(path+"-wal")
	var fs unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &fs); err != nil {
		return bytes, -1
	}
	return bytes, int64(fs.Bavail) * int64(fs.Bsize)
}

// refuse remembers that a write failed because the disk is full.
func (s *space) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// refusal returns an error with EFull while there is no room.
func (s *space) refusal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// requireRoom returns an error with EFull while there is no room. It measures again when the last measurement is old.
func (db *DB) requireRoom() error {
	db.space.mu.Lock()
	fresh := time.Since(db.space.taken) < measureEvery
	db.space.mu.Unlock()
	if !fresh {
		db.space.measure(db)
	}
	return db.space.refusal()
}

// watchSpace measures the space every second and logs changes. So Health reports that a disk has room again, or that the file
// was removed, even when no client writes. While there is no room, it also gives back what a removal made free: without
// commits of records nothing else does. Commands beside this process read in the lock file that it is damaged.
func (db *DB) watchSpace() {
	tick := time.NewTicker(4 * measureEvery)
	defer tick.Stop()
	var last string
	for {
		select {
		case <-db.ctx.Done():
			return
		case <-tick.C:
		}
		if db.requireRoom() != nil {
			db.returnSpace()
			db.space.measure(db)
		}
		db.watchFiles()
		db.remind(time.Now())
		db.noteDamage()
		now := ""
		if err := db.space.refusal(); err != nil {
			now = err.Error()
		}
		if (now == "") != (last == "") {
			db.logSpace(now)
		}
		last = now
	}
}

// remind says in the log, from time to time, that the file is damaged.
func (db *DB) remind(now time.Time) {
	if _, detail := db.state.get(); db.state.due(now) {
		db.logger.Error("the journal still accepts no records", "error", detail)
	}
}

func (db *DB) logSpace(refusal string) {
	if refusal != "" {
		db.logger.Error("the journal accepts no records", "reason", refusal)
		return
	}
	db.logger.Info("the journal accepts records again")
}
