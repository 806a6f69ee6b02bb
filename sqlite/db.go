package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// FileName is what the file is called in a data directory.
const FileName = "pymon.db"

// DefaultMinFree is the floor of free disk space below which nothing new is accepted, in bytes.
const DefaultMinFree = 256 << 20

// DB is the journal and the store in one file. It is safe for concurrent use between Open and Close.
type DB struct {
	// MaxBytes is the size of the file and its log, in bytes, above which nothing new is accepted; 0 is no limit.
	MaxBytes int64
	// MinFree is the floor of free space on its disk, in bytes: [DefaultMinFree] unless set.
	MinFree int64
	// Now is the clock for what no client dates: time.Now unless set.
	Now func() time.Time

	path    string
	zones   monitor.Zones
	logger  *slog.Logger
	shared  bool // only tokens are written: another process may own the file
	lock    *fileLock
	readers *sql.DB
	listers *sql.DB // for lists and counts, so that these never keep acceptance and delivery waiting
	scale   scale
	space   space
	state   state

	mu      sync.Mutex // serialises writing and guards writer
	writer  *writer    // nil while the file is being checked after a failure
	keeping sync.Mutex // serialises KeepReport
	trimAt  int64      // size of the log at which it is emptied; guarded by mu

	stop    context.CancelFunc // ends the goroutines counted in work
	ctx     context.Context
	work    sync.WaitGroup
	commit  func(w *writer) error // writer.commit, but in tests
	schemas []string              // see [schemas]; longer in tests
	delay   time.Duration         // before the first check after a failure
}

// New returns the journal in the file called path, in whose directory the log and a lock file stand beside it. The
// zones place the times of clients. Optional fields may be set before Open.
func New(path string, zones monitor.Zones, logger *slog.Logger) *DB {
	return &DB{
		MinFree: DefaultMinFree,
		Now:     time.Now,
		path:    path,
		zones:   zones,
		logger:  logger,
		commit:  (*writer).commit,
		schemas: schemas(),
		scale:   usual(),
		delay:   time.Second,
	}
}

// Open creates the file where there is none and opens it for accepting and delivering. It replays the log of a
// process that was killed and reads nothing else; a check of the whole file goes on in the background and shows in
// [DB.Health]. It fails when another process serves the file, when a newer version has written it, and when it is
// visibly damaged, which it is left as.
func (db *DB) Open(ctx context.Context) error {
	if err := prepareDirectory(filepath.Dir(db.path)); err != nil {
		return err
	}
	lock, err := lockFile(db.path + ".lock")
	if err != nil {
		return err
	}
	db.lock = lock
	if err := db.open(ctx); err != nil {
		lock.release()
		return err
	}
	db.state.set(phaseChecking, "accepting; the file is being checked")
	db.work.Go(db.checkInBackground)
	db.work.Go(db.watchSpace)
	return nil
}

// OpenShared opens the file beside a process that may be serving it, for reading and for the methods of
// [monitor.TokenStore]. Append, PinOrigins and Ack fail. A file of an older version stays as it is, since the process may be
// of an older program: reading what that version does not have fails.
func (db *DB) OpenShared(ctx context.Context) error {
	db.shared = true
	if err := prepareDirectory(filepath.Dir(db.path)); err != nil {
		return err
	}
	if err := db.open(ctx); err != nil {
		return err
	}
	db.state.set(phaseOK, "open beside the process that serves it")
	return nil
}

func (db *DB) open(ctx context.Context) error {
	if err := db.inspect(); err != nil {
		return err
	}
	w, err := db.openWriter(ctx)
	if err != nil {
		return err
	}
	readers, err := openPool(db.path, readerPragmas, 4)
	if err != nil {
		w.close()
		return err
	}
	listers, err := openPool(db.path, readerPragmas, 4)
	if err != nil {
		w.close()
		readers.Close()
		return err
	}
	db.writer, db.readers, db.listers = w, readers, listers
	db.ctx, db.stop = context.WithCancel(context.Background())
	db.space.measure(db)
	return nil
}

// Close ends the background work and closes the file. What was accepted is in it. Other methods fail from then on.
func (db *DB) Close() error {
	if db.stop == nil {
		return nil
	}
	db.mu.Lock()
	db.state.set(phaseClosed, "closed") // no write begins from here on, so no goroutine either
	db.stop()
	db.mu.Unlock()
	db.work.Wait()

	db.mu.Lock()
	defer db.mu.Unlock()
	errs := []error{db.readers.Close(), db.listers.Close()}
	if db.writer != nil {
		errs = append(errs, db.writer.close())
		db.writer = nil
	}
	db.lock.release()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", db.path, err)
	}
	return nil
}

// write runs fn in a transaction of its own and returns when it is on stable storage. Cancelling ctx ends the wait
// for the turn only.
func (db *DB) write(ctx context.Context, fn func(w *writer) error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := db.state.refusal(); err != nil {
		return err
	}
	err := db.writer.transaction(func() error { return fn(db.writer) }, db.commit)
	if err != nil {
		return db.writeError(err)
	}
	db.trimLog()
	return nil
}

// owned fails where another process may be serving the file, whose counter of the sequence this one does not see.
func (db *DB) owned() error {
	if db.shared {
		return monitor.Errorf(monitor.EInternal, "%s is open beside the process that serves it", db.path)
	}
	return nil
}
