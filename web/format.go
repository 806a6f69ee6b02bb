package web

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"pymon-bridge/monitor"
)

// table is the data of a page as CSV.
type table struct {
	Header []string
	Rows   [][]string
}

func (a *answer) json(v *view) error {
	a.contentType = "application/json"
	e := json.NewEncoder(a.body)
	e.SetEscapeHTML(false)
	return e.Encode(v.Data)
}

func (a *answer) csv(v *view) error {
	if v.Table == nil {
		return &monitor.Error{Code: monitor.EInvalid, Message: "this page has no table",
			Fields: map[string]string{"format": "expected json"}}
	}
	a.contentType = "text/csv; charset=utf-8; header=present"
	t, w := v.Table(), csv.NewWriter(a.body)
	w.UseCRLF = true // as RFC 4180 has it
	if err := w.Write(t.Header); err != nil {
		return err
	}
	for _, row := range t.Rows {
		for i, cell := range row {
			row[i] = plainCell(cell)
		}
	}
	return w.WriteAll(t.Rows)
}

// plainCell returns a text that spreadsheets take for no formula. Names of tests come from anybody who may post. Invalid UTF-8 becomes
// U+FFFD, because readers of CSV would refuse the whole file.
func plainCell(cell string) string {
	cell = strings.ToValidUTF8(cell, "\uFFFD")
	if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil { // a number may have a sign
		return cell
	}
	return "'" + cell
}

func acceptsGzip(r *http.Request) bool {
	for clause := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(clause), ";")
		if strings.EqualFold(coding, "gzip") && strings.ReplaceAll(params, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// packing is the effort of compression. The usual effort takes twice as long and makes pages a twelfth smaller.
const packing = 2

// packers are writers for use again, since one takes 800 kB.
var packers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, packing)
	if err != nil {
		panic(err) // there is no such effort
	}
	return z
}}

func compress(body []byte) []byte {
	var b bytes.Buffer
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	z.Reset(&b)
	_, _ = z.Write(body) // a buffer never fails
	_ = z.Close()
	return b.Bytes()
}
