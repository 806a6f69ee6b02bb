package sqlite

import (
	"crypto/sha256"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// newRow is a metric or an outcome that is being stored, with the IDs that its row refers to.
type newRow struct {
	rec              *monitor.Record
	metric           *monitor.Metric
	stable           monitor.Series // the series: the metric's texts without addresses of objects
	series, location int64          // 0 for a new text
	session, context hashEntry
	hash             [sha256.Size]byte
}

// known says that all IDs exist. A metric that needs a new ID cannot be a repeat.
func (r *newRow) known() bool {
	return r.series != 0 && r.location != 0 && r.session.id != 0 && r.context.id != 0
}

// metric stores a metric unless the file has an equal one. Most metrics are new, and their nanosecond is free. Then one
// statement checks both and stores the metric.
func (a *appender) metric(rec *monitor.Record) (decision, error) {
	r, start, err := a.newRow(rec)
	if err != nil {
		return decision{}, err
	}
	r.hash = monitor.RecordHash(rec.Project, r.metric)
	offsets, err := a.offsetsOf(r, start)
	if err != nil {
		return decision{}, err
	}
	// An offset that was stated, or decided elsewhere, does not tell where an equal metric was stored.
	elsewhere := rec.Source != "" || r.session.stated
	if r.known() && (len(offsets) > 1 || !r.session.session || elsewhere || a.full != nil) {
		if d, err := a.findRepeat(r, start); err != nil || d.repeat {
			return d, err
		}
	}
	if a.full != nil {
		return decision{}, a.full
	}
	newSeries := r.series == 0
	if err := a.refer(r, true); err != nil {
		return decision{}, err
	}
	d, err := a.store(r, start.At(offsets[0]))
	d.newSeries = newSeries
	return d, err
}

// newRow reads the start of a metric or an outcome and looks up the IDs that exist.
func (a *appender) newRow(rec *monitor.Record) (*newRow, monitor.LocalTime, error) {
	m := rec.Measured()
	start, err := monitor.ParseTime(m.ItemStartTime)
	if err != nil {
		return nil, start, monitor.Errorf(monitor.EInvalid, "item_start_time: %w", err)
	}
	r := &newRow{rec: rec, metric: m, stable: m.Series(rec.Project)}
	return r, start, a.refer(r, false)
}

// refer looks up the IDs of a row. It also creates missing IDs if add is set.
func (a *appender) refer(r *newRow, add bool) (err error) {
	if add && r.known() {
		return nil
	}
	s := &r.stable
	r.series, err = a.textID(a.series, "series", "project, item_path, item, item_variant, kind, component", add,
		s.Project, s.ItemPath, s.Item, s.ItemVariant, s.Kind, s.Component)
	if err != nil {
		return err
	}
	if r.location, err = a.textID(a.locations, "locations", "item_fs_loc", add, r.metric.ItemFSLoc); err != nil {
		return err
	}
	for _, ref := range []struct {
		h    string
		into *hashEntry
	}{{r.metric.SessionH, &r.session}, {r.metric.ContextH, &r.context}} {
		if !add {
			*ref.into, err = a.hash(r.rec.Project, ref.h)
		} else {
			err = a.addHash(r.rec.Project, ref.h, ref.into)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// offsetsOf returns the offsets from UTC at which the metric may have started. The likeliest offset is first.
func (a *appender) offsetsOf(r *newRow, start monitor.LocalTime) ([]int32, error) {
	switch {
	case r.rec.Source != "":
		return []int32{r.metric.At.Offset}, nil
	case r.session.stated:
		return []int32{r.session.offset}, nil
	case r.session.session:
		return a.timeZones.Metric(start, r.metric.TotalTime, r.rec.Received, r.session.offset), nil
	}
	last, err := a.lastOffset(r.rec.Project)
	if err != nil {
		return nil, err
	}
	return []int32{a.timeZones.Orphan(start, r.metric.TotalTime, r.rec.Received, last)}, nil
}

// findRepeat looks for an equal metric at every offset that clocks have. The bridge learns a client's offset from its
// sessions. So a metric that comes again later may have been stored with another offset than it would get now.
func (a *appender) findRepeat(r *newRow, start monitor.LocalTime) (decision, error) {
	first, last := start.At(maxOffset).UTC, start.At(minOffset).UTC
	if start.HasOffset {
		first = start.At(start.Offset).UTC
		last = first
	}
	// When all nanoseconds of a microsecond are taken, metrics go into the next microseconds.
	_, repeat, err := a.neighbours(r, first, last+int64(time.Millisecond), r.session.id)
	return repeat, err
}

// The range of offsets that clocks have, in seconds, with one more hour on either side for daylight saving.
const (
	minOffset = -13 * 3600
	maxOffset = 15 * 3600
)

// store stores the metric at its own nanosecond. When another metric of the series has it, store takes the next free
// nanosecond.
func (a *appender) store(r *newRow, at monitor.Instant) (decision, error) {
	d := decision{seq: a.next, at: monitor.Instant{UTC: monitor.PointTime(at, r.hash), Offset: at.Offset}}
	stored, err := a.insertRow(insertMetric, a.columns(r, d.at))
	if err == nil && !stored {
		if d, err = a.findFree(r, at); err != nil || d.repeat {
			return d, err
		}
		d.seq = a.next
		_, err = a.insertRow(insertMetric, a.columns(r, d.at))
	}
	if err != nil {
		return d, err
	}
	a.take()
	a.tallies.add(r, d.at)
	if err := a.addToZone(d.seq, d.at.UTC, r.metric); err != nil {
		return d, err
	}
	return d, a.insertTexts(d.seq, r, d.at)
}

// rowColumns are the columns that metrics and outcomes share. [appender.columns] returns their values.
var rowColumns = "seq, series, session, context, location, utc_ns, utc_offset, received, " + measurementColumns

var insertMetric = insertInto("metrics", rowColumns) + " ON CONFLICT (series, utc_ns) DO NOTHING"

// insertInto returns the statement that stores a row.
func insertInto(table, columns string) string {
	return "INSERT INTO " + table + " (" + columns + ") VALUES (?" + strings.Repeat(", ?", strings.Count(columns, ",")) + ")"
}

// insertRow runs a statement that stores a row unless the series has one at this nanosecond.
func (a *appender) insertRow(statement string, values []any) (stored bool, err error) {
	result, err := a.exec(statement, values...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func (a *appender) columns(r *newRow, at monitor.Instant) []any {
	return append([]any{a.next, r.series, r.session.id, r.context.id, r.location, at.UTC, at.Offset,
		nanoseconds(r.rec.Received)}, numbers(r.metric)...)
}

var insertTexts = insertInto("texts", "seq, item_start_time, component, item_path, item, item_variant, kind")

// insertTexts stores the texts as sent that cannot be rebuilt from the row.
func (a *appender) insertTexts(seq uint64, r *newRow, at monitor.Instant) error {
	m, s := r.metric, &r.stable
	sent := [...]string{m.ItemStartTime, m.Component, m.ItemPath, m.Item, m.ItemVariant, m.Kind}
	rebuilt := [...]string{at.LocalText(), s.Component, s.ItemPath, s.Item, s.ItemVariant, s.Kind}
	if sent == rebuilt {
		return nil
	}
	args := []any{seq, nil, nil, nil, nil, nil, nil}
	for i := range sent {
		if sent[i] != rebuilt[i] {
			args[i+1] = sent[i]
		}
	}
	_, err := a.exec(insertTexts, args...)
	return err
}

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
	s, err := a.statement(`SELECT m.seq, m.session, m.context, m.location, m.utc_ns, m.utc_offset, ` + measurementColumns + `,
		t.item_start_time, t.component, t.item_path, t.item, t.item_variant, t.kind
		FROM metrics m INDEXED BY metrics_point LEFT JOIN texts t ON t.seq = m.seq
		WHERE m.series = ?1 AND m.utc_ns BETWEEN ?2 AND ?3 AND
			(?4 = 0 OR m.session = ?4 AND m.total_time IS ?5)`)
	if err != nil {
		return nil, decision{}, err
	}
	rows, err := s.Query(r.series, first, last, session, number(r.metric.TotalTime))
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
