package influx

import (
	"math"
	"slices"

	"github.com/tinylib/msgp/msgp"
)

// values reads one row and hands it over.
func (d *decoder) values() error {
	n, err := d.ReadArrayHeader()
	if err != nil {
		return err
	}
	d.row.fit(int(n))
	for i := range int(n) {
		if err := d.value(i); err != nil {
			return err
		}
	}
	return d.visit(&d.row)
}

// fit makes room for n values.
func (r *row) fit(n int) {
	if len(r.texts) != n {
		r.texts, r.floats = slices.Grow(r.texts[:0], n)[:n], slices.Grow(r.floats[:0], n)[:n]
	}
}

// value reads one value, as the number or the text that it is.
func (d *decoder) value(i int) error {
	kind, err := d.NextType()
	if err != nil {
		return err
	}
	text := d.row.texts[i]
	d.row.texts[i], d.row.floats[i] = nil, math.NaN()
	switch kind {
	case msgp.Float64Type:
		d.row.floats[i], err = d.ReadFloat64()
	case msgp.IntType, msgp.UintType:
		var n int64
		n, err = d.ReadInt64()
		if d.row.floats[i] = float64(n); i == 0 {
			d.row.time = n
		}
	case msgp.StrType:
		d.row.texts[i], err = d.ReadStringAsBytes(text[:0])
	default:
		err = d.Skip()
	}
	return err
}
