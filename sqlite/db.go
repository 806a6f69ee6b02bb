package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"pymon-bridge/monitor"
)

// FileName is the name of the file in a data directory.
const FileName = "pymon.db"

// DefaultMinFree is how many bytes must be free on the disk. With fewer, only repeats are accepted.
const DefaultMinFree = 256 << 20

// DB is the journal and the store in one file. It is safe for concurrent use between Open and Close.
type DB struct {
	// MaxBytes is the size in bytes of the file and its log from which on only repeats are accepted. 0 means no limit.
	MaxBytes int64
	// WhyFull says why a file that has reached MaxBytes has no room, and what helps. It may be nil.
	WhyFull func() string
	// MinFree is how many bytes must be free on the disk: [DefaultMinFree] unless set.
	MinFree int64
	// Now is the clock for times that no client sends: time.Now unless set.
	Now func() time.Time

	// Lock is a number from [DB.KeepLock] in the program before, 0 for none.
	Lock int

	path    string
	zones   monitor.Zones
	logger  *slog.Logger
	shared  bool      // another process may own the file, so only tokens, commands and dead letters are written
	served  bool      // another process owned the file when it was opened
	lock    *fileLock // nil when the file is shared
	readers *sql.DB   // for short reads, among them those of acceptance and delivery
	listers *sql.DB   // for lists and counts, so that acceptance and delivery never wait for them
	scale   scale
	maxLog  int64 // bytes of SQLite's log at which trimLog empties it

	copyFrom int // pages of SQLite's log from which on it is copied in the background
	space    space
	state    state

	mu     sync.Mutex // serialises writing; guards the other fields of this group
	writer *writer    // nil while the file is being checked after a failure
	opened opened     // empty when another process may own the file
	trimAt int64      // size of the log at which it is emptied next
	shrunk bool       // a removal made the file smaller, and the log has not been emptied since

	keeping sync.Mutex              // serialises KeepReport; guards names
	names   map[string]*rollupNames // by project
	uses    tokenUses               // of this process
	checked atomic.Int64            // when the file last passed its check, in nanoseconds since 1970; 0 for never
	swept   time.Time               // when Retain last looked for what nothing refers to; only Retain uses it

	hides atomic.Uint64 // see [DB.Hides]
	wrote chan struct{} // has a value after a transaction that copyLogInBackground has not seen

	copying sync.Mutex // serialises copies of SQLite's log; guards unsure; locked before mu, or tried while mu is held
	unsure  bool       // pages that count as copied may not be on the disk; see writeAgain

	stop    context.CancelFunc // ends the goroutines of work
	ctx     context.Context    // of these goroutines, from Open to Close
	work    sync.WaitGroup
	commit  func(w *writer) error // writer.commit; another function in tests
	schemas []string              // see [schemas]; more in tests
	delay   time.Duration         // before the first check after a failure
}

// New returns the DB of the file path. A log and a lock file stand beside the file. zones turn the times of clients
// into instants. Set optional fields before Open.
func New(path string, zones monitor.Zones, logger *slog.Logger) *DB {
	return &DB{
		MinFree: DefaultMinFree,
		Now:     time.Now,
		path:    path,
		zones:   zones,
		logger:  logger,
		commit:  (*writer).commit,
		schemas: schemas(),
		scale:   defaultScale(),
		maxLog:  64 << 20,
		wrote:   make(chan struct{}, 1),
		delay:   time.Second,
	}
}

// Open opens the file to accept and deliver records. It creates a missing file. It replays the log of a process that
// was killed, and reads nothing else of the file. A check of the whole file goes on in the background; [DB.Health]
// shows its result. Open fails when another process serves the file, when a newer version has written it, or when it is
// visibly damaged. A damaged file stays unchanged.
func (db *DB) Open(ctx context.Context) error {
	if err := prepareDirectory(filepath.Dir(db.path)); err != nil {
		return err
	}
	lock, err := lockFile(db.path+".lock", db.Lock)
	for try := 0; errors.Is(err, ErrServed) && try < 10; try++ { // by a command, perhaps, that looks at the file for a moment
		time.Sleep(50 * time.Millisecond)
		lock, err = lockFile(db.path+".lock", db.Lock)
	}
	if err != nil {
		return err
	}
	db.lock = lock
	if err := db.open(ctx, lock); err != nil {
		lock.release()
		return err
	}
	if err := db.watchOpened(); err != nil {
		return errors.Join(err, db.Close())
	}
	if err := lock.mark(thisBoot()); err != nil {
		return errors.Join(err, db.Close())
	}
	db.state.set(phaseChecking, "accepting; the file is being checked")
	db.work.Go(db.checkInBackground)
	db.work.Go(db.watchSpace)
	db.work.Go(db.copyLogInBackground)
	db.work.Go(db.storeUsesOften)
	return nil
}

