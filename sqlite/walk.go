package sqlite

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"os"
)

const (
	logHeader   = 32 // bytes in front of the frames of a log
	frameHeader = 24 // bytes in front of the page of a frame
)

// walk is what a walk through SQLite's log found. SQLite uses the frames up to the last commit in front of the first bad
// frame, and drops the rest without an error.
//
// A frame has the salts of the log's header, unless it is left from an earlier log. Its checksum covers all frames before
// it. So a frame behind a bad one can be verified from the checksum that the bad one has, or should have.
//
// A transaction is written only when the one before it is on stable storage. So a bad frame that a whole later
// transaction follows is damage. A bad frame of the last transaction may as well be a write that was cut off.
type walk struct {
	exists  bool
	size    int64  // bytes of the log
	header  bool   // the log's header is whole
	salts   uint64 // of the log's header
	used    int    // frames that SQLite uses
	bad     int    // number of the first bad frame, counted from 1; 0 for none
	badAt   int64  // where it begins in the log, in bytes
	dropped int    // frames of this log behind the used ones
	commits int    // transactions whose end is among the dropped frames
	later   int    // those of them that are whole

	pageSize int
	// The pages of all whole transactions, also of those that SQLite drops, by number: where their newest version begins. A
	// transaction that is not whole gives its good pages when a whole one follows it.
	pages map[uint32]int64
	held  map[uint32]int64 // of transactions that are not known to be whole
}

// walkLog walks through a log. It reads the log once and keeps one frame in memory. A missing log is an empty one.
func walkLog(path string) (walk, error) {
	var w walk
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return w, nil
	} else if err != nil {
		return w, fmt.Errorf("open log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return w, fmt.Errorf("open log: %w", err)
	}
	w.exists, w.size = true, info.Size()
	if err := w.read(bufio.NewReaderSize(f, 256<<10)); err != nil {
		return w, fmt.Errorf("read log %s: %w", path, err)
	}
	return w, nil
}

func (w *walk) read(r *bufio.Reader) error {
	head := make([]byte, logHeader)
	if _, err := io.ReadFull(r, head); err != nil {
		return ended(err)
	}
	next, _ := r.Peek(frameHeader + 4096) // the first frame, at least its header
	salts := make([]byte, 8)
	if len(next) >= 16 {
		copy(salts, next[8:])
	}
	c, page, whole := readLogHeader(head, next)
	if w.header = whole; page == 0 {
		page = 4096 // the header is lost: the first frame cannot be verified, but those that follow it can be
		copy(head[16:], salts)
	}
	w.salts, w.pageSize = binary.BigEndian.Uint64(head[16:]), page
	w.pages, w.held = make(map[uint32]int64), make(map[uint32]int64)
	frame := make([]byte, frameHeader+page)
	broken := false // the open transaction has a bad frame
	ours := true    // the frame before is of this log
	for n := 1; ; n++ {
		size, err := io.ReadFull(r, frame)
		if err != nil {
			w.torn(n, frame[:size])
			return ended(err)
		}
		linked, commit := c.next(frame, w.salts)
		own := binary.BigEndian.Uint64(frame[8:]) == w.salts
		switch {
		case w.bad == 0 && linked && own:
			w.dropped++
			w.keep(n, frame, commit)
			if commit {
				w.used, w.dropped = n, 0
			}
			continue
		case w.bad == 0:
			w.found(n, page)
		}
		broken = broken || !linked || w.bad == n
		// Frames of an earlier log follow each other too, but not a frame of this log.
		if ours = own || linked && ours; !ours {
			continue
		}
		w.dropped++
		if linked {
			w.keep(n, frame, commit && !broken)
		}
		if commit {
			w.commits++
			if !broken {
				w.later++
			}
			broken = false
		}
	}
}

