package seam

import (
	"sync"
	"unsafe"

	"modernc.org/libc"
	_ "modernc.org/sqlite" // its settings come before the first use of the library
	lib "modernc.org/sqlite/lib"
)

// The functions of SQLite's files, in C's calling convention of the library.
type (
	openFunc     = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	removeFunc   = func(tls *libc.TLS, vfs, name uintptr, sync int32) int32
	transferFunc = func(tls *libc.TLS, file, buffer uintptr, amount int32, offset int64) int32
	truncateFunc = func(tls *libc.TLS, file uintptr, size int64) int32
	syncFunc     = func(tls *libc.TLS, file uintptr, flags int32) int32
	shareFunc    = func(tls *libc.TLS, file uintptr, region, size, extend int32, out uintptr) int32
	closeFunc    = func(tls *libc.TLS, file uintptr) int32
)

// call returns the function that a pointer of the library means.
func call[F any](pointer uintptr) F { return *(*F)(unsafe.Pointer(&struct{ p uintptr }{pointer})) }

// pointer returns a pointer for the library. f must be a function that is no closure, since nothing else refers to it.
func pointer[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// memory returns the value at an address of the library's memory, which is not Go's.
func memory[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// file is an open file of SQLite.
type file struct {
	methods *lib.Tsqlite3_io_methods // the real ones
	log     bool
	state   *durability
}

// durability says what of a file is on stable storage. The log and the database have one each.
type durability struct {
	written map[int64]bool // offsets since the last sync
	lost    map[int64]bool // offsets whose sync has failed, and which were not written since
}

var (
	mu    sync.Mutex
	files = map[uintptr]*file{} // by the address of SQLite's handle
	// A failed sync of the log is followed by another handle, since its frames are not written again.
	database   = newDurability()
	realOpen   uintptr
	realRemove uintptr
)

func newDurability() *durability { return &durability{map[int64]bool{}, map[int64]bool{}} }

func (d *durability) write(offset int64) {
	d.written[offset] = true
	delete(d.lost, offset)
}

// sync notes a sync. It returns false for one that succeeds and means nothing.
func (d *durability) sync(failed bool) (sound bool) {
	sound = failed || len(d.lost) == 0
	if failed {
		for offset := range d.written {
			d.lost[offset] = true
		}
	} else {
		clear(d.lost)
	}
	clear(d.written)
	return sound
}

// watchFiles puts this package between SQLite and its files.
func watchFiles() {
	tls := libc.NewTLS()
	vfs := memory[lib.Tsqlite3_vfs](lib.Xsqlite3_vfs_find(tls, 0))
	realOpen, realRemove = vfs.FxOpen, vfs.FxDelete
	vfs.FxOpen, vfs.FxDelete = pointer[openFunc](openFile), pointer[removeFunc](removeFile)
}

func openFile(tls *libc.TLS, vfs, name, handle uintptr, flags int32, out uintptr) int32 {
	isLog := flags&lib.SQLITE_OPEN_WAL != 0
	watched := isLog || flags&lib.SQLITE_OPEN_MAIN_DB != 0
	if watched && page.hit(Open) {
		*memory[uintptr](handle) = 0
		return lib.SQLITE_CANTOPEN
	}
	code := call[openFunc](realOpen)(tls, vfs, name, handle, flags, out)
	if !watched || code != lib.SQLITE_OK {
		return code
	}
	methods := memory[uintptr](handle) // the first word of a handle
	f := &file{methods: memory[lib.Tsqlite3_io_methods](*methods), log: isLog, state: database}
	if isLog {
		f.state = newDurability()
	}
	own := libc.Xmalloc(tls, lib.Tsize_t(unsafe.Sizeof(lib.Tsqlite3_io_methods{})))
	m := memory[lib.Tsqlite3_io_methods](own)
	*m = *f.methods
	m.FxClose, m.FxRead, m.FxWrite = pointer[closeFunc](closeFile), pointer[transferFunc](readFile), pointer[transferFunc](writeFile)
	m.FxTruncate, m.FxSync = pointer[truncateFunc](truncateFile), pointer[syncFunc](syncFile)
	if m.FxShmMap != 0 {
		m.FxShmMap = pointer[shareFunc](shareFile)
	}
	*methods = own
	mu.Lock()
	defer mu.Unlock()
	files[handle] = f
	return code
}

// of returns an open file, and the operation on it.
func of(handle uintptr, onDatabase, onLog Operation) (*file, Operation) {
	mu.Lock()
	defer mu.Unlock()
	if f := files[handle]; !f.log {
		return f, onDatabase
	} else {
		return f, onLog
	}
}

func closeFile(tls *libc.TLS, handle uintptr) int32 {
	mu.Lock()
	f := files[handle]
	delete(files, handle)
	mu.Unlock()
	return call[closeFunc](f.methods.FxClose)(tls, handle)
}

func readFile(tls *libc.TLS, handle, buffer uintptr, amount int32, offset int64) int32 {
	f, o := of(handle, ReadDatabase, ReadLog)
	if page.hit(o) {
		return lib.SQLITE_IOERR_READ
	}
	return call[transferFunc](f.methods.FxRead)(tls, handle, buffer, amount, offset)
}

func writeFile(tls *libc.TLS, handle, buffer uintptr, amount int32, offset int64) int32 {
	f, o := of(handle, WriteDatabase, WriteLog)
	if page.hit(o) {
		return page.writeError()
	}
	code := call[transferFunc](f.methods.FxWrite)(tls, handle, buffer, amount, offset)
	if code == lib.SQLITE_OK {
		mu.Lock()
		defer mu.Unlock()
		f.state.write(offset)
	}
	return code
}

func truncateFile(tls *libc.TLS, handle uintptr, size int64) int32 {
	f, o := of(handle, Truncate, Truncate)
	if page.hit(o) {
		return lib.SQLITE_IOERR_TRUNCATE
	}
	return call[truncateFunc](f.methods.FxTruncate)(tls, handle, size)
}

func syncFile(tls *libc.TLS, handle uintptr, flags int32) int32 {
	f, o := of(handle, SyncDatabase, SyncLog)
	code, failed := int32(lib.SQLITE_IOERR_FSYNC), page.hit(o)
	if !failed {
		code = call[syncFunc](f.methods.FxSync)(tls, handle, flags)
	}
	mu.Lock()
	defer mu.Unlock()
	if !f.state.sync(failed) {
		page.Unsafe.Add(1)
	}
	return code
}

func shareFile(tls *libc.TLS, handle uintptr, region, size, extend int32, out uintptr) int32 {
	f, o := of(handle, ShareMemory, ShareMemory)
	if page.hit(o) {
		return lib.SQLITE_IOERR_SHMMAP
	}
	return call[shareFunc](f.methods.FxShmMap)(tls, handle, region, size, extend, out)
}

func removeFile(tls *libc.TLS, vfs, name uintptr, sync int32) int32 {
	if page.hit(Remove) {
		return lib.SQLITE_IOERR_DELETE
	}
	return call[removeFunc](realRemove)(tls, vfs, name, sync)
}
