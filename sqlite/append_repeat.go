package sqlite

import (
	"encoding/binary"
	"time"

	"pymon-bridge/monitor"
)

// findRepeat looks for an equal metric at every offset that clocks have. The bridge learns a client's offset from its
// sessions. So a metric that comes again later may have been stored with another offset than it would get now.
// Metrics that stand elsewhere are found by their hash.
func (a *appender) findRepeat(r *newRow, start monitor.LocalTime) (decision, error) {
	first, last := ownTime(r, start.At(maxOffset)), ownTime(r, start.At(minOffset))
	if start.HasOffset {
		first = ownTime(r, start.At(start.Offset))
		last = first
	}
	repeat, err := a.compare(r, atOffsets+" CROSS JOIN metrics m INDEXED BY metrics_point", "m.series = ?1 AND m.utc_ns = found.ns",
		r.series, first, last)
	if err != nil || repeat.repeat {
		return repeat, err
	}
	return a.findDisplaced(r)
}

// atOffsets has the times from ?2 to ?3 at which the series ?1 has metrics, and which are whole seconds apart from ?2, as
// offsets are. It goes from each metric to the first one at or behind the next such time. So it reads few of many metrics
// that stand together.
const atOffsets = `(WITH RECURSIVE found (ns) AS (
	SELECT * FROM (SELECT utc_ns FROM metrics WHERE series = ?1 AND utc_ns >= ?2 ORDER BY utc_ns LIMIT 1)
	UNION ALL
	SELECT (SELECT utc_ns FROM metrics WHERE series = ?1
		AND utc_ns > found.ns + ((?2 - found.ns - 1) % 1000000000 + 1000000000) % 1000000000 ORDER BY utc_ns LIMIT 1)
	FROM found WHERE found.ns < ?3)
	SELECT ns FROM found WHERE ns <= ?3 AND (ns - ?2) % 1000000000 = 0) found`

// findDisplaced looks for an equal metric among those that do not stand at their own nanosecond.
func (a *appender) findDisplaced(r *newRow) (decision, error) {
	return a.compare(r, "clocks c CROSS JOIN metrics m ON m.seq = c.seq", "c.hash = ?", r.shortHash())
}

// findAt looks for an equal metric at a nanosecond that is taken, and among those that found theirs taken too.
func (a *appender) findAt(r *newRow, at monitor.Instant) (decision, error) {
	repeat, err := a.compare(r, "metrics m INDEXED BY metrics_point", "m.series = ? AND m.utc_ns = ?", r.series, at.UTC)
	if err != nil || repeat.repeat {
		return repeat, err
	}
	return a.findDisplaced(r)
}

// ownTime returns the nanosecond at which a metric stands when nothing is wrong with its clock, and nothing else stands there.
func ownTime(r *newRow, start monitor.Instant) int64 { return monitor.PointTime(start, r.hash) }

// shortHash is the beginning of the metric's hash, which tells it from nearly all others.
func (r *newRow) shortHash() int64 { return int64(binary.BigEndian.Uint64(r.hash[:8])) }

// The range of offsets that clocks have, in seconds, with one more hour on either side for daylight saving.
const (
	minOffset = -13 * 3600
	maxOffset = 15 * 3600
)

// crowd is a microsecond in which several rows of a series stand, in the table of a statement.
type crowd struct {
	insert         string
	series, micros int64
}

// room is what is known of a crowd: which nanoseconds are taken. It is a hint. A statement that stores a row decides.
type room struct {
	taken [1000]bool
	free  int
	next  int64 // the next microsecond that may have room, when this one has none
}

// mostCrowds bounds the memory for crowds.
const mostCrowds = 4096

// roomIn returns what is known of a crowd.
func (w *writer) roomIn(c crowd) *room {
	known := w.crowds[c]
	if known == nil {
		if len(w.crowds) >= mostCrowds {
			clear(w.crowds)
		}
		known = &room{free: 1000}
		w.crowds[c] = known
	}
	return known
}

// insertFree stores a row at the first free nanosecond from one on, in its microsecond, or in the next one that is not full.
// There the text of the start as sent no longer follows from the instant. values returns the row that stands at an instant.
func (a *appender) insertFree(insert string, r *newRow, at monitor.Instant, values func(at monitor.Instant) []any) (monitor.Instant, error) {
	micros := at.Micros()
	first := a.roomIn(crowd{insert, r.series, micros})
	for {
		here := a.roomIn(crowd{insert, r.series, micros})
		at.UTC += (micros - at.Micros()) * int64(time.Microsecond)
		for ; here.free > 0; at.UTC = monitor.NextPointTime(at.UTC) {
			taken := &here.taken[at.UTC-micros*int64(time.Microsecond)]
			if *taken {
				continue
			}
			stored, err := a.insertRow(insert, values(at))
			if err != nil {
				return at, err
			}
			*taken = true
			if here.free--; stored {
				return at, nil
			}
		}
		micros = max(micros+1, here.next)
		first.next = micros
	}
}

// compare looks for an equal metric among those of a query.
func (a *appender) compare(r *newRow, from, where string, args ...any) (decision, error) {
	s, err := a.statement(`SELECT m.seq, m.session, m.context, m.location, m.utc_ns, m.utc_offset, ` + measurementColumns + `,
		t.item_start_time, t.component, t.item_path, t.item, t.item_variant, t.kind
		FROM ` + from + ` LEFT JOIN texts t ON t.seq = m.seq WHERE ` + where)
	if err != nil {
		return decision{}, err
	}
	rows, err := s.Query(args...)
	if err != nil {
		return decision{}, err
	}
	defer rows.Close()
	for rows.Next() {
		a.compared++
		m := *r.metric
		var seq uint64
		var session, context, location int64
		var t sentTexts
		err := rows.Scan(append([]any{&seq, &session, &context, &location, &m.At.UTC, &m.At.Offset},
			append(floats(&m), t.columns()...)...)...)
		if err != nil {
			return decision{}, err
		}
		setTexts(&m, &r.stable, &t)
		if session == r.session.id && context == r.context.id && location == r.location && m.Same(r.metric) {
			return decision{seq: seq, repeat: true, at: m.At}, nil
		}
	}
	return decision{}, rows.Err()
}
