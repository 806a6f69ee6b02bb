package influx

import (
	"math"
	"strings"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// Decode gives back the point of a class that was written at a time, in nanoseconds since 1970. value returns what
// InfluxDB holds in a column as float64, int64, bool or string, nil where it holds nothing. Other programs may write
// into the same measurement: columns that they leave out, or fill with another type, count as absent.
//
// Points of metrics and outcomes do not hold [monitor.Record.Received], which is zero then.
func Decode(class monitor.Class, ns int64, value func(column string) any) *monitor.Point {
	p := newPoint(class)
	if at := instant(p); at != nil {
		at.UTC = ns
	}
	for _, c := range columns(nil, p) {
		c.read(value)
	}
	if p.Session != nil {
		p.Session.Tags = wire.ParseDescription(p.Session.Description)
	}
	return p
}

// newPoint returns an empty point of a class.
func newPoint(class monitor.Class) *monitor.Point {
	p := &monitor.Point{Record: &monitor.Record{}}
	switch class {
	case monitor.ClassContext:
		p.Context = &monitor.Context{}
	case monitor.ClassSession:
		p.Session = &monitor.Session{}
	case monitor.ClassOutcome:
		p.Outcome = &monitor.Outcome{}
	default:
		p.Metric = &monitor.Metric{}
	}
	return p
}

// read sets the record's value. It is the reverse of [line.column].
func (c column) read(value func(column string) any) {
	v := value(c.name)
	switch at := c.at.(type) {
	case tag:
		if raw, ok := value(c.name + rawSuffix).(string); ok {
			v = raw
		}
		*at = textOf(v)
	case *string:
		*at = textOf(v)
	case optional:
		*at = textOf(v)
	case *monitor.Text:
		_, ok := v.(string)
		*at = monitor.Text{String: textOf(v), Null: !ok}
	case *float64:
		*at = floatOf(v)
	case *int64:
		*at, _ = v.(int64)
	case ofEnd:
		column{c.name, at.at}.read(value)
	case *int32:
		n, _ := v.(int64)
		*at = int32(n)
	case *bool:
		*at, _ = v.(bool)
	case *time.Time:
		if ns, ok := v.(int64); ok {
			*at = time.Unix(0, ns).UTC()
		}
	}
}

func textOf(v any) string {
	s, _ := v.(string)
	return monitor.DecodeText(s)
}

func floatOf(v any) float64 {
	if f, ok := v.(float64); ok {
		return f
	}
	return math.NaN()
}

// selection returns the columns of a class as a query selects them, each with its type. Without the types, points of
// other programs could decide of which type a column is read.
func selection(class monitor.Class) string {
	var all []string
	for _, c := range columns(nil, newPoint(class)) {
		kind := "string"
		if of, ok := c.at.(ofEnd); ok {
			c.at = of.at
		}
		switch c.at.(type) {
		case tag:
			all = append(all, `"`+c.name+`"::tag`)
			c.name += rawSuffix
		case *float64:
			kind = "float"
		case *int64, *int32, *time.Time:
			kind = "integer"
		case *bool:
			kind = "boolean"
		}
		all = append(all, `"`+c.name+`"::`+kind)
	}
	return strings.Join(all, ", ")
}
