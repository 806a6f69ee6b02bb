package sqlite

import (
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// outcomeColumns are the columns that an outcome has beside those of a metric.
const outcomeColumns = ", node_id, outcome, attempts, setup_time, teardown_time, mem_peak, mem_test"

var insertOutcome = insertInto("outcomes", outcomeColumns) + " ON CONFLICT (series, utc_ns) DO NOTHING"

// outcome stores what became of a test, unless its session has an outcome of the same node id.
func (a *appender) outcome(rec *monitor.Record) (decision, error) {
	p, start, err := a.locate(rec)
	if err != nil {
		return decision{}, err
	}
	if p.session.id != 0 {
		stored, err := a.storedOutcome(p)
		if err != nil || stored.repeat {
			return stored, err
		}
	}
	if a.full != nil {
		return decision{}, a.full
	}
	offsets, err := a.offsetsOf(p, start)
	if err != nil {
		return decision{}, err
	}
	fresh := p.series == 0
	if err := a.refer(p, true); err != nil {
		return decision{}, err
	}
	at := start.At(offsets[0])
	at.UTC = monitor.PointTime(at, monitor.HashOf(rec.Outcome.SessionH, rec.Outcome.NodeID))
	for tried := 1; ; tried++ {
		stored, err := a.insertOutcome(p, at)
		if err != nil {
			return decision{}, err
		}
		if stored {
			break
		}
		if at.UTC = monitor.NextPointTime(at.UTC); tried%1000 == 0 { // the microsecond is full
			at.UTC += 1000
		}
	}
	seq := a.take()
	return decision{seq: seq, series: fresh, at: at}, a.insertTexts(seq, p, at)
}

// insertOutcome stores the outcome under the next number, unless its series has one at this nanosecond.
func (a *appender) insertOutcome(p *placement, at monitor.Instant) (stored bool, err error) {
	o := p.rec.Outcome
	result, err := a.exec(insertOutcome, append(a.columns(p, at), o.NodeID, o.Outcome, o.Attempts,
		number(o.SetupTime), number(o.TeardownTime), number(o.MemPeak), number(o.MemTest))...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// storedOutcome finds the outcome of the same session and node id, and says whether it is equal.
func (a *appender) storedOutcome(p *placement) (decision, error) {
	d := decision{repeat: true}
	sent, stored := p.rec.Outcome, &monitor.Outcome{}
	found, err := a.row("SELECT seq, utc_ns, utc_offset, "+measurementColumns+outcomeColumns+
		" FROM outcomes WHERE session = ? AND node_id = ?", []any{p.session.id, sent.NodeID},
		slices.Concat([]any{&d.seq, &d.at.UTC, &d.at.Offset}, floats(&stored.Metric), outcomeInto(stored))...)
	if err != nil || !found {
		return decision{}, err
	}
	// Of the texts only the node id is compared: the others follow from it.
	same := stored.Outcome == sent.Outcome && stored.Attempts == sent.Attempts
	got, want := outcomeFloats(stored), outcomeFloats(sent)
	for i := range got {
		same = same && (*got[i] == *want[i] || math.IsNaN(*got[i]) && math.IsNaN(*want[i]))
	}
	d.differs = !same
	return d, nil
}

// outcomeInto returns where to scan [outcomeColumns].
func outcomeInto(o *monitor.Outcome) []any {
	return []any{&o.NodeID, &o.Outcome, &o.Attempts, float{&o.SetupTime}, float{&o.TeardownTime}, float{&o.MemPeak},
		float{&o.MemTest}}
}

// outcomeFloats are all floats of an outcome.
func outcomeFloats(o *monitor.Outcome) []*float64 {
	values := o.Values()
	return append(values[:], &o.SetupTime, &o.TeardownTime, &o.MemPeak, &o.MemTest)
}
