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
	project                 string
	metrics                 int64
	total, user, kernel     float64
	firstNS, endNS          int64
	firstOffset, lastOffset int32
	received                int64
}

// tallies collects what a transaction adds to the table. The metrics of a run arrive together, and most of them share
// one row. So the table is written once, at the end of the transaction.
type tallies map[tallyKey]*tally

func (t tallies) add(r *newRow, at monitor.Instant) {
	m := r.metric
	key := tallyKey{r.session.id, r.context.id, m.Component, m.Kind}
	v, ok := t[key]
	if !ok {
		v = &tally{project: r.rec.Project, firstNS: math.MaxInt64, endNS: math.MinInt64}
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
	v.received = max(v.received, nanoseconds(r.rec.Received))
}

func orZero(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return f
}

// writeTallies adds what the transaction has stored to the table.
func (a *appender) writeTallies() error {
	for key, t := range a.tallies {
		component, err := a.textID(a.components, "components", "name, project", true, key.component, t.project)
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
