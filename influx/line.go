package influx

import (
	"math"
	"strconv"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// line appends one point in line protocol to a buffer: measurement, tags in alphabetical order, fields, time.
type line struct {
	buf    []byte
	fields int
	raw    []column // texts that their tags do not give back
}

// start begins a point. The measurement is one of the constants of this package, which need no escaping.
func (l *line) start(measurement string) {
	l.buf = append(l.buf, measurement...)
	l.fields, l.raw = 0, l.raw[:0]
}

// column appends a tag or a field. What is absent has no field: a float that is NaN, a text that was null, an optional
// text that is empty, a flag that is not set, the zero time, and what belongs to an end before the session has ended.
func (l *line) column(c column) {
	switch at := c.at.(type) {
	case tag:
		l.tag(c.name, *at)
	case *string:
		l.text(c.name, *at)
	case *float64:
		l.float(c.name, *at)
	case *int64:
		l.integer(c.name, *at)
	case *int32:
		l.integer(c.name, int64(*at))
	case *monitor.Text:
		if !at.Null {
			l.text(c.name, at.String)
		}
	case optional:
		if *at != "" {
			l.text(c.name, *at)
		}
	case ofEnd:
		if at.session.Completion != monitor.CompletionUnknown {
			l.column(column{c.name, at.at})
		}
	case *bool:
		if *at {
			l.name(c.name)
			l.buf = append(l.buf, "true"...)
		}
	case *time.Time:
		if !at.IsZero() {
			l.integer(c.name, at.UnixNano())
		}
	}
}

// tag appends a tag with the encoding of text. The names of tags are constants that need no escaping.
func (l *line) tag(name, text string) {
	value, exact := EncodeTag(text)
	if !exact {
		raw := text // a copy, so that not every text goes to the heap
		l.raw = append(l.raw, column{name + rawSuffix, &raw})
	}
	l.buf = append(l.buf, ',')
	l.buf = append(l.buf, name...)
	l.buf = append(l.buf, '=')
	for {
		i := strings.IndexAny(value, ", =")
		if i < 0 {
			l.buf = append(l.buf, value...)
			return
		}
		l.buf = append(l.buf, value[:i]...)
		l.buf = append(l.buf, '\\', value[i])
		value = value[i+1:]
	}
}

// name begins a field.
func (l *line) name(name string) {
	sep := byte(',')
	if l.fields == 0 {
		sep = ' '
	}
	l.fields++
	l.buf = append(l.buf, sep)
	l.buf = append(l.buf, name...)
	l.buf = append(l.buf, '=')
}

// float appends a float field, and nothing where the value is absent: line protocol has no NaN.
func (l *line) float(name string, value float64) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	l.name(name)
	l.buf = strconv.AppendFloat(l.buf, value, 'g', -1, 64)
}

// integer appends an integer field.
func (l *line) integer(name string, value int64) {
	l.name(name)
	l.buf = strconv.AppendInt(l.buf, value, 10)
	l.buf = append(l.buf, 'i')
}

// text appends a string field with the encoding of value. That leaves no backslash, so that only quotes are escaped.
func (l *line) text(name, value string) {
	l.name(name)
	l.buf = append(l.buf, '"')
	if strings.Contains(value, `"`) {
		l.buf = append(l.buf, strings.ReplaceAll(monitor.EncodeText(value), `"`, `\"`)...)
	} else {
		l.buf = monitor.AppendEncoded(l.buf, value)
	}
	l.buf = append(l.buf, '"')
}

// end finishes the point with the texts that its tags do not give back and its time in nanoseconds since 1970.
func (l *line) end(ns int64) {
	for _, c := range l.raw {
		l.column(c)
	}
	l.buf = append(l.buf, ' ')
	l.buf = strconv.AppendInt(l.buf, ns, 10)
}
