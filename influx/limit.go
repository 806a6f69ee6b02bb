package influx

import (
	"fmt"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// The limits of InfluxDB v2 that a point can exceed.
const (
	maxSeriesKey = 65_535    // bytes of measurement and tags in line protocol, separator and field name
	separator    = 4         // bytes between a series key and a field name
	maxString    = 1_048_576 // bytes of one string field
)

// Limit implements [monitor.Sink]. It knows the retention of a bucket from the first delivery or Ensure on, where
// the token may read about buckets.
func (w *Writer) Limit(p *monitor.Point) string {
	if limit := w.bucket(p.Class()).outside(Time(p)); limit != "" {
		return limit
	}
	if size(p) <= maxSeriesKey {
		return "" // nothing in it can be above a limit
	}
	return lengthLimit(string(AppendLine(nil, p)))
}

// outside says that a time, in nanoseconds since 1970, is before what the bucket keeps; "" where it is not.
func (b *bucket) outside(ns int64) string {
	oldest, retention, ok := b.oldest()
	at := time.Unix(0, ns).UTC()
	if !ok || !at.Before(oldest) {
		return ""
	}
	return fmt.Sprintf("outside retention: its time %s is more than the %s ago that bucket %q keeps",
		at.Format(time.RFC3339), retention, b.name)
}

// size returns an upper bound of the bytes of p's series key, and of each of its strings, without encoding them: each
// byte of a text becomes three at most.
func size(p *monitor.Point) int {
	n := 1024 // names, numbers and what is cut
	var room [maxColumns]column
	for _, c := range columns(room[:0], p) {
		if of, ok := c.at.(ofEnd); ok {
			c.at = of.at
		}
		switch at := c.at.(type) {
		case tag:
			n += 3 * len(*at)
		case *string:
			n += 3 * len(*at)
		case optional:
			n += 3 * len(*at)
		case *monitor.Text:
			n += 3 * len(at.String)
		}
	}
	return n
}

// lengthLimit names the limit that a line of line protocol exceeds, "" if none.
func lengthLimit(line string) string {
	key := 0 // ends at the first space that is not escaped
	for key < len(line) && line[key] != ' ' {
		if line[key] == '\\' {
			key++
		}
		key++
	}
	for rest := line[min(key, len(line)):]; ; {
		before, after, ok := strings.Cut(rest, `="`)
		if !ok {
			return ""
		}
		name := before[strings.LastIndexAny(before, ", ")+1:]
		if n := key + separator + len(name); n > maxSeriesKey {
			return fmt.Sprintf("series key too long: %d bytes with field %s, InfluxDB takes %d", n, name, maxSeriesKey)
		}
		length, end := stringField(after)
		if length > maxString {
			return fmt.Sprintf("string too long: %s has %d bytes when encoded, InfluxDB takes %d", name, length, maxString)
		}
		rest = after[end:]
	}
}

// stringField returns the length of the string that s begins with, without the backslashes of quotes, and where it
// ends: after its closing quote.
func stringField(s string) (length, end int) {
	for end < len(s) && s[end] != '"' {
		if s[end] == '\\' {
			end++
		}
		end++
		length++
	}
	return length, min(end+1, len(s))
}
