package sqlite

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"pymon-bridge/monitor"
)

// smallReport is the size of JSON in bytes up to which compression is not worth it.
const smallReport = 1024

// encodeReport returns a report as it is kept: as JSON, compressed when it is large. Reports that say the same have the
// same bytes.
func encodeReport(r *monitor.Report) ([]byte, error) {
	kept := *r
	kept.Sessions, kept.Results, kept.Suite.Machines = listed(r.Sessions), listed(r.Results), listed(r.Suite.Machines)
	content, err := encodeTexts(kept)
	if err != nil {
		return nil, fmt.Errorf("encode the report on run %q: %w", r.Run, err)
	}
	return content, nil
}

// listed returns a list that is [] in JSON and not null when it is empty.
func listed[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// decodeReport reads what encodeReport made.
func decodeReport(stored []byte) (*monitor.Report, error) {
	r := new(monitor.Report)
	if err := decodeTexts(stored, r); err != nil {
		return nil, fmt.Errorf("decode a report: %w", err)
	}
	return r, nil
}

// gzipMagic is the beginning of compressed content.
const gzipMagic = "\x1f\x8b"

// compress compresses large content.
func compress(content []byte) ([]byte, error) {
	if len(content) <= smallReport {
		return content, nil
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		_, err = z.Write(content)
	}
	if err == nil {
		err = z.Close()
	}
	return b.Bytes(), err
}

func decompress(stored []byte) ([]byte, error) {
	if !bytes.HasPrefix(stored, []byte(gzipMagic)) {
		return stored, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(stored))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// escaped marks a text that JSON cannot hold. U+FFFE is not a character, so no usual text begins with it.
const escaped = "\ufffe"

// escape turns any text into valid UTF-8. The names of tests can have bytes that are not UTF-8: see package monitor.
func escape(s string) string {
	if utf8.ValidString(s) && !strings.HasPrefix(s, escaped) {
		return s
	}
	return escaped + base64.StdEncoding.EncodeToString([]byte(s))
}

// unescape is the inverse of escape.
func unescape(s string) string {
	coded, ok := strings.CutPrefix(s, escaped)
	if !ok {
		return s
	}
	b, err := base64.StdEncoding.DecodeString(coded)
	if err != nil {
		return s // not from escape
	}
	return string(b)
}

// encodeTexts returns a structure as it is kept: see [encodeReport].
func encodeTexts(of any) ([]byte, error) {
	kept := reflect.New(reflect.TypeOf(of))
	kept.Elem().Set(reflect.ValueOf(of))
	mapTexts(kept.Elem(), escape)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(kept.Interface()); err != nil {
		return nil, err
	}
	return compress(b.Bytes())
}

// decodeTexts reads what encodeTexts made.
func decodeTexts(stored []byte, into any) error {
	content, err := decompress(stored)
	if err != nil {
		return fmt.Errorf("decompress: %w", err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return err
	}
	mapTexts(reflect.ValueOf(into).Elem(), unescape)
	return nil
}

// mapTexts replaces each text in a value by f of the text. What the value points to stays as it is, since others may have it too.
// Maps stay: their keys are names of this program, and their values are numbers.
func mapTexts(v reflect.Value, f func(string) string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(f(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			own := reflect.New(v.Type().Elem())
			own.Elem().Set(v.Elem())
			mapTexts(own.Elem(), f)
			v.Set(own)
		}
	case reflect.Slice:
		if !v.IsNil() {
			own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(own, v)
			for i := range own.Len() {
				mapTexts(own.Index(i), f)
			}
			v.Set(own)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() { // the fields of a time cannot be set
				mapTexts(v.Field(i), f)
			}
		}
	}
}
