package main

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/lmittmann/tint"

	"pymon-bridge/report"
)

// newPeopleLog returns a log for a person at a terminal, which writes to w.
func newPeopleLog(w io.Writer, level slog.Leveler, colour bool) slog.Handler {
	return tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !colour, ReplaceAttr: forPeople})
}

// forPeople returns an attribute, or the message, as it is shown: nothing for what is empty or zero, and numbers rounded.
func forPeople(_ []string, a slog.Attr) slog.Attr {
	if _, level := a.Value.Any().(slog.Level); level {
		return a
	}
	if isZero(a.Value) {
		return slog.Attr{}
	}
	return slog.Attr{Key: a.Key, Value: printable(rounded(a.Key, a.Value))}
}

// printable returns a value that shows nothing but what is printed. A client sends texts, and an error may quote them.
func printable(v slog.Value) slog.Value {
	var text string
	switch v.Kind() {
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
