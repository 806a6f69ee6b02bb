package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lmittmann/tint"

	"pymon-bridge/report"
)

// peopleLog is a log for a person at a terminal. It leaves out what is empty or zero, rounds numbers, and leaves out the id of a
// run whose page is there.
type peopleLog struct {
	next  slog.Handler
	attrs []slog.Attr
}

// newPeopleLog returns a log that writes to w.
func newPeopleLog(w io.Writer, level slog.Leveler, colour bool) slog.Handler {
	return &peopleLog{next: tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !colour})}
}

// Enabled implements [slog.Handler].
func (p *peopleLog) Enabled(ctx context.Context, l slog.Level) bool { return p.next.Enabled(ctx, l) }

// WithAttrs implements [slog.Handler].
func (p *peopleLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &peopleLog{next: p.next, attrs: slices.Concat(p.attrs, attrs)}
}

// WithGroup implements [slog.Handler].
func (p *peopleLog) WithGroup(name string) slog.Handler {
	return &peopleLog{next: p.next.WithAttrs(forPeople(p.attrs)).WithGroup(name)}
}

// Handle implements [slog.Handler].
func (p *peopleLog) Handle(ctx context.Context, r slog.Record) error {
	attrs := slices.Clone(p.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	of := func(key string) int { return slices.IndexFunc(attrs, func(a slog.Attr) bool { return a.Key == key }) }
	if run := of("run"); run >= 0 && of("page") >= 0 {
		attrs = slices.Delete(attrs, run, run+1)
	}
	short := slog.NewRecord(r.Time, r.Level, report.Printable(r.Message), r.PC)
	short.AddAttrs(forPeople(attrs)...)
	return p.next.Handle(ctx, short)
}

// forPeople returns attributes as they are shown.
func forPeople(attrs []slog.Attr) (shown []slog.Attr) {
	for _, a := range attrs {
		if value := a.Value.Resolve(); !isZero(value) {
			shown = append(shown, slog.Attr{Key: a.Key, Value: printable(rounded(a.Key, value))})
		}
	}
	return shown
}

// printable returns a value that shows nothing but what is printed. A client sends texts, and an error may quote them.
func printable(v slog.Value) slog.Value {
	var text string
	switch v.Kind() {
	case slog.KindGroup:
		return slog.GroupValue(forPeople(v.Group())...)
	case slog.KindString:
		text = v.String()
	case slog.KindAny:
		if bytes, ok := v.Any().([]byte); ok {
			text = string(bytes)
		} else {
			text = fmt.Sprint(v.Any())
		}
	default:
		return v
	}
	if text = report.Printable(text); strings.Contains(text, `\`) {
		return slog.AnyValue([]byte(text)) // of a quoted string the handler makes escape sequences again
	}
	return slog.StringValue(text)
}

func isZero(v slog.Value) bool {
	any := reflect.ValueOf(v.Any())
	return !any.IsValid() || any.IsZero()
}

// rounded returns a value as people read it: numbers in three digits or so, and the first digits of a commit.
func rounded(key string, v slog.Value) slog.Value {
	const hash = 10
	switch {
	case key == "commit" && v.Kind() == slog.KindString && len(v.String()) > hash:
		return slog.StringValue(v.String()[:hash] + "…")
	case v.Kind() == slog.KindDuration:
		unit := time.Millisecond
		for unit > v.Duration().Abs() {
			unit /= 1000
		}
		return slog.DurationValue(v.Duration().Round(unit))
	case v.Kind() == slog.KindFloat64:
		return slog.StringValue(threeDigits(v.Float64()))
	}
	return v
}

// threeDigits returns a number in three digits, or in more if it has more before the point.
func threeDigits(f float64) string {
	short := strconv.FormatFloat(f, 'g', 3, 64)
	switch a := math.Abs(f); {
	case a >= 100 && a < 1e15:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case a >= 1e-6 && a < 100:
		if f, err := strconv.ParseFloat(short, 64); err == nil {
			return strconv.FormatFloat(f, 'f', -1, 64)
		}
	}
	return short
}
