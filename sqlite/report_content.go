package sqlite

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"reflect"
	"slices"
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
	kept.Sessions = append([]string{}, r.Sessions...)
	kept.Runs, kept.Branches = slices.Clone(r.Runs), slices.Clone(r.Branches)
	kept.LeftOut = slices.Clone(r.LeftOut)
	for i := range kept.LeftOut {
		l := &kept.LeftOut[i]
		l.Runs, l.Branches, l.Environments = slices.Clone(l.Runs), slices.Clone(l.Branches), slices.Clone(l.Environments)
	}
	kept.Results = append([]monitor.Result{}, r.Results...)
	kept.Retracted = append([]monitor.Result(nil), r.Retracted...)
	kept.Accepted = append([]monitor.ResultID(nil), r.Accepted...)
	kept.Suite.Machines = append([]monitor.Machine{}, r.Suite.Machines...)
	kept.Suite.Drift, kept.Parts = slices.Clone(r.Suite.Drift), slices.Clone(r.Parts)
	content, err := encodeTexts(&kept)
	if err != nil {
		return nil, fmt.Errorf("encode the report on run %q: %w", r.Run, err)
	}
	return content, nil
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

// mapTexts replaces each text in a value by f of the text. It leaves maps as they are: their keys are names of this
// program, and their values are numbers.
func mapTexts(v reflect.Value, f func(string) string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(f(v.String()))
	case reflect.Pointer:
		if !v.IsNil() { // others may have the same
			own := reflect.New(v.Type().Elem())
			own.Elem().Set(v.Elem())
			mapTexts(own.Elem(), f)
			v.Set(own)
		}
	case reflect.Slice:
		for i := range v.Len() {
			mapTexts(v.Index(i), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() { // the fields of a time cannot be set
				mapTexts(v.Field(i), f)
			}
		}
	}
}
