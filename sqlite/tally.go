package sqlite

import (
	"math"

	"pymon-bridge/monitor"
)

// tallyKey is what the metrics of one tally have in common. The IDs of the hashes imply the project.
type tallyKey struct {
	session, context int64
	component, kind  string // as sent
}

// tally is what a transaction adds to a row of tallies.
type tally struct {
	project                 string
	metrics                 int64
	total, user, kernel     float64
	firstNS, endNS          int64
	firstOffset, lastOffset int32
	received                int64
}

// tallies are what a transaction adds, written at its end: a run's metrics come together, and most share one row.
type tallies map[tallyKey]*tally

func (t tallies) add(p *placement, at monitor.Instant) {
	m := p.metric
	key := tallyKey{p.session.id, p.context.id, m.Component, m.Kind}
	v, ok := t[key]
	if !ok {
		v = &tally{project: p.rec.Project, firstNS: math.MaxInt64, endNS: math.MinInt64}
		t[key] = v
	}
	v.metrics++
	v.total += orZero(m.TotalTime)
	v.user += orZero(m.UserTime)
	v.kernel += orZero(m.KernelTime)
	if at.UTC < v.firstNS {
		v.firstNS, v.firstOffset = at.UTC, at.Offset
	}
	if end := at.Plus(m.TotalTime); end.UTC > v.endNS {
		v.endNS, v.lastOffset = end.UTC, end.Offset
	}
	v.received = max(v.received, nanoseconds(p.rec.Received))
}

func orZero(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return f
}

// writeTallies adds what the transaction has stored to the tallies.
func (a *appender) writeTallies() error {
	for key, t := range a.tallies {
		component, err := a.component(t.project, key.component)
		if err != nil {
			return err
		}
		_, err = a.exec(`INSERT INTO tallies (session, context, component, kind, metrics, total_time, user_time,
				kernel_time, first_ns, first_offset, end_ns, end_offset, received)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (session, context, component, kind) DO UPDATE SET metrics = metrics + excluded.metrics,
				total_time = total_time + excluded.total_time, user_time = user_time + excluded.user_time,
				kernel_time = kernel_time + excluded.kernel_time,
				first_offset = iif(excluded.first_ns < first_ns, excluded.first_offset, first_offset),
				first_ns = min(first_ns, excluded.first_ns),
				end_offset = iif(excluded.end_ns > end_ns, excluded.end_offset, end_offset),
				end_ns = max(end_ns, excluded.end_ns), received = max(received, excluded.received)`,
			key.session, key.context, component, key.kind, t.metrics, t.total, t.user, t.kernel,
			t.firstNS, t.firstOffset, t.endNS, t.lastOffset, t.received)
		if err != nil {
			return err
		}
	}
	return nil
}

// component finds or makes the ID of a component as sent.
func (w *writer) component(project, name string) (id int64, err error) {
	key := digestOf(project, name)
	if id, ok := w.components.get(key); ok {
		return id, nil
	}
	found, err := w.row("SELECT id FROM components WHERE name = ? AND project = ?", []any{name, project}, &id)
	if err == nil && !found {
		id, err = w.insert("INSERT INTO components (name, project) VALUES (?, ?)", name, project)
	}
	if err == nil {
		w.components.put(key, id)
	}
	return id, err
}
