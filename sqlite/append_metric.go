package sqlite

import (
	"crypto/sha256"
	"strings"

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
	at, usual, err := a.place(r, start)
	if err != nil {
		return decision{}, err
	}
	if r.known() && (!usual || a.full != nil) {
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
	d, err := a.store(r, at)
	if err != nil || d.repeat {
		return d, err
	}
	d.newSeries = newSeries
	displaced := d.at.UTC != ownTime(r, start.At(at.Offset))
	if displaced { // it is found by its hash when it comes again
		if _, err := a.exec("INSERT INTO clocks (hash, seq) VALUES (?, ?)", r.shortHash(), d.seq); err != nil {
			return d, err
		}
	}
	d.wrong, err = a.noteClock(r, start, at, displaced)
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

// store stores the metric at its own nanosecond. When another metric of the series has it, store takes the next free
// nanosecond. A metric from a destination keeps the one that it has there.
func (a *appender) store(r *newRow, at monitor.Instant) (decision, error) {
	d := decision{seq: a.next, at: at}
	if r.rec.Source == "" {
		d.at.UTC = ownTime(r, at)
	}
	stored, err := a.insertRow(insertMetric, a.columns(r, d.at))
	if err == nil && !stored {
		if d, err = a.findAt(r, d.at); err != nil || d.repeat {
			return d, err
		}
		d.seq = a.next
		d.at, err = a.insertFree(insertMetric, r, at, func(at monitor.Instant) []any { return a.columns(r, at) })
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
