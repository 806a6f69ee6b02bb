package pages

import (
	"encoding/binary"
	"slices"
)

// Kind is the kind of a page of a tree.
type Kind byte

// The kinds of pages. Every other value means that the page is none of a tree.
const (
	IndexInterior Kind = 2
	TableInterior Kind = 5
	IndexLeaf     Kind = 10
	TableLeaf     Kind = 13
)

// Interior says whether a page of this kind has pages below it.
func (k Kind) Interior() bool { return k == IndexInterior || k == TableInterior }

// Table says whether the page belongs to a table with rowids.
func (k Kind) Table() bool { return k == TableInterior || k == TableLeaf }

// Page is one page.
type Page struct {
	Number uint32
	Kind   Kind

	b      []byte
	header int // where the header of the tree begins
}

func newPage(number uint32, b []byte) *Page {
	p := &Page{Number: number, b: b}
	if number == 1 {
		p.header = 100 // the header of the file comes first
	}
	switch k := Kind(b[p.header]); k {
	case IndexInterior, TableInterior, IndexLeaf, TableLeaf:
		p.Kind = k
	}
	return p
}

// extent is a part of a page.
type extent struct{ from, to int }

// cell is a cell with what stands in front of its payload.
type cell struct {
	extent
	child   uint32 // of an interior page
	rowid   int64  // of a table
	payload int    // where the payload begins in the page
	size    int    // bytes of the payload, with its overflow
	local   int    // bytes of the payload in the page
}

// cells returns the cells of the page, in the order of their keys. A cell is missing when it lies outside the part of the
// page that is in use, or where another cell or a free block lies. all says that no cell is missing, and that cells and
// free blocks cover just the part in use.
func (p *Page) cells() (list []cell, all bool) {
	if p.Kind == 0 {
		return nil, false
	}
	h := p.b[p.header:]
	pointers := p.header + 8
	if p.Kind.Interior() {
		pointers += 4
	}
	count, content := int(binary.BigEndian.Uint16(h[3:])), int(binary.BigEndian.Uint16(h[5:]))
	if content == 0 {
		content = 65536
	}
	all = content <= len(p.b) && pointers+2*count <= content
	count = min(count, (len(p.b)-pointers)/2)
	for i := range count {
		at := int(binary.BigEndian.Uint16(p.b[pointers+2*i:]))
		c, ok := p.cell(at)
		if !ok || at < content || at < pointers+2*count {
			all = false
			continue
		}
		list = append(list, c)
	}
	free, ok := p.freeBlocks(content)
	used := int(h[7]) // bytes in pieces that are too small for a free block
	for _, e := range free {
		used += e.to - e.from
	}
	overlaps := overlapping(list, free)
	for i, c := range list {
		used += c.to - c.from
		ok = ok && !overlaps[i]
	}
	all = all && ok && used == len(p.b)-content
	kept := list[:0]
	for i, c := range list {
		if !overlaps[i] {
			kept = append(kept, c)
		}
	}
	return kept, all
}

// freeBlocks returns the free blocks of the page. ok says that their chain is whole.
func (p *Page) freeBlocks(content int) (free []extent, ok bool) {
	at := int(binary.BigEndian.Uint16(p.b[p.header+1:]))
	for last := content; at != 0; {
		if at < last || at+4 > len(p.b) {
			return free, false
		}
		size := int(binary.BigEndian.Uint16(p.b[at+2:]))
		if size < 4 || at+size > len(p.b) {
			return free, false
		}
		free = append(free, extent{at, at + size})
		last, at = at+size, int(binary.BigEndian.Uint16(p.b[at:]))
	}
	return free, true
}

// overlapping says which cells lie where another cell or a free block lies.
func overlapping(cells []cell, free []extent) []bool {
	bad := make([]bool, len(cells))
	type owned struct {
		extent
		cell int
	}
	all := make([]owned, 0, len(cells)+len(free))
	for i, c := range cells {
		all = append(all, owned{c.extent, i})
	}
	for _, e := range free {
		all = append(all, owned{e, -1})
	}
	slices.SortFunc(all, func(a, b owned) int { return a.from - b.from })
	for i := range all {
		for j := i + 1; j < len(all) && all[j].from < all[i].to; j++ {
			for _, n := range []int{all[i].cell, all[j].cell} {
				if n >= 0 {
					bad[n] = true
				}
			}
		}
	}
	return bad
}

// cell reads what stands in front of a payload. ok says that the cell ends in the page.
func (p *Page) cell(at int) (c cell, ok bool) {
	c.from = at
	if p.Kind.Interior() {
		if at+4 > len(p.b) {
			return c, false
		}
		c.child = binary.BigEndian.Uint32(p.b[at:])
		at += 4
	}
	if p.Kind != TableInterior {
		size, n := varint(p.b[min(at, len(p.b)):])
		if n == 0 || size < 0 || size > maxPayload {
			return c, false
		}
		c.size, at = int(size), at+n
	}
	if p.Kind.Table() {
		rowid, n := varint(p.b[min(at, len(p.b)):])
		if n == 0 {
			return c, false
		}
		c.rowid, at = rowid, at+n
	}
	c.payload, c.local = at, p.local(c.size)
	c.to = at + c.local
	if c.local < c.size {
		c.to += 4
	}
	c.to = max(c.to, c.from+4)
	return c, c.to <= len(p.b)
}

// mostLocal is how large a row of a table is at most that stands in a page of a size. The end of a larger one is on other pages.
func mostLocal(page int) int { return page - 35 }

// local is how many bytes of a payload stand in the page.
func (p *Page) local(size int) int {
	most := mostLocal(len(p.b))
	if p.Kind != TableLeaf {
		most = (len(p.b)-12)*64/255 - 23
	}
	if size <= most {
		return size
	}
	least := (len(p.b)-12)*32/255 - 23
	if n := least + (size-least)%(len(p.b)-4); n <= most {
		return n
	}
	return least
}
