package seam

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
	lib "modernc.org/sqlite/lib"
)

// Variable is the environment variable that names the file of the page. Without it the program is as always.
const Variable = "PYMON_BRIDGE_FAULTS"

// Operation is what a program does with its files, with the file where that makes a difference.
type Operation int64

// The operations. ShareMemory maps a part of the log's index.
const (
	None Operation = iota
	Open
	ReadDatabase
	ReadLog
	WriteDatabase
	WriteLog
	SyncDatabase
	SyncLog
	Truncate
	ShareMemory
	Remove
)

// String returns the name of an operation.
func (o Operation) String() string {
	return [...]string{"none", "open", "read of the database", "read of the log", "write of the database", "write of the log",
		"sync of the database", "sync of the log", "truncation", "mapping of shared memory", "removal"}[o]
}

// Effect is what happens instead of an operation.
type Effect int64

// The effects.
const (
	FailOnce Effect = iota // the operation fails, and later ones do not
	FailEver               // this operation and all later ones of its kind fail
	Full                   // the same, with the error of a full disk, for a write
	Kill                   // the program is killed before the operation
)

// Page is memory that the test and the program share.
type Page struct {
	Ahead  atomic.Int64 // seconds by which the clock of the program is ahead
	fails  atomic.Int64 // Operation
	after  atomic.Int64 // such operations until one fails
	effect atomic.Int64
	Failed atomic.Int64 // operations that failed
	// Unsafe counts syncs that succeeded although an earlier one of the same data had failed, and the data was not written again.
	Unsafe atomic.Int64
}

// Arm makes the n-th operation of a kind from now on fail. The first one is 1.
func (p *Page) Arm(o Operation, n int64, e Effect) {
	p.fails.Store(0)
	p.Failed.Store(0)
	p.after.Store(n)
	p.effect.Store(int64(e))
	p.fails.Store(int64(o))
}

// Disarm lets every operation succeed.
func (p *Page) Disarm() { p.fails.Store(0) }

// hit says whether an operation has to fail.
func (p *Page) hit(o Operation) bool {
	if p.fails.Load() != int64(o) {
		return false
	}
	left, effect := p.after.Add(-1), Effect(p.effect.Load())
	if left > 0 || left < 0 && effect == FailOnce {
		return false
	}
	p.Failed.Add(1)
	if effect == Kill {
		_ = unix.Kill(os.Getpid(), unix.SIGKILL) // nothing keeps a process from killing itself
		select {}
	}
	return true
}

// writeError is SQLite's code for a write that fails.
func (p *Page) writeError() int32 {
	if Effect(p.effect.Load()) == Full {
		return lib.SQLITE_FULL
	}
	return lib.SQLITE_IOERR_WRITE
}

// OpenPage makes or opens the file of a page.
func OpenPage(path string) (*Page, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // the memory stays
	size := int(unsafe.Sizeof(Page{}))
	if err := f.Truncate(int64(size)); err != nil {
		return nil, err
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	return (*Page)(unsafe.Pointer(&memory[0])), nil
}

// page is that of this program; nil for none.
var page *Page

func init() {
	path := os.Getenv(Variable)
	if path == "" {
		return
	}
	var err error
	if page, err = OpenPage(path); err != nil {
		panic(err) // the test build was started without its page
	}
	watchFiles()
}
