package sqlite

import (
	"crypto/sha256"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// placement is a metric, or that of an outcome, on its way to its row.
type placement struct {
	rec              *monitor.Record
	metric           *monitor.Metric
	stable           monitor.Series // what its history has in common
	series, location int64          // IDs, 0 where there is none yet
	session, context hashed
	hash             [sha256.Size]byte
}

// known says that everything a row refers to is there, without which the metric cannot be a repeat.
func (p *placement) known() bool {
	return p.series != 0 && p.location != 0 && p.session.id != 0 && p.context.id != 0
}

// metric stores a metric unless an equal one is there. In the common case, a new metric at a nanosecond that is
// free, one statement decides both.
func (a *appender) metric(rec *monitor.Record) (decision, error) {
	p, start, err := a.locate(rec)
	if err != nil {
		return decision{}, err
	}
	p.hash = monitor.RecordHash(rec.Project, p.metric)
	offsets, err := a.offsetsOf(p, start)
	if err != nil {
		return decision{}, err
	}
	if p.known() && (len(offsets) > 1 || !p.session.session || a.full != nil) {
		if out, err := a.findRepeat(p, start); err != nil || out.repeat {
			return out, err
		}
	}
	if a.full != nil {
		return decision{}, a.full
	}
	fresh := p.series == 0
	if err := a.refer(p, true); err != nil {
		return decision{}, err
	}
	out, err := a.place(p, start.At(offsets[0]))
	out.series = fresh
	return out, err
}

// locate reads the start of a metric or an outcome and finds what its row refers to, as far as it is there.
func (a *appender) locate(rec *monitor.Record) (*placement, monitor.LocalTime, error) {
	m := rec.Measured()
	start, err := monitor.ParseTime(m.ItemStartTime)
	if err != nil {
		return nil, start, monitor.Errorf(monitor.EInvalid, "item_start_time: %w", err)
	}
	p := &placement{rec: rec, metric: m, stable: m.Series(rec.Project)}
	return p, start, a.refer(p, false)
}

// refer finds, and makes if add is set, what the row refers to.
func (a *appender) refer(p *placement, add bool) (err error) {
	if add && p.known() {
		return nil
	}
	if p.series, err = a.serial(&p.stable, add); err != nil {
		return err
	}
	if p.location, err = a.location(p.metric.ItemFSLoc, add); err != nil {
		return err
	}
	for _, ref := range []struct {
		h    string
		into *hashed
	}{{p.metric.SessionH, &p.session}, {p.metric.ContextH, &p.context}} {
		if !add {
			*ref.into, err = a.hash(p.rec.Project, ref.h)
		} else {
			err = a.addHash(p.rec.Project, ref.h, ref.into)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// offsetsOf returns the offsets at which the metric may have started, the preferred one first.
func (a *appender) offsetsOf(p *placement, start monitor.LocalTime) ([]int32, error) {
	switch {
	case p.rec.Source != "":
		return []int32{p.metric.At.Offset}, nil
	case p.session.states:
		return []int32{p.session.offset}, nil
	case p.session.session:
		return a.zones.Metric(start, p.metric.TotalTime, p.rec.Received, p.session.offset), nil
	}
	last, err := a.lastOffset(p.rec.Project)
	if err != nil {
		return nil, err
	}
	return []int32{a.zones.Orphan(start, p.metric.TotalTime, p.rec.Received, last)}, nil
}

// findRepeat looks for an equal metric wherever the series may have it. What is known of a client's zone changes as
// its sessions arrive, so one that does not come at once may have been placed by another offset than now.
func (a *appender) findRepeat(p *placement, start monitor.LocalTime) (decision, error) {
	first, last := start.At(maxOffset).UTC, start.At(minOffset).UTC
	if start.HasOffset {
		first = start.At(start.Offset).UTC
		last = first
	}
	// A microsecond whose nanoseconds were all taken overflows into the next ones.
	_, repeat, err := a.neighbours(p, first, last+int64(time.Millisecond), p.session.id)
	return repeat, err
}

// The range of offsets that clocks have, in seconds, with an hour for daylight saving on either side.
const (
	minOffset = -13 * 3600
	maxOffset = 15 * 3600
)

// place stores the metric at its own nanosecond, or where that is taken by another one, at the next that is free.
func (a *appender) place(p *placement, at monitor.Instant) (decision, error) {
	out := decision{seq: a.next, at: monitor.Instant{UTC: monitor.PointTime(at, p.hash), Offset: at.Offset}}
	stored, err := a.insertMetric(p, out.at)
	if err == nil && !stored {
		if out, err = a.search(p, at); err != nil || out.repeat {
			return out, err
		}
		out.seq = a.next
		_, err = a.insertMetric(p, out.at)
	}
	if err != nil {
		return out, err
	}
	a.take()
	a.tallies.add(p, out.at)
	if err := a.addToZone(out.seq, out.at.UTC, p.metric); err != nil {
		return out, err
	}
	return out, a.insertTexts(out.seq, p, out.at)
}

// The statements that store a metric and an outcome. Their first columns are those that [appender.columns] gives.
var (
	insertMetric = insertInto("metrics", "") + " ON CONFLICT (series, utc_ns) DO NOTHING"
	rowColumns   = "seq, series, session, context, location, utc_ns, utc_offset, received, " + measurementColumns
)

// insertInto returns the statement that stores a row with the columns of a metric and more.
func insertInto(table, more string) string {
	columns := rowColumns + more
	return "INSERT INTO " + table + " (" + columns + ") VALUES (?" + strings.Repeat(", ?", strings.Count(columns, ",")) + ")"
}

// insertMetric stores the metric under the next number, unless its series has one at this nanosecond.
func (a *appender) insertMetric(p *placement, at monitor.Instant) (stored bool, err error) {
	result, err := a.exec(insertMetric, a.columns(p, at)...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// columns are the values of [rowColumns].
func (a *appender) columns(p *placement, at monitor.Instant) []any {
	return append([]any{a.next, p.series, p.session.id, p.context.id, p.location, at.UTC, at.Offset,
		nanoseconds(p.rec.Received)}, numbers(p.metric)...)
}

// insertTexts keeps as sent what the row does not say.
func (a *appender) insertTexts(seq uint64, p *placement, at monitor.Instant) error {
	m, s := p.metric, &p.stable
	sent := [...]string{m.ItemStartTime, m.Component, m.ItemPath, m.Item, m.ItemVariant, m.Kind}
	said := [...]string{at.LocalText(), s.Component, s.ItemPath, s.Item, s.ItemVariant, s.Kind}
	if sent == said {
		return nil
	}
	args := []any{seq, nil, nil, nil, nil, nil, nil}
	for i := range sent {
		if sent[i] != said[i] {
			args[i+1] = sent[i]
		}
	}
	_, err := a.exec(`INSERT INTO texts (seq, item_start_time, component, item_path, item, item_variant, kind)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, args...)
	return err
}

// search follows the nanoseconds of one microsecond from the metric's own until it meets an equal metric or one that
// is free. Only when all 1000 are taken it goes on to the next microsecond, where the text as sent no longer follows
// from the instant.
func (a *appender) search(p *placement, at monitor.Instant) (decision, error) {
	for ; ; at.UTC += 1000 {
		utc, end := monitor.PointTime(at, p.hash), at.Micros()*1000+999
		for tried := 0; tried < 1000; {
			last := min(utc+31, end) // some at once: clashes come in clusters
			taken, repeat, err := a.neighbours(p, utc, last, 0)
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

// neighbours returns the nanoseconds from first to last that the series has metrics at, or the repeat if one of these
// is equal. With a session other than 0 only that session's metrics of the same duration are looked at.
func (a *appender) neighbours(p *placement, first, last, only int64) (taken map[int64]bool, repeat decision, err error) {
	s, err := a.statement(`SELECT m.seq, m.session, m.context, m.location, m.utc_ns, m.utc_offset, ` + measurementColumns + `,
		t.item_start_time, t.component, t.item_path, t.item, t.item_variant, t.kind
		FROM metrics m INDEXED BY metrics_point LEFT JOIN texts t ON t.seq = m.seq
		WHERE m.series = ?1 AND m.utc_ns BETWEEN ?2 AND ?3 AND
			(?4 = 0 OR m.session = ?4 AND m.total_time IS ?5)`)
	if err != nil {
		return nil, decision{}, err
	}
	rows, err := s.Query(p.series, first, last, only, number(p.metric.TotalTime))
	if err != nil {
		return nil, decision{}, err
	}
	defer rows.Close()
	taken = make(map[int64]bool)
	for rows.Next() {
		m := *p.metric
		var seq uint64
		var session, context, location int64
		var t sentTexts
		err := rows.Scan(append([]any{&seq, &session, &context, &location, &m.At.UTC, &m.At.Offset},
			append(floats(&m), t.columns()...)...)...)
		if err != nil {
			return nil, decision{}, err
		}
		setTexts(&m, &p.stable, &t)
		taken[m.At.UTC] = true
		if session == p.session.id && context == p.context.id && location == p.location && m.Same(p.metric) {
			return nil, decision{seq: seq, repeat: true, at: m.At}, nil
		}
	}
	return taken, decision{}, rows.Err()
}
