package sqlite

import (
	"crypto/sha256"
	"time"

	"pymon-bridge/monitor"
)

// placing is a metric on its way to its row.
type placing struct {
	rec              *monitor.Record
	stable           monitor.Series // what its history has in common
	series, location int64          // IDs, 0 where there is none yet
	session, context hashed
	hash             [sha256.Size]byte
}

// known says that everything a row refers to is there, without which the metric cannot be a repeat.
func (p *placing) known() bool {
	return p.series != 0 && p.location != 0 && p.session.id != 0 && p.context.id != 0
}

// metric stores a metric unless an equal one is there. In the common case, a new metric at a nanosecond that is
// free, one statement decides both.
func (a *appender) metric(rec *monitor.Record) (outcome, error) {
	m := rec.Metric
	start, err := monitor.ParseTime(m.ItemStartTime)
	if err != nil {
		return outcome{}, monitor.Errorf(monitor.EInvalid, "item_start_time: %w", err)
	}
	p := placing{rec: rec, stable: m.Series(rec.Project), hash: monitor.RecordHash(rec.Project, m)}
	if err := a.refer(&p, false); err != nil {
		return outcome{}, err
	}
	offsets, err := a.placeable(&p, start)
	if err != nil {
		return outcome{}, err
	}
	if p.known() && (len(offsets) > 1 || !p.session.session || a.full != nil) {
		if out, err := a.findRepeat(&p, start); err != nil || out.repeat {
			return out, err
		}
	}
	if a.full != nil {
		return outcome{}, a.full
	}
	fresh := p.series == 0
	if err := a.refer(&p, true); err != nil {
		return outcome{}, err
	}
	out, err := a.place(&p, start.At(offsets[0]))
	out.series = fresh
	return out, err
}

// refer finds, and makes if add is set, what the row refers to.
func (a *appender) refer(p *placing, add bool) (err error) {
	if add && p.known() {
		return nil
	}
	if p.series, err = a.serial(&p.stable, add); err != nil {
		return err
	}
	if p.location, err = a.location(p.rec.Metric.ItemFSLoc, add); err != nil {
		return err
	}
	for _, ref := range []struct {
		h    string
		into *hashed
	}{{p.rec.Metric.SessionH, &p.session}, {p.rec.Metric.ContextH, &p.context}} {
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

// placeable returns the offsets at which the metric may have started, the preferred one first.
func (a *appender) placeable(p *placing, start monitor.LocalTime) ([]int32, error) {
	if p.session.session {
		return a.zones.Metric(start, p.rec.Metric.TotalTime, p.rec.Received, p.session.offset), nil
	}
	last, err := a.lastOffset(p.rec.Project)
	if err != nil {
		return nil, err
	}
	return []int32{a.zones.Orphan(start, p.rec.Metric.TotalTime, p.rec.Received, last)}, nil
}

// findRepeat looks for an equal metric wherever the series may have it. What is known of a client's zone changes as
// its sessions arrive, so one that does not come at once may have been placed by another offset than now.
func (a *appender) findRepeat(p *placing, start monitor.LocalTime) (outcome, error) {
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
func (a *appender) place(p *placing, at monitor.Instant) (outcome, error) {
	out := outcome{seq: a.next, at: monitor.Instant{UTC: monitor.PointTime(at, p.hash), Offset: at.Offset}}
	stored, err := a.insertMetric(p, out.at)
	if err != nil || stored {
		return out, err
	}
	if out, err = a.search(p, at); err != nil || out.repeat {
		return out, err
	}
	out.seq = a.next
	_, err = a.insertMetric(p, out.at)
	return out, err
}

// insertMetric stores the metric unless its series has one at this nanosecond.
func (a *appender) insertMetric(p *placing, at monitor.Instant) (stored bool, err error) {
	m := p.rec.Metric
	result, err := a.exec(`INSERT INTO metrics (seq, series, session, context, location, utc_ns, utc_offset, received,
		total_time, user_time, kernel_time, cpu_usage, mem_usage) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (series, utc_ns) DO NOTHING`,
		a.next, p.series, p.session.id, p.context.id, p.location, at.UTC, at.Offset, nanoseconds(p.rec.Received),
		number(m.TotalTime), number(m.UserTime), number(m.KernelTime), number(m.CPUUsage), number(m.MemUsage))
	if err != nil {
		return false, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	if err := a.measure(a.next, at.UTC, m); err != nil {
		return false, err
	}
	a.tallies.add(p, at)
	return true, a.insertTexts(a.take(), p, at)
}

// insertTexts keeps as sent what the row does not say.
func (a *appender) insertTexts(seq uint64, p *placing, at monitor.Instant) error {
	m, s := p.rec.Metric, &p.stable
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
func (a *appender) search(p *placing, at monitor.Instant) (outcome, error) {
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
					return outcome{at: monitor.Instant{UTC: utc, Offset: at.Offset}}, nil
				}
				utc = monitor.NextPointTime(utc)
				tried++
			}
		}
	}
}

// neighbours returns the nanoseconds from first to last that the series has metrics at, or the repeat if one of these
// is equal. With a session other than 0 only that session's metrics of the same duration are looked at.
func (a *appender) neighbours(p *placing, first, last, only int64) (taken map[int64]bool, repeat outcome, err error) {
	s, err := a.statement(`SELECT m.seq, m.session, m.context, m.location, m.utc_ns, m.utc_offset, m.total_time,
		m.user_time, m.kernel_time, m.cpu_usage, m.mem_usage, t.item_start_time, t.component, t.item_path, t.item,
		t.item_variant, t.kind
		FROM metrics m INDEXED BY metrics_point LEFT JOIN texts t ON t.seq = m.seq
		WHERE m.series = ?1 AND m.utc_ns BETWEEN ?2 AND ?3 AND
			(?4 = 0 OR m.session = ?4 AND m.total_time IS ?5)`)
	if err != nil {
		return nil, outcome{}, err
	}
	rows, err := s.Query(p.series, first, last, only, number(p.rec.Metric.TotalTime))
	if err != nil {
		return nil, outcome{}, err
	}
	defer rows.Close()
	taken = make(map[int64]bool)
	for rows.Next() {
		m := *p.rec.Metric
		var seq uint64
		var session, context, location int64
		var t sentTexts
		err := rows.Scan(append([]any{&seq, &session, &context, &location, &m.At.UTC, &m.At.Offset},
			append(floats(&m), t.columns()...)...)...)
		if err != nil {
			return nil, outcome{}, err
		}
		setTexts(&m, &p.stable, &t)
		taken[m.At.UTC] = true
		if session == p.session.id && context == p.context.id && location == p.location && m.Same(p.rec.Metric) {
			return nil, outcome{seq: seq, repeat: true, at: m.At}, nil
		}
	}
	return taken, outcome{}, rows.Err()
}
