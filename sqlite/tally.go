package sqlite

import (
	"math"

	"pymon-bridge/monitor"
)

// tallyKey is what all metrics of a tally share. The IDs of the hashes imply the project.
type tallyKey struct {
	session, context int64
	component, kind  string // as sent
}

// tally is what a transaction adds to one row of the table tallies.
type tally struct {
	project             string
	metrics             int64
	total, user, kernel float64
	end                 monitor.Instant
	received            int64 // of the metrics that clients sent; 0 for none
}

// tallies collects what a transaction adds to the table. The metrics of a run arrive together, and most of them share
// one row. So the table is written once, at the end of the transaction.
type tallies map[tallyKey]*tally

func (t tallies) add(r *newRow, at monitor.Instant) {
	m := r.metric
	key := tallyKey{r.session.id, r.context.id, m.Component, m.Kind}
	v, ok := t[key]
	if !ok {
		v = &tally{project: r.rec.Project, end: monitor.Instant{UTC: math.MinInt64}}
		t[key] = v
	}
	v.metrics++
	v.total += addend(m.TotalTime)
	v.user += addend(m.UserTime)
	v.kernel += addend(m.KernelTime)
	if end := monitor.EndOf(at, m.TotalTime, r.rec.Received); end.UTC > v.end.UTC {
		v.end = end
	}
	if r.rec.Source == "" && r.rec.Import == nil {
		v.received = max(v.received, nanoseconds(r.rec.Received))
	}
}

// outcomeKey is what all outcomes of a row of the table outcome_tallies share, and the project of its component.
type outcomeKey struct {
	tallyKey
	project, outcome string
}

// outcomeTallies has the numbers of outcomes that a transaction adds to the table.
type outcomeTallies map[outcomeKey]int64

func (t outcomeTallies) add(r *newRow) {
	o := r.rec.Outcome
	t[outcomeKey{tallyKey{r.session.id, r.context.id, o.Component, o.Kind}, r.rec.Project, o.Outcome}]++
}

// addend returns a number as it is added up: 0 when it is absent, and rounded to 2^-30, about a billionth. Sums of such numbers
// are exact up to 8 million, so they do not depend on the order in which metrics arrive or are brought back.
func addend(f float64) float64 {
	const unit, exact = 1 << 30, 1 << 23
	switch {
	case math.IsNaN(f):
		return 0
	case math.Abs(f) > exact:
		return f
	}
	return math.Round(f*unit) / unit
}

// writeTallies adds what the transaction has stored to the tables.
func (a *appender) writeTallies() error {
	for key, n := range a.outcomes {
		component, err := a.componentID(key.component, key.project)
		if err != nil {
			return err
		}
		_, err = a.exec(`INSERT INTO outcome_tallies (session, context, component, kind, outcome, outcomes) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (session, context, component, kind, outcome) DO UPDATE SET outcomes = outcomes + excluded.outcomes`,
			key.session, key.context, component, key.kind, key.outcome, n)
		if err != nil {
			return err
		}
	}
	for key, t := range a.tallies {
		component, err := a.componentID(key.component, t.project)
		if err != nil {
			return err
		}
		_, err = a.exec(`INSERT INTO tallies (session, context, component, kind, metrics, total_time, user_time,
				kernel_time, end_ns, end_offset, received)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (session, context, component, kind) DO UPDATE SET metrics = metrics + excluded.metrics,
				total_time = total_time + excluded.total_time, user_time = user_time + excluded.user_time,
				kernel_time = kernel_time + excluded.kernel_time,
				end_offset = iif(excluded.end_ns > end_ns, excluded.end_offset, end_offset),
				end_ns = max(end_ns, excluded.end_ns), received = max(received, excluded.received)`,
			key.session, key.context, component, key.kind, t.metrics, t.total, t.user, t.kernel,
			t.end.UTC, t.end.Offset, t.received)
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *appender) componentID(name, project string) (int64, error) {
	return a.textID(a.components, "components", "name, project", true, name, project)
}
