package sqlite

import "errors"

// maxRead is how many bytes of records of one class are read at a time. One record more is read, so that a large record
// is read at all. A limit on the number of records does not bound memory, since a record can be as large as a request
// body.
const maxRead = 8 << 20

// errEnough ends a reading when its budget is spent.
var errEnough = errors.New("enough was read")

// budget is how many bytes may still be read. A nil budget has no limit.
type budget int

// spend subtracts bytes that were read. It returns errEnough when nothing is left.
func (b *budget) spend(bytes int) error {
	if b == nil {
		return nil
	}
	if *b -= budget(bytes); *b <= 0 {
		return errEnough
	}
	return nil
}

// firstWithinBudget returns as many of the first rows as have about maxRead bytes, and at least one row. Rows that share a
// text count it each, since a delivery has it as often.
func firstWithinBudget(rows []metricRow) []metricRow {
	left := budget(maxRead)
	for i, row := range rows {
		if left.spend(row.rec.Size()) != nil {
			return rows[:i+1]
		}
	}
	return rows
}
