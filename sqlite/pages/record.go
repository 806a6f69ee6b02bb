package pages

import (
	"encoding/binary"
	"math"
)

// maxPayload is the most bytes of a row.
const maxPayload = 1_000_000_000

// Row is a row of a table or an entry of an index.
type Row struct {
	Rowid  int64 // 0 in an index
	Values []any // nil, int64, float64, string or []byte
}

// varint reads a number of one to nine bytes. n is 0 when b ends before the number does.
func varint(b []byte) (v int64, n int) {
	var u uint64
	for i := range min(len(b), 9) {
		if i == 8 {
			return int64(u<<8 | uint64(b[i])), 9
		}
		u = u<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return int64(u), i + 1
		}
	}
	return 0, 0
}

// decode reads the values of a row. The payload must have just these values.
func decode(payload []byte) (values []any, ok bool) {
	size, n := varint(payload)
	if n == 0 || size < int64(n) || size > int64(len(payload)) {
		return nil, false
	}
	head, body := payload[n:size], payload[size:]
	for len(head) > 0 {
		kind, n := varint(head)
		if n == 0 {
			return nil, false
		}
		v, used, ok := value(kind, body)
		if !ok {
			return nil, false
		}
		values, head, body = append(values, v), head[n:], body[used:]
	}
	return values, len(body) == 0
}

// value reads one value of a kind that the head of a row names.
func value(kind int64, b []byte) (v any, used int, ok bool) {
	switch {
	case kind == 0:
		return nil, 0, true
	case kind == 8 || kind == 9:
		return kind - 8, 0, true
	case kind >= 1 && kind <= 7:
		used = [...]int{0, 1, 2, 3, 4, 6, 8, 8}[kind]
	case kind >= 12:
		used = int(min((kind-12)/2, maxPayload+1))
	default:
		return nil, 0, false
	}
	if used > len(b) {
		return nil, 0, false
	}
	b = b[:used]
	switch {
	case kind == 7:
		return math.Float64frombits(binary.BigEndian.Uint64(b)), used, true
	case kind < 7:
		n := int64(int8(b[0]))
		for _, c := range b[1:] {
			n = n<<8 | int64(c)
		}
		return n, used, true
	case kind%2 == 1:
		return string(b), used, true
	}
	return append([]byte{}, b...), used, true
}

// Rows returns the rows of a page, in the order of their keys. bad is the number of rows that cannot be read. all says
// that the page has no other rows, as far as it tells.
func (f *File) Rows(p *Page) (rows []Row, bad int, all bool) {
	cells, all := p.cells()
	if p.Kind == TableInterior {
		return nil, 0, all
	}
	if p.Kind != 0 {
		bad = max(int(binary.BigEndian.Uint16(p.b[p.header+3:]))-len(cells), 0)
		bad = min(bad, len(p.b)/4)
	}
	for _, c := range cells {
		payload, ok := f.payload(p, c)
		if ok {
			var values []any
			if values, ok = decode(payload); ok {
				rows = append(rows, Row{Rowid: c.rowid, Values: values})
			}
		}
		if !ok {
			bad++
		}
	}
	return rows, bad, all && bad == 0
}

// payload returns the whole payload of a cell. Its chain of overflow pages must have just as many pages as the payload
// needs.
func (f *File) payload(p *Page, c cell) ([]byte, bool) {
	local := p.b[c.payload : c.payload+c.local]
	if c.local == c.size {
		return local, true
	}
	each := f.PageSize - 4
	if (c.size-c.local+each-1)/each > int(f.Count) {
		return nil, false
	}
	all := append([]byte{}, local...)
	next := binary.BigEndian.Uint32(p.b[c.payload+c.local:])
	for len(all) < c.size {
		o := f.Read(next)
		if o == nil {
			return nil, false
		}
		all = append(all, o.b[4:min(f.PageSize, 4+c.size-len(all))]...)
		next = binary.BigEndian.Uint32(o.b)
	}
	return all, next == 0
}
