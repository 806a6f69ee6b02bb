package cache

import (
	"strconv"
	"unsafe"

	"pymon-bridge/monitor"
)

// key says what is looked up; an empty project is any project.
type key struct {
	class      monitor.Class
	project, h string
}

// flight names the lookups of k that began after the given number of puts. Quoting separates the parts.
func (k key) flight(puts uint64) string {
	return string(k.class) + strconv.Quote(k.project) + strconv.Quote(k.h) + strconv.FormatUint(puts, 10)
}

// entry is a cached value, or the absence of one when neither context nor session is set. It carries its key,
// because the cache finds it by a hash that others may share.
type entry struct {
	key
	context *monitor.Context
	session *monitor.Session
	puts    uint64 // of an absence: how many puts its hash had seen when the store was asked
}

func (e *entry) absent() bool { return e.context == nil && e.session == nil }

// cost estimates the bytes an entry keeps in memory. Texts may be shared with others; they count in full.
func (e *entry) cost() int64 {
	n := unsafe.Sizeof(*e) + uintptr(len(e.project)+len(e.h))
	if c := e.context; c != nil {
		n += unsafe.Sizeof(*c) + uintptr(len(c.CPUType)+len(c.CPUVendor.String)+len(c.MachineNode)+
			len(c.MachineType)+len(c.MachineArch)+len(c.SystemInfo)+len(c.PythonInfo)+len(c.Env))
	}
	if s := e.session; s != nil {
		n += unsafe.Sizeof(*s) + uintptr(len(s.RunDate)+len(s.ScmRef.String)+len(s.Description)+len(s.Run)+
			len(s.Branch)+len(s.Build)+len(s.Machine))
		for _, t := range s.Tags {
			n += unsafe.Sizeof(t) + uintptr(len(t.Name)+len(t.Value.String))
		}
	}
	return int64(n)
}
