package pages

import (
	"encoding/binary"
	"math"
	"sort"
)

// Child is a page of a table, and which rowids it may have: those above After, up to Top.
type Child struct {
	Page       uint32
	After, Top int64
}

// Root returns the page that a table begins with.
func Root(page uint32) Child { return Child{page, math.MinInt64, math.MaxInt64} }

// Rowids are rowids of a table: those from First to Last, or of these only Some, which are in order.
type Rowids struct {
	First, Last int64
	Some        []int64 // nil for all
}

// RowidsOf returns some rowids, which must be in order.
func RowidsOf(some []int64) Rowids {
	if len(some) == 0 {
		return Rowids{First: 1}
	}
	return Rowids{some[0], some[len(some)-1], some}
}

// above says whether one of the rowids is above after and at most top. It returns where Some has the first one above after.
func (r *Rowids) above(after, top int64) (i int, any bool) {
	if r.Some == nil {
		return 0, top >= r.First && after < r.Last
	}
	i = sort.Search(len(r.Some), func(i int) bool { return r.Some[i] > after })
	return i, i < len(r.Some) && r.Some[i] <= top
}

// has says whether a rowid is one of them. i is where Some has the first one that a page may have, and grows from row to row.
func (r *Rowids) has(rowid int64, i *int) bool {
	if r.Some == nil {
		return rowid >= r.First && rowid <= r.Last
	}
	for *i < len(r.Some) && r.Some[*i] < rowid {
		*i++
	}
	return *i < len(r.Some) && r.Some[*i] == rowid
}

// Below returns the pages below an interior page of a table that may have wanted rowids. ok is false where the page is none, or has
// others than it may have.
func Below(b []byte, of Child, wanted Rowids) (pages []Child, ok bool) {
	if len(b) < 12 || Kind(b[0]) != TableInterior {
		return nil, false
	}
	after := of.After
	add := func(page uint32, top int64) {
		if _, any := wanted.above(after, top); any {
			pages = append(pages, Child{page, after, top})
		}
		after = top
	}
	for i := range int(binary.BigEndian.Uint16(b[3:])) {
		c := cellAt(b, 12, i)
		if len(c) < 5 {
			return nil, false
		}
		top, n := varint(c[4:])
		if n == 0 || top < after || top > of.Top {
			return nil, false
		}
		add(binary.BigEndian.Uint32(c), top)
	}
	add(binary.BigEndian.Uint32(b[8:]), of.Top)
	return pages, true
}

// cellAt returns the page from a cell on; nothing where the page does not have the cell.
func cellAt(b []byte, header, i int) []byte {
	if header+2*i+2 > len(b) {
		return nil
	}
	return b[min(len(b), int(binary.BigEndian.Uint16(b[header+2*i:]))):]
}

// EachRow calls visit for the rows of a leaf of a table that have wanted rowids. row is nil where some of its bytes are on other
// pages. ok is false where the page is none, or has other rowids than it may have, or not in order.
func EachRow(b []byte, of Child, wanted Rowids, visit func(rowid int64, row *Columns)) (ok bool) {
	if len(b) < 8 || Kind(b[0]) != TableLeaf {
		return false
	}
	next, _ := wanted.above(of.After, of.Top)
	var row Columns // one for all rows, since visit makes it escape
	for i := range int(binary.BigEndian.Uint16(b[3:])) {
		c := cellAt(b, 8, i)
		size, n := varint(c)
		rowid, m := varint(c[n:])
		if c = c[n+m:]; n == 0 || m == 0 || size < 1 || len(c) == 0 || rowid <= of.After || rowid > of.Top {
			return false
		}
		of.After = rowid
		switch head := int(c[0]); {
		case !wanted.has(rowid, &next):
		case size > int64(min(len(c), mostLocal(len(b)))) || head > 127: // a longer head is that of a row with many columns
			visit(rowid, nil)
		case head < 1 || int64(head) > size:
			return false
		default:
			row = Columns{b: c[:size], kind: 1, body: head, head: head}
			visit(rowid, &row)
		}
	}
	return true
}

// Columns reads the columns of a row from the first to the last one. The rowid is one that is NULL.
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

// Bad says that a column had another kind of value than was read, or that the row has fewer columns.
func (c *Columns) Bad() bool { return c.bad }

// Skip leaves out columns of numbers or NULL.
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

// Text returns a text. It returns same where the text equals it, so that equal texts are in memory once.
func (c *Columns) Text(same string) string {
	kind, n := varint(c.b[c.kind:c.head])
	from, bytes := c.body, (kind-13)/2
	if n == 0 || kind < 13 || kind%2 == 0 || bytes > int64(len(c.b)-from) {
		c.bad = true
		return ""
	}
	c.kind, c.body = c.kind+n, from+int(bytes)
	if b := c.b[from:c.body]; string(b) != same {
		return string(b)
	}
	return same
}
