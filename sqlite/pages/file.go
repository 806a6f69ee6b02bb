package pages

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// defaultSize is the size of pages that SQLite chooses unless it is told another one.
const defaultSize = 4096

// magic is the beginning of every SQLite file.
const magic = "SQLite format 3\x00"

// Log has the pages that the log of a file has in newer versions.
type Log struct {
	From     io.ReaderAt
	PageSize int              // 0 when the log does not say
	At       map[uint32]int64 // where in From a page begins, by the number of the page
}

// File is a SQLite file with its log.
type File struct {
	PageSize int
	Count    uint32 // pages are numbered from 1 to Count

	main io.ReaderAt
	size int64
	log  Log
	maps bool            // the file has pointer maps
	free map[uint32]bool // as the list of free pages says
}

// New returns the file with the given content. It reads the size of pages from the file, else from the log.
func New(main io.ReaderAt, size int64, log Log) (*File, error) {
	f := &File{main: main, size: size, log: log}
	head := make([]byte, 100)
	if n, err := main.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the first %d bytes: %w", n, err)
	}
	f.PageSize = f.choose(int(binary.BigEndian.Uint16(head[16:])), log.PageSize)
	f.Count = uint32(min((size+int64(f.PageSize)-1)/int64(f.PageSize), 1<<31))
	for page := range log.At {
		f.Count = max(f.Count, page)
	}
	f.maps = f.hasMaps()
	if first := f.Read(1); first != nil && string(first.b[:len(magic)]) == magic {
		f.free = f.freeList(binary.BigEndian.Uint32(first.b[32:]))
	}
	return f, nil
}

// choose returns the size of pages. The log knows it best, since its header has a checksum. When the file states another
// size than the usual one, the size counts with which more pages make sense.
func (f *File) choose(stated, logged int) int {
	if stated == 1 {
		stated = 65536
	}
	switch {
	case logged != 0:
		return logged
	case stated < 512 || stated&(stated-1) != 0 || stated == defaultSize:
		return defaultSize
	case f.sense(stated) > f.sense(defaultSize):
		return stated
	}
	return defaultSize
}

// sense returns how many bytes of the file are pages of trees whose cells are in order, with pages of a size.
func (f *File) sense(size int) (bytes int) {
	g := File{PageSize: size, Count: uint32(min(f.size/int64(size), 1<<31)), main: f.main, size: f.size}
	step := max(g.Count/500, 1)
	for page := uint32(1); page <= g.Count; page += step {
		if p := g.Read(page); p != nil {
			if cells, all := p.cells(); all && len(cells) > 0 {
				bytes += size * int(step)
			}
		}
	}
	return bytes
}

// Read returns a page. It returns nil when the file does not have all of it.
func (f *File) Read(page uint32) *Page {
	if page < 1 || page > f.Count {
		return nil
	}
	b := make([]byte, f.PageSize)
	if at, ok := f.log.At[page]; ok {
		if _, err := f.log.From.ReadAt(b, at); err == nil {
			return newPage(page, b)
		}
	}
	at := int64(page-1) * int64(f.PageSize)
	if at+int64(f.PageSize) > f.size {
		return nil
	}
	if _, err := f.main.ReadAt(b, at); err != nil {
		return nil
	}
	return newPage(page, b)
}

// ReadAt reads the file as it is with its log. Bytes that cannot be read are 0.
func (f *File) ReadAt(b []byte, at int64) (n int, err error) {
	size := int64(f.PageSize)
	for n < len(b) {
		number := (at + int64(n)) / size
		if number >= int64(f.Count) {
			return n, io.EOF
		}
		from := (at + int64(n)) % size
		chunk := b[n:min(len(b), n+int(size-from))]
		if page := f.Read(uint32(number + 1)); page != nil {
			copy(chunk, page.b[from:])
		} else {
			clear(chunk)
			_, _ = f.main.ReadAt(chunk, at+int64(n)) // the rest of a page that was cut
		}
		n += len(chunk)
	}
	return n, nil
}

// Size is the number of bytes of the file with its log.
func (f *File) Size() int64 {
	if len(f.log.At) == 0 {
		return f.size
	}
	return int64(f.Count) * int64(f.PageSize)
}
