package seam

import (
	"time"
	"unsafe"
)

// Now returns the time of the program's clock. As after a real jump of a clock, the time of day is another, and what has passed
// between two calls is not.
func Now() time.Time {
	t := time.Now()
	if page != nil {
		// The first word has a flag, 33 bits of seconds and 30 bits of nanoseconds. The second has the time since the start of
		// the program, which no jump changes.
		*(*uint64)(unsafe.Pointer(&t)) += uint64(page.Ahead.Load()) << 30
	}
	return t
}

// Since returns the time that has passed since t.
func Since(t time.Time) time.Duration { return Now().Sub(t) }

// Until returns the time until t.
func Until(t time.Time) time.Duration { return t.Sub(Now()) }
