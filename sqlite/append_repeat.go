package sqlite

import (
	"encoding/binary"
	"time"

	"pymon-bridge/monitor"
)

// findRepeat looks for an equal metric at every offset that clocks have. The bridge learns a client's offset from its
// sessions. So a metric that comes again later may have been stored with another offset than it would get now.
// Metrics at no offset are found by their hash.
func (a *appender) findRepeat(r *newRow, start monitor.LocalTime) (decision, error) {
	first, last := start.At(maxOffset).UTC, start.At(minOffset).UTC
	if start.HasOffset {
		first = start.At(start.Offset).UTC
		last = first
	}
	// When all nanoseconds of a microsecond are taken, metrics go into the next microseconds.
	_, repeat, err := a.neighbours(r, first, last+int64(time.Millisecond), r.session.id)
	if err != nil || repeat.repeat {
		return repeat, err
	}
	_, repeat, err = a.compare(r, "clocks c CROSS JOIN metrics m ON m.seq = c.seq", "c.hash = ?", r.shortHash())
	return repeat, err
}

// shortHash is the beginning of the metric's hash, which tells it from nearly all others.
func (r *newRow) shortHash() int64 { return int64(binary.BigEndian.Uint64(r.hash[:8])) }

// The range of offsets that clocks have, in seconds, with one more hour on either side for daylight saving.
const (
	minOffset = -13 * 3600
	maxOffset = 15 * 3600
)

// findFree tries the nanoseconds of one microsecond, starting at the metric's own, until it meets an equal metric or a
// free nanosecond. Only when all 1000 are taken it goes on to the next microsecond. There the text of the start as sent
// no longer follows from the instant.
func (a *appender) findFree(r *newRow, at monitor.Instant) (decision, error) {
	for ; ; at.UTC += 1000 {
		utc, end := monitor.PointTime(at, r.hash), at.Micros()*1000+999
		for tried := 0; tried < 1000; {
			last := min(utc+31, end) // one query for 32 nanoseconds: taken nanoseconds stand together
			taken, repeat, err := a.neighbours(r, utc, last, 0)
			if err != nil || repeat.repeat {
				return repeat, err
			}
			for range last - utc + 1 {
				if !taken[utc] {
					return decision{at: monitor.Instant{UTC: utc, Offset: at.Offset}}, nil
				}
				utc = monitor.NextPointTime(utc)
				tried++
			}
		}
	}
}

// neighbours returns the nanoseconds from first to last at which the series has metrics. It returns the repeat instead
// if one of these metrics is equal. A session other than 0 limits the search to metrics of this session with the same
// duration.
func (a *appender) neighbours(r *newRow, first, last, session int64) (taken map[int64]bool, repeat decision, err error) {
	return a.compare(r, "metrics m INDEXED BY metrics_point", `m.series = ?1 AND m.utc_ns BETWEEN ?2 AND ?3 AND
		(?4 = 0 OR m.session = ?4 AND m.total_time IS ?5)`, r.series, first, last, session, number(r.metric.TotalTime))
}

// compare returns the nanoseconds at which metrics of a query stand. It returns the repeat instead if one of these
// metrics is equal.
func (a *appender) compare(r *newRow, from, where string, args ...any) (taken map[int64]bool, repeat decision, err error) {
	s, err := a.statement(`SELECT m.seq, m.session, m.context, m.location, m.utc_ns, m.utc_offset, ` + measurementColumns + `,
		t.item_start_time, t.component, t.item_path, t.item, t.item_variant, t.kind
		FROM ` + from + ` LEFT JOIN texts t ON t.seq = m.seq WHERE ` + where)
	if err != nil {
		return nil, decision{}, err
	}
	rows, err := s.Query(args...)
	if err != nil {
		return nil, decision{}, err
	}
	defer rows.Close()
	taken = make(map[int64]bool)
	for rows.Next() {
		m := *r.metric
		var seq uint64
		var session, context, location int64
		var t sentTexts
		err := rows.Scan(append([]any{&seq, &session, &context, &location, &m.At.UTC, &m.At.Offset},
			append(floats(&m), t.columns()...)...)...)
		if err != nil {
			return nil, decision{}, err
		}
		setTexts(&m, &r.stable, &t)
		taken[m.At.UTC] = true
		if session == r.session.id && context == r.context.id && location == r.location && m.Same(r.metric) {
			return nil, decision{seq: seq, repeat: true, at: m.At}, nil
		}
	}
	return taken, decision{}, rows.Err()
}