// keep remembers the page of a good frame. whole says that a whole transaction ends with it.
func (w *walk) keep(n int, frame []byte, whole bool) {
	w.held[binary.BigEndian.Uint32(frame)] = logHeader + int64(n-1)*int64(len(frame)) + frameHeader
	if whole {
		maps.Copy(w.pages, w.held)
		clear(w.held)
	}
}

// readLogHeader returns the checksum of the header of a log, and the size of pages. whole says that the header is whole. A
// header with one wrong bit is corrected, if the first frame follows it then: several corrections may give the same checksum.
// The size is 0 when that does not help.
func readLogHeader(head, first []byte) (c checksums, page int, whole bool) {
	valid := func() bool {
		magic := binary.BigEndian.Uint32(head)
		c, page = checksums{big: magic&1 == 1}, int(binary.BigEndian.Uint32(head[8:]))
		c.stored = c.add(0, head[:24])
		return magic&^1 == 0x377f0682 && binary.BigEndian.Uint64(head[24:]) == c.stored && page >= 512 && page <= 65536
	}
	follows := func() bool {
		if len(first) < frameHeader+page || !bytes.Equal(head[16:24], first[8:16]) {
			return false
		}
		next := c
		linked, _ := next.next(bytes.Clone(first[:frameHeader+page]), binary.BigEndian.Uint64(head[16:]))
		return linked
	}
	if valid() {
		return c, page, true
	}
	for bit := range 8 * logHeader {
		head[bit/8] ^= 1 << (bit % 8)
		if valid() && follows() {
			return c, page, false
		}
		head[bit/8] ^= 1 << (bit % 8)
	}
	return checksums{}, 0, false
}

func (w *walk) found(n, page int) {
	w.bad, w.badAt = n, logHeader+int64(n-1)*int64(frameHeader+page)
}

// torn counts a frame that ends with the log.
func (w *walk) torn(n int, part []byte) {
	left := len(part) >= 16 && binary.BigEndian.Uint64(part[8:]) != w.salts
	if len(part) == 0 || left {
		return
	}
	w.dropped++
	if w.bad == 0 {
		w.bad, w.badAt = n, w.size-int64(len(part))
	}
}

// ended returns nil for the end of a log.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// checksums verifies frames one after the other.
type checksums struct {
	big      bool   // the words of the log are big-endian
	stored   uint64 // what the frame before has
	computed uint64 // what the frame before should have
}

// next says whether a frame follows the one before it, and whether it ends a transaction. The number of a commit may be
// what is wrong in a bad frame: a single wrong bit in front of the page is found by its checksum.
func (c *checksums) next(frame []byte, salts uint64) (linked, commit bool) {
	stored := binary.BigEndian.Uint64(frame[16:])
	sum := func(seed uint64) uint64 { return c.add(c.add(seed, frame[:8]), frame[frameHeader:]) }
	computed := sum(c.stored)
	if linked = computed == stored; !linked && c.computed != c.stored && sum(c.computed) == stored {
		linked, computed = true, stored
	}
	commit = binary.BigEndian.Uint32(frame[4:]) != 0
	own := binary.BigEndian.Uint64(frame[8:]) == salts
	if !linked && own {
		for bit := range 64 {
			frame[bit/8] ^= 1 << (bit % 8)
			if sum(c.stored) == stored {
				commit = binary.BigEndian.Uint32(frame[4:]) != 0
			}
			frame[bit/8] ^= 1 << (bit % 8)
		}
	}
	c.stored, c.computed = stored, computed
	return linked, commit
}

// add continues SQLite's checksum of a log over b, whose length is a multiple of 8.
func (c *checksums) add(seed uint64, b []byte) uint64 {
	s0, s1 := uint32(seed>>32), uint32(seed)
	for ; len(b) >= 8; b = b[8:] {
		x, y := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		if c.big {
			x, y = bits.ReverseBytes32(x), bits.ReverseBytes32(y)
		}
		s0 += x + s1
		s1 += y + s0
	}
	return uint64(s0)<<32 | uint64(s1)
}
