package pages

import (
	"encoding/binary"
	"math"
)

// maxDepth is how many pages stand above one another in a tree at most.
const maxDepth = 20

// Seen has the pages that walks have reached. Trees share no pages.
type Seen map[uint32]bool

// Leaf is a page of a tree that has rows: a leaf, or an interior page of an index.
type Leaf struct {
	Page       *Page
	After, Top int64 // rowids are greater than After, and Top at most, as the pages above say
	Contested  bool  // the file says elsewhere that this page is free, or belongs to another page
}

// Walk calls visit for each page that has rows and can be reached from a root, in the order of the keys. table says
// whether it is the tree of a table with rowids. whole is false when a part of the tree may be out of reach.
func (f *File) Walk(root uint32, table bool, seen Seen, visit func(Leaf) error) (whole bool, err error) {
	w := walk{file: f, table: table, seen: seen, visit: visit, whole: true}
	err = w.page(root, 0, Leaf{After: math.MinInt64, Top: math.MaxInt64}, 0)
	return w.whole, err
}

type walk struct {
	file  *File
	table bool
	seen  Seen
	visit func(Leaf) error
	whole bool
}

func (w *walk) page(number, parent uint32, leaf Leaf, depth int) error {
	p := w.file.Read(number)
	if p == nil || p.Kind == 0 || p.Kind.Table() != w.table || depth > maxDepth || w.seen[number] {
		w.whole = false
		return nil
	}
	w.seen[number] = true
	leaf.Page, leaf.Contested = p, leaf.Contested || w.file.contests(number, parent)
	if !p.Kind.Interior() {
		return w.visit(leaf)
	}
	if !w.table {
		if err := w.visit(leaf); err != nil {
			return err
		}
	}
	cells, all := p.cells()
	w.whole = w.whole && all
	top := leaf.Top
	for _, c := range cells {
		leaf.Top = c.rowid
		if w.table && (c.rowid <= leaf.After || c.rowid > top) {
			w.whole = false
		}
		if err := w.page(c.child, number, leaf, depth+1); err != nil {
			return err
		}
		leaf.After = c.rowid
	}
	leaf.Top = top
	return w.page(binary.BigEndian.Uint32(p.b[p.header+8:]), number, leaf, depth+1)
}
