package sqlite

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// walIndex is what SQLite's index of the log, the file -shm, says about the log. It stays when a process is killed.
// SQLite changes it only after a commit is on stable storage. So the log has at least as many frames as its index says.
// After a power cut the index may be older than the log, which does no harm.
type walIndex struct {
	salts  uint64 // of the log
	frames int    // frames up to the last commit; 0 without an index
	copied int    // frames that are copied into the file
}

// readIndex reads the first of the two equal headers of the index that is whole. It must not run while this process has
// the file open, because closing the index ends SQLite's locks.
func readIndex(path string) (x walIndex) {
	f, err := os.Open(path)
	if err != nil {
		return x
	}
	defer f.Close()
	b := make([]byte, 100)
	if _, err := io.ReadFull(f, b); err != nil {
		return x
	}
	native := binary.NativeEndian
	for _, h := range [][]byte{b[:48], b[48:96]} {
		c := checksums{big: native.Uint32([]byte{0, 0, 0, 1}) == 1}
		sum := uint64(native.Uint32(h[40:]))<<32 | uint64(native.Uint32(h[44:]))
		if native.Uint32(h) == 3007000 && c.add(0, h[:40]) == sum {
			return walIndex{salts: binary.BigEndian.Uint64(h[32:]), frames: int(native.Uint32(h[16:])),
				copied: int(native.Uint32(b[96:]))}
		}
	}
	return x
}

// logLoss says what of a log SQLite would drop although it was acknowledged. It is empty when there is no sign of that. log
// is the log in words. killed says that the last bridge was killed since the system was started. Then the log is there, and
// the index is as new as the log.
func logLoss(w walk, x walIndex, killed bool, log string) string {
	switch {
	case !w.header && w.size > logHeader:
		return fmt.Sprintf("the header of %s is bad, and all %d bytes behind it would be lost", log, w.size-logHeader)
	case w.later > 0:
		return fmt.Sprintf("frame %d of %s, at byte %d, is bad, and whole transactions follow it: "+
			"%d transactions with %d frames would be lost", w.bad, log, w.badAt, w.commits, w.dropped)
	case w.header && w.salts == x.salts && w.used < x.frames:
		where := ""
		if w.bad > 0 {
			where = fmt.Sprintf(": frame %d, at byte %d, is bad or cut off", w.bad, w.badAt)
		}
		return fmt.Sprintf("%s had %d frames, and only %d can be used%s", log, x.frames, w.used, where)
	case w.size < logHeader && x.frames > x.copied && killed:
		return fmt.Sprintf("%s is missing or empty. %d frames of it are not in the file, and would be lost",
			log, x.frames-x.copied)
	}
	return ""
}

// inspectLog refuses a log of which SQLite would drop acknowledged transactions without an error. It must run before
// SQLite replays the log.
func (db *DB) inspectLog(x walIndex, killed bool) error {
	path := db.path + "-wal"
	w, err := walkLog(path)
	if err != nil {
		return err
	}
	if loss := logLoss(w, x, killed, "its log "+filepath.Base(path)); loss != "" {
		return db.damaged(loss)
	}
	switch {
	case !w.exists && killed:
		db.logger.Warn("the bridge was killed, and the journal's log is gone; either another program opened the file and "+
			"closed it, or the log was removed, and with it the last records that were accepted", "file", path)
	case w.size < logHeader && x.frames > x.copied:
		// The log is emptied after it was copied. A power cut may leave an index from before.
		db.logger.Warn("the journal's log is empty, but its index says that it was not; after a power cut this may mean nothing",
			"file", path, "frames", x.frames-x.copied)
	case w.dropped > 0 || w.size > 0 && !w.header:
		db.logger.Warn("the journal's log ends in an incomplete transaction, which is dropped; "+
			"a write that was cut off has no 201, but damage at the end of the log looks the same",
			"file", path, "frames", w.dropped, "used", w.used)
	}
	return nil
}
