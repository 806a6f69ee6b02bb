package sqlite

import (
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// measureEvery bounds how old the known room on the disk may be, and how long a full disk is believed to be full.
const measureEvery = 250 * time.Millisecond

// space knows whether there is room for more.
type space struct {
	mu    sync.Mutex
	taken time.Time // when it was measured
	bytes int64     // size of the file and its log
	free  int64     // left on their disk
	err   error     // EFull while there is no room
}

// measure reads the sizes. A size that cannot be read counts as room: writing then tells.
func (s *space) measure(db *DB) {
	bytes, free := usage(db.path)
	var err error
	switch {
	case free >= 0 && free < db.MinFree:
		err = full("the disk of %s has %d MiB left, %d are required", db.path, free>>20, db.MinFree>>20)
	case db.MaxBytes > 0 && bytes >= db.MaxBytes:
		err = full("%s has reached its limit: %d of %d bytes", db.path, bytes, db.MaxBytes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken, s.bytes, s.free, s.err = time.Now(), bytes, free, err
}

// usage returns the size of the file with its log and the space left on their disk, -1 if that cannot be told.
func usage(path string) (bytes, free int64) {
	bytes = fileSize(path) + fileSize(path+"-wal")
	var fs unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &fs); err != nil {
		return bytes, -1
	}
	return bytes, int64(fs.Bavail) * int64(fs.Bsize)
}

// refuse remembers that the disk itself said that it is full.
func (s *space) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// refusal returns EFull while there is no room, nil otherwise.
func (s *space) refusal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// room is refusal, measured anew when what is known is old.
func (db *DB) room() error {
	db.space.mu.Lock()
	fresh := time.Since(db.space.taken) < measureEvery
	db.space.mu.Unlock()
	if !fresh {
		db.space.measure(db)
	}
	return db.space.refusal()
}

// watchSpace keeps the answer of Health true while nobody writes, so that a full disk is seen to have healed.
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
		db.room()
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

func (db *DB) logSpace(refusal string) {
	if refusal != "" {
		db.logger.Error("the journal does not accept", "reason", refusal)
		return
	}
	db.logger.Info("the journal accepts again")
}
