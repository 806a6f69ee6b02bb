package sqlite

import (
	"pymon-bridge/sqlite/pages"
)

// The ranks of rows, the most trustworthy first. When two rows have the same key, the first one stays.
const (
	rankOrdered = iota // the row stands where its key belongs
	rankLinked         // other pages lead to its page
	rankAlone          // nothing leads to its page
	ranks
	rankNone // its key is wrong
)

// rankRows returns the ranks of the rows of a page. The order of keys shows that a key is wrong when the rows before and
// behind it are in order.
func rankRows(rows []pages.Row, f foundPage, rowids bool) []int {
	all := make([]int, len(rows))
	for i := range rows {
		before := func(n int) (int64, bool) {
			if i-n < 0 {
				return 0, false
			}
			return rows[i-n].Rowid, true
		}
		behind := func(n int) (int64, bool) {
			if i+n >= len(rows) {
				return 0, false
			}
			return rows[i+n].Rowid, true
		}
		id := rows[i].Rowid
		b1, hasB1 := before(1)
		b2, hasB2 := before(2)
		n1, hasN1 := behind(1)
		n2, hasN2 := behind(2)
		wrong := hasB1 && hasN1 && b1 < n1 && (id <= b1 || id >= n1) ||
			!hasB1 && hasN2 && id >= n1 && n1 < n2 || !hasN1 && hasB2 && id <= b1 && b2 < b1
		switch {
		case rowids && wrong:
			all[i] = rankNone
		case !f.linked:
			all[i] = rankAlone
		case rowids && (id <= f.after || id > f.top):
			all[i] = rankLinked
		}
	}
	return all
}
