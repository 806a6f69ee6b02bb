package pages

import (
	"encoding/binary"
	"math"
)

// Child is a page of a table, and which rowids it may have: those above After, up to Top.
type Child struct {
	Page       uint32
	After, Top int64
}

// Root returns the page that a table begins with.
func Root(page uint32) Child { return Child{page, math.MinInt64, math.MaxInt64} }

// Below returns the pages below an interior page of a table that may have rowids from first to last. ok is false where the page
// is none, or has others than it may have.
func Below(b []byte, of Child, first, last int64) (pages []Child, ok bool) {
	if len(b) < 12 || Kind(b[0]) != TableInterior {
		return nil, false
	}
	after := of.After
	for i := range int(binary.BigEndian.Uint16(b[3:])) {
		c := cellAt(b, 12, i)
		if len(c) < 5 {
			return nil, false
		}
		top, n := varint(c[4:])
		if n == 0 || top < after || top > of.Top {
			return nil, false
		}
		if top >= first && after < last {
			pages = append(pages, Child{binary.BigEndian.Uint32(c), after, top})
		}
		after = top
	}
	if after < last {
		pages = append(pages, Child{binary.BigEndian.Uint32(b[8:]), after, of.Top})
	}
	return pages, true
}

// cellAt returns the page from a cell on; nothing where the page does not have the cell.
func cellAt(b []byte, header, i int) []byte {
	if header+2*i+2 > len(b) {
		return nil
	}
	return b[min(len(b), int(binary.BigEndian.Uint16(b[header+2*i:]))):]
}

// Numbers calls visit for the rows of a leaf of a table that have rowids from first to last. ok is false where the page is none,
// where it has other rowids than it may have, and where visit could not read a row.
func Numbers(b []byte, of Child, first, last int64, visit func(rowid int64, row *Columns)) (ok bool) {
	if len(b) < 8 || Kind(b[0]) != TableLeaf {
		return false
	}
	var row Columns // one for all rows, since visit makes it escape
	for i := range int(binary.BigEndian.Uint16(b[3:])) {
		c := cellAt(b, 8, i)
		size, n := varint(c)
		rowid, m := varint(c[n:])
		if c = c[n+m:]; n == 0 || m == 0 || size < 1 || size > int64(len(c)) || rowid <= of.After || rowid > of.Top {
			return false
		}
		if rowid < first || rowid > last {
			continue
		}
		head := int(c[0])
		if head < 1 || head > 127 || int64(head) > size {
			return false
		}
		row = Columns{b: c[:size], kind: 1, body: head, head: head}
		if visit(rowid, &row); row.bad {
			return false
		}
	}
	return true
}

// Columns reads the columns of a row from the first to the last one. The columns that are read have numbers or NULL. The rowid
// is one that is NULL.
type Columns struct {
	b                []byte
	kind, body, head int // where the kind and the bytes of the next column are, and where the kinds end
	bad              bool
}

// sizes has the bytes of a number by kind.
var sizes = [...]int{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}

// next returns the kind and the bytes of the next column.
func (c *Columns) next() (kind byte, b []byte) {
	if c.kind >= c.head || int(c.b[c.kind]) >= len(sizes) {
		c.bad = true
		return 0, nil
	}
	kind = c.b[c.kind]
	from, to := c.body, c.body+sizes[kind]
	if to > len(c.b) {
		c.bad = true
		return 0, nil
	}
	c.kind, c.body = c.kind+1, to
	return kind, c.b[from:to]
}

// Skip leaves out columns.
func (c *Columns) Skip(columns int) {
	for range columns {
		c.next()
	}
}

// Int returns a whole number.
func (c *Columns) Int() (n int64) {
	switch kind, b := c.next(); kind {
	case 1:
		return int64(int8(b[0]))
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 3:
		return int64(int8(b[0]))<<16 | int64(binary.BigEndian.Uint16(b[1:]))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	case 5:
		return int64(int16(binary.BigEndian.Uint16(b)))<<32 | int64(binary.BigEndian.Uint32(b[2:]))
	case 6:
		return int64(binary.BigEndian.Uint64(b))
	case 8, 9:
		return int64(kind - 8)
	}
	c.bad = true
	return 0
}

// Float returns a float, NaN for NULL.
func (c *Columns) Float() float64 {
	switch kind, b := c.next(); kind {
	case 0:
		return math.NaN()
	case 7:
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	}
	c.bad = true
	return 0
}