// OpenShared opens the file beside a process that may serve it. The DB can read. It can write tokens and what operators ask for, and
// drop dead letters. Methods that accept, deliver, judge or remove something fail. When no process serves the file,
// OpenShared refuses what Open refuses, and migrates a file of an older version. Otherwise the other process may be an
// older program: then the file stays as it is, and reading tables that it does not have fails.
func (db *DB) OpenShared(ctx context.Context) error {
	db.shared = true
	if err := prepareDirectory(filepath.Dir(db.path)); err != nil {
		return err
	}
	lock, err := db.lockUnlessServed()
	if err != nil {
		return err
	}
	db.served = lock == nil
	defer lock.release() // SQLite has replayed the log then
	if err := db.open(ctx, lock); err != nil {
		return err
	}
	if lock != nil {
		if err := lock.mark(""); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	db.state.set(phaseOK, "open beside the process that serves it")
	return nil
}

// Server returns the process that has the lock of the file, as the lock file says; 0 for none.
func (db *DB) Server() int {
	if !db.served {
		return 0
	}
	return readMarks(db.path + ".lock").process
}

// Served says whether another process served the file when OpenShared opened it.
func (db *DB) Served() bool { return db.served }

// ServedNow says whether another process has the lock of the file now.
func (db *DB) ServedNow() bool { return served(db.path) }

// lockUnlessServed takes the lock, or returns nil when another process serves the file. It waits while another process
// is opening the file, since that process may refuse the log.
func (db *DB) lockUnlessServed() (*fileLock, error) {
	served := 0 // looks in a row: at the first one, the other process may not have written its marks yet
	for try := 1; ; try++ {
		lock, err := lockFile(db.path+".lock", db.Lock)
		if !errors.Is(err, ErrServed) {
			return lock, err
		}
		if served++; readMarks(db.path + ".lock").opening {
			served = 0
		}
		switch {
		case served == 2:
			return nil, nil
		case try == 100:
			return nil, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// open opens the file. lock is nil when another process serves it: its log changes at any moment.
func (db *DB) open(ctx context.Context, lock *fileLock) error {
	if db.MaxBytes > 0 { // the log counts, and a removal writes more of it than the file becomes smaller
		db.maxLog = min(db.maxLog, max(db.MaxBytes/32, 1<<20))
	}
	db.copyFrom = min(copyFrom, int(db.maxLog*3/4)/(frameHeader+4096)) // before trimLog has to empty it
	if err := db.inspect(); err != nil {
		return err
	}
	if lock != nil {
		if err := db.inspectLog(readIndex(db.path+"-shm"), lock.killed()); err != nil {
			return err
		}
	}
	w, err := db.openWriter(ctx, lock)
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

// Close ends the background work and closes the file. The file has everything that was accepted. Close returns an error
// when the file or its log was removed or replaced, and so may not have everything. After Close the other methods fail.
func (db *DB) Close() error {
	if db.stop == nil {
		return nil
	}
	db.storeUses()
	db.mu.Lock()
	gone := db.requireFiles()
	db.state.set(phaseClosed, "closed") // from here on no write begins, and so no goroutine starts
	db.stop()
	db.mu.Unlock()
	db.work.Wait()

	db.mu.Lock()
	defer db.mu.Unlock()
	errs := append(db.closeConnections(), gone)
	if db.lock != nil {
		errs = append(errs, db.lock.mark(""))
		db.lock.release()
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", db.path, err)
	}
	return nil
}

// write runs fn in a transaction, one call after the other. It returns when the transaction is on stable storage, in
// the files that the next start will open. A cancelled ctx has no effect once the transaction has begun.
func (db *DB) write(ctx context.Context, fn func(w *writer) error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := db.state.refusal(); err != nil {
		return err
	}
	db.writer.hides = false
	if err := db.writer.transaction(func() error { return fn(db.writer) }, db.commit); err != nil {
		return db.writeError(err)
	}
	if db.writer.hides {
		db.hides.Add(1)
	}
	if err := db.requireFiles(); err != nil {
		return err
	}
	db.trimLog(max(db.trimAt, db.maxLog))
	select {
	case db.wrote <- struct{}{}:
	default: // copyLogInBackground will look anyway
	}
	return nil
}
