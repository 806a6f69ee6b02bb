package influx

import (
	"errors"
	"io"
	"strings"

	"github.com/tinylib/msgp/msgp"

	"pymon-bridge/monitor"
)

// row is one row of an answer. It is good until the next one is read.
type row struct {
	index  map[string]int // of the columns
	values []any          // float64, int64, bool, string or nil
}

// value returns what is in a column, nil where nothing is.
func (r row) value(column string) any {
	if i, ok := r.index[column]; ok && i < len(r.values) {
		return r.values[i]
	}
	return nil
}

// decoder reads an answer to InfluxQL in MessagePack: a sequence of objects, each of which has some more rows.
type decoder struct {
	*msgp.Reader
	row   row
	visit func(row) error
	more  bool // InfluxDB said that more rows follow
	depth int  // objects that are being read
}

// maxDepth is how deep objects lie in each other: answer, result, series.
const maxDepth = 3

// decodeRows hands each row of an answer to visit. Only one row is in memory at a time. It stops at the first error.
func decodeRows(body io.Reader, visit func(row) error) error {
	d := decoder{Reader: msgp.NewReaderSize(body, 64<<10), visit: visit}
	d.SetMaxStringLength(maxString) // memory for a text is asked for before it is read
	for {
		if _, err := d.NextType(); errors.Is(err, io.EOF) && !d.more {
			return nil
		}
		if err := d.object(); errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
	}
}

// object reads an object: an answer, a result in it, or a series in that.
func (d *decoder) object() error {
	if d.depth++; d.depth > maxDepth {
		return monitor.Errorf(monitor.EUnavailable, "InfluxDB's answer has objects more than %d deep", maxDepth)
	}
	defer func() { d.depth-- }()
	n, err := d.ReadMapHeader()
	for ; n > 0 && err == nil; n-- {
		var key string
		if key, err = d.ReadString(); err == nil {
			err = d.member(key)
		}
	}
	return err
}

func (d *decoder) member(key string) (err error) {
	switch key {
	case "results":
		d.more = false
		return d.array(d.object)
	case "series":
		return d.array(d.object)
	case "columns":
		d.row.index = map[string]int{}
		return d.array(d.column)
	case "values":
		return d.array(d.next)
	case "partial":
		d.more, err = d.ReadBool()
		return err
	case "error":
		message, err := d.ReadString()
		if err != nil {
			return err
		}
		if strings.Contains(message, "database not found") || strings.Contains(message, "retention policy not set") {
			return monitor.Errorf(monitor.ENotFound, "%s", message)
		}
		return monitor.Errorf(monitor.EUnavailable, "InfluxDB broke off its answer: %s", message)
	default:
		return d.Skip()
	}
}

func (d *decoder) array(element func() error) error {
	n, err := d.ReadArrayHeader()
	for ; n > 0 && err == nil; n-- {
		err = element()
	}
	return err
}

func (d *decoder) column() error {
	name, err := d.ReadString()
	d.row.index[name] = len(d.row.index)
	return err
}

// next reads a row and hands it over.
func (d *decoder) next() error {
	d.row.values = d.row.values[:0]
	if err := d.array(d.value); err != nil {
		return err
	}
	if len(d.row.values) != len(d.row.index) {
		return monitor.Errorf(monitor.EUnavailable, "InfluxDB's answer has a row of %d values for %d columns",
			len(d.row.values), len(d.row.index))
	}
	return d.visit(d.row)
}

// value reads a value. InfluxDB answers no lists, no maps and no bytes, and memory for them is asked for before they are read.
func (d *decoder) value() error {
	switch kind, err := d.NextType(); {
	case err != nil:
		return err
	case kind == msgp.ArrayType, kind == msgp.MapType, kind == msgp.BinType, kind == msgp.ExtensionType:
		return monitor.Errorf(monitor.EUnavailable, "InfluxDB's answer has a value of type %s", kind)
	}
	v, err := d.ReadIntf()
	d.row.values = append(d.row.values, v)
	return err
}
