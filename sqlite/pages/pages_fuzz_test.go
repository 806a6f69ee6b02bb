package pages_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/sqlite/pages"
)

const size = 512

// tree is a file of two tables: one with an interior page, and one with a row of two overflow pages.
func tree() []byte {
	b := make([]byte, 8*size)
	copy(b, "SQLite format 3\x00\x02\x00")
	page := func(n int) []byte { return b[(n-1)*size:][:size] }
	put := func(p []byte, header int, kind byte, cells ...[]byte) {
		p[header] = kind
		binary.BigEndian.PutUint16(p[header+3:], uint16(len(cells)))
		at, pointers := size, header+8
		if kind == 5 {
			pointers += 4
		}
		for i, c := range cells {
			at -= len(c)
			copy(p[at:], c)
			binary.BigEndian.PutUint16(p[pointers+2*i:], uint16(at))
		}
		binary.BigEndian.PutUint16(p[header+5:], uint16(at))
	}
	row := func(id byte, text string) []byte { // of one text
		return slices.Concat([]byte{byte(len(text) + 2), id, 2, byte(13 + 2*len(text))}, []byte(text))
	}
	put(page(1), 100, 13, row(1, "root"))
	put(page(3), 0, 5, []byte{0, 0, 0, 4, 2})
	binary.BigEndian.PutUint32(page(3)[8:], 5)
	put(page(4), 0, 13, row(1, "one"), row(2, "two"))
	put(page(5), 0, 13, row(3, "three"))
	// A text of 1000 bytes: 39 bytes of its row stand in the page, 508 in one overflow page and 456 in another.
	put(page(6), 0, 13, slices.Concat([]byte{0x87, 0x6b, 9, 3, 0x8f, 0x5d}, bytes.Repeat([]byte("x"), 36), []byte{0, 0, 0, 7}))
	binary.BigEndian.PutUint32(page(7), 8)
	copy(page(7)[4:], bytes.Repeat([]byte("y"), 508))
	copy(page(8)[4:], bytes.Repeat([]byte("z"), 508))
	return b
}

// all reads everything that roots lead to.
func all(t testing.TB, b []byte) (texts []string, whole bool) {
	f, err := pages.New(bytes.NewReader(b), int64(len(b)), pages.Log{PageSize: size})
	require.NoError(t, err)
	seen := pages.Seen{}
	whole = true
	for root := uint32(1); root <= f.Count; root++ {
		if seen[root] {
			continue
		}
		for _, table := range []bool{true, false} {
			ok, err := f.Walk(root, table, seen, func(l pages.Leaf) error {
				rows, bad, _ := f.Rows(l.Page)
				assert.LessOrEqual(t, len(rows)+bad, size)
				for _, r := range rows {
					for _, v := range r.Values {
						if s, ok := v.(string); ok {
							assert.LessOrEqual(t, len(s), len(b), "no value is larger than the file")
							texts = append(texts, s)
						}
					}
				}
				return nil
			})
			require.NoError(t, err)
			whole = whole && ok
		}
		f.RootOf(root)
		f.Free(root)
	}
	assert.LessOrEqual(t, len(seen), int(f.Count), "each page is read once")
	for at := 0; at+size <= len(b); at += size {
		page := b[at : at+size]
		for _, wanted := range []pages.Rowids{{First: 0, Last: 9}, pages.RowidsOf([]int64{2, 3, 9})} {
			pages.Below(page, pages.Root(1), wanted)
			pages.EachRow(page, pages.Root(1), wanted, func(_ int64, c *pages.Columns) {
				if c == nil {
					return
				}
				c.Skip(1)
				c.Int()
				c.Float()
				c.Text("")
			})
		}
	}
	n, _ := f.ReadAt(make([]byte, len(b)+size), 0)
	assert.LessOrEqual(t, n, len(b)+size)
	return texts, whole
}

func TestWalkReadsTreesAndOverflow(t *testing.T) {
	f, err := pages.New(bytes.NewReader(tree()), 8*size, pages.Log{PageSize: size})
	require.NoError(t, err)
	var rows []pages.Row
	whole, err := f.Walk(3, true, pages.Seen{}, func(l pages.Leaf) error {
		more, bad, all := f.Rows(l.Page)
		assert.Zero(t, bad)
		assert.True(t, all)
		rows = append(rows, more...)
		return nil
	})
	require.NoError(t, err)
	assert.True(t, whole)
	assert.Contains(t, texts(t), strings.Repeat("x", 36)+strings.Repeat("y", 508)+strings.Repeat("z", 456))
	assert.Equal(t, []pages.Row{{1, []any{"one"}}, {2, []any{"two"}}, {3, []any{"three"}}}, rows)
}

func texts(t *testing.T) []string {
	found, _ := all(t, tree())
	return found
}

// The pointers of trees and of overflow pages lead in circles.
func TestCirclesEnd(t *testing.T) {
	b := tree()
	binary.BigEndian.PutUint32(b[2*size+8:], 3) // the page is its own child
	binary.BigEndian.PutUint32(b[7*size:], 7)   // overflow pages follow each other
	texts, whole := all(t, b)
	assert.Equal(t, []string{"root", "one", "two", "three"}, texts, "not the row whose pages lead in a circle")
	assert.False(t, whole)
}

func FuzzPages(f *testing.F) {
	f.Add(tree())
	f.Add([]byte{})
	b := tree()
	clear(b[:100])
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 64*size {
			return
		}
		all(t, b)
	})
}
