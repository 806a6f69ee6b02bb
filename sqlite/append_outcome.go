package sqlite

import (
	"slices"

	"pymon-bridge/monitor"
)

// outcomeColumns are the columns that outcomes have besides [rowColumns].
const outcomeColumns = ", node_id, outcome, attempts, setup_time, teardown_time, mem_peak, mem_test"

var insertOutcome = insertInto("outcomes", rowColumns+outcomeColumns) + " ON CONFLICT (series, utc_ns) DO NOTHING"

// outcome stores an outcome unless its session has one with the same node id.
func (a *appender) outcome(rec *monitor.Record) (decision, error) {
	r, start, err := a.newRow(rec)
	if err != nil {
		return decision{}, err
	}
	if r.session.id != 0 {
		d, err := a.storedOutcome(r)
		if err != nil || d.repeat {
			return d, err
		}
	}
	if a.full != nil {
		return decision{}, a.full
	}
	at, _, err := a.place(r, start)
	if err != nil {
		return decision{}, err
	}
	newSeries := r.series == 0
	if err := a.refer(r, true); err != nil {
		return decision{}, err
	}
	if rec.Source == "" {
		at.UTC = monitor.PointTime(at, monitor.HashOf(rec.Outcome.SessionH, rec.Outcome.NodeID))
	}
	o := rec.Outcome
	at, err = a.insertFree(insertOutcome, r, at, func(at monitor.Instant) []any {
		return append(a.columns(r, at), o.NodeID, o.Outcome, o.Attempts, number(o.SetupTime), number(o.TeardownTime),
			number(o.MemPeak), number(o.MemTest))
	})
	if err != nil {
		return decision{}, err
	}
	seq := a.take()
	a.outcomes.add(r)
	return decision{seq: seq, newSeries: newSeries, at: at}, a.insertTexts(seq, r, at)
}

// storedOutcome finds the outcome of the same session and node id, and compares it.
func (a *appender) storedOutcome(r *newRow) (decision, error) {
	d := decision{repeat: true}
	sent, stored := r.rec.Outcome, &monitor.Outcome{}
	found, err := a.row("SELECT seq, utc_ns, utc_offset, "+measurementColumns+outcomeColumns+
		" FROM outcomes WHERE session = ? AND node_id = ?", []any{r.session.id, sent.NodeID},
		slices.Concat([]any{&d.seq, &d.at.UTC, &d.at.Offset}, floats(&stored.Metric), outcomeInto(stored))...)
	if err != nil || !found {
		return decision{}, err
	}
	// The other texts follow from the node id.
	d.differs = stored.Outcome != sent.Outcome || stored.Attempts != sent.Attempts ||
		!slices.EqualFunc(outcomeFloats(stored), outcomeFloats(sent), func(a, b *float64) bool { return monitor.SameFloat(*a, *b) })
	return d, nil
}

// outcomeInto returns where to scan [outcomeColumns].
func outcomeInto(o *monitor.Outcome) []any {
	return []any{&o.NodeID, &o.Outcome, &o.Attempts, float{&o.SetupTime}, float{&o.TeardownTime}, float{&o.MemPeak},
		float{&o.MemTest}}
}

// outcomeFloats returns where all floats of an outcome are.
func outcomeFloats(o *monitor.Outcome) []*float64 {
	values := o.Values()
	return append(values[:], &o.SetupTime, &o.TeardownTime, &o.MemPeak, &o.MemTest)
}
