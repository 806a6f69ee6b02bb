package cache

import (
	"strconv"
	"unsafe"

	"pymon-bridge/monitor"
)

// key identifies a value. An empty project means any project.
type key struct {
	class      monitor.Class
	project, h string
}

// lookupName names the lookups of k that began after the given number of puts. The quotes separate the parts.
func (k key) lookupName(puts uint64) string {
	return string(k.class) + strconv.Quote(k.project) + strconv.Quote(k.h) + strconv.FormatUint(puts, 10)
}

// entry is a cached value. With neither context nor session it is a remembered absence. The entry contains its key, because
// the cache finds entries by a hash of the key, and two keys may have the same hash.
type entry struct {
	key
	context *monitor.Context
	session *monitor.Session
	puts    uint64 // number of puts before the store was asked; for a value that was put, with this put
	partial bool   // of an absence: the store did not ask everywhere
}

func (e *entry) absent() bool { return e.context == nil && e.session == nil }

// cost estimates the bytes that an entry takes in memory. A text that other entries share counts in full.
func (e *entry) cost() int64 {
	n := unsafe.Sizeof(*e) + uintptr(len(e.project)+len(e.h))
	if c := e.context; c != nil {
		n += unsafe.Sizeof(*c) + uintptr(len(c.CPUType)+len(c.CPUVendor.String)+len(c.MachineNode)+
			len(c.MachineType)+len(c.MachineArch)+len(c.SystemInfo)+len(c.PythonInfo)+len(c.Env))
	}
	if s := e.session; s != nil {
		n += unsafe.Sizeof(*s) + uintptr(len(s.RunDate)+len(s.ScmRef.String)+len(s.Description)+len(s.Run)+
			len(s.Branch)+len(s.Build)+len(s.Machine)+len(s.Method)+len(s.Reason))
		for _, t := range s.Tags {
			n += unsafe.Sizeof(t) + uintptr(len(t.Name)+len(t.Value.String))
		}
	}
	return int64(n)
}
