package main

import (
	"context"
	"io"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/lmittmann/tint"
)

// peopleLog is a log for a person at a terminal. It leaves out what is empty or zero, rounds numbers, and shows the address of a
// run's page in place of the run's id.
type peopleLog struct {
	next  slog.Handler
	attrs []slog.Attr
	page  *atomic.Pointer[pageOf]
}

// pageOf returns the address of the page of a run.
type pageOf func(project, run string) string

// newPeopleLog returns a log that writes to w. It shows pages of runs from the time on when page has a function.
func newPeopleLog(w io.Writer, level slog.Leveler, colour bool, page *atomic.Pointer[pageOf]) slog.Handler {
	return &peopleLog{page: page, next: tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !colour})}
}

// Enabled implements [slog.Handler].
func (p *peopleLog) Enabled(ctx context.Context, l slog.Level) bool { return p.next.Enabled(ctx, l) }

// WithAttrs implements [slog.Handler].
func (p *peopleLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &peopleLog{next: p.next, attrs: slices.Concat(p.attrs, attrs), page: p.page}
}

// WithGroup implements [slog.Handler].
func (p *peopleLog) WithGroup(name string) slog.Handler {
	return &peopleLog{next: p.next.WithAttrs(p.attrs).WithGroup(name), page: p.page}
}

// Handle implements [slog.Handler].
func (p *peopleLog) Handle(ctx context.Context, r slog.Record) error {
	attrs := slices.Clone(p.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	of := func(key string) int { return slices.IndexFunc(attrs, func(a slog.Attr) bool { return a.Key == key }) }
	if page, run, project := p.page.Load(), of("run"), of("project"); page != nil && run >= 0 && project >= 0 {
		attrs = append(attrs, slog.String("page", (*page)(attrs[project].Value.String(), attrs[run].Value.String())))
		attrs = slices.Delete(attrs, run, run+1)
	}
	short := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	for _, a := range attrs {
		if value := a.Value.Resolve(); !isZero(value) {
			short.AddAttrs(slog.Attr{Key: a.Key, Value: rounded(a.Key, value)})
		}
	}
	return p.next.Handle(ctx, short)
}

func isZero(v slog.Value) bool {
	any := reflect.ValueOf(v.Any())
	return !any.IsValid() || any.IsZero()
}

// rounded returns a value as people read it: numbers in three digits, and the first digits of a commit.
func rounded(key string, v slog.Value) slog.Value {
	const digits, hash = 3, 10
	switch {
	case key == "commit" && v.Kind() == slog.KindString && len(v.String()) > hash:
		return slog.StringValue(v.String()[:hash] + "…")
	case v.Kind() == slog.KindDuration:
		return slog.DurationValue(v.Duration().Round(time.Millisecond))
	case v.Kind() != slog.KindFloat64:
		return v
	}
	f := v.Float64()
	scale := math.Pow(10, math.Max(0, digits-1-math.Floor(math.Log10(math.Abs(f)))))
	return slog.StringValue(strconv.FormatFloat(math.Round(f*scale)/scale, 'f', -1, 64))
}
