package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"pymon-bridge/monitor"
)

// compare compares what the file keeps beside the records with the records.
func (v *verification) compare(ctx context.Context, q querier, last uint64) error {
	now, err := lastRemoval(ctx, q)
	if err != nil {
		return err
	}
	comparisons := []func(context.Context, querier) error{v.deadLetters, v.tokens}
	if v.result.Served && (v.removal.going || now != v.removal) {
		v.note("Records were being removed. So the sums of each session were not compared with the records: verify again afterwards.")
	} else {
		comparisons = append(comparisons, v.tallies, v.outcomeTallies)
	}
	for _, compare := range comparisons {
		if err := compare(ctx, q); err != nil {
			return err
		}
	}
	stored, err := lastSeq(ctx, q)
	if err != nil {
		return fmt.Errorf("the table sequence: %w", err)
	}
	if stored < last {
		v.found("sequence", "the last number is %d, but there is a record %d", stored, last)
	}
	return nil
}

// removal says how far removals are.
type removal struct {
	last  int64 // the ID of the last project that was to be removed
	runs  int64 // number of old runs that went
	going bool  // records are removed, or are about to be
}

func lastRemoval(ctx context.Context, q querier) (r removal, err error) {
	err = q.QueryRowContext(ctx, `SELECT coalesce(max(id), 0), (SELECT coalesce(sum(runs), 0) FROM retention),
		coalesce(max(ended = 0 AND NOT coalesce(state ->> 'file_done', 0)), 0) OR EXISTS (SELECT 1 FROM removing)
		FROM commands WHERE kind = ?`, commandDelete).Scan(&r.last, &r.runs, &r.going)
	if err != nil {
		err = fmt.Errorf("the tables commands, retention and removing: %w", err)
	}
	return r, err
}

// zoneMap compares the map of a zone that has all its metrics. Some of them may have been removed since they were read.
func (v *verification) zoneMap(ctx context.Context, q querier, z zoneMap) error {
	same, err := v.sameZoneMap(ctx, q, z)
	if err == nil && !same {
		if z, err = zoneOf(ctx, q, uint64(z.id)*zoneSize); err == nil {
			same, err = v.sameZoneMap(ctx, q, z)
		}
	}
	switch {
	case err != nil:
		v.found("zone_maps", "the map of zone %d cannot be read: %v", z.id, err)
	case !same:
		v.found("zone_maps", "the map of zone %d does not fit the metrics %d to %d", z.id, z.id*zoneSize, (z.id+1)*zoneSize-1)
	}
	return ctx.Err()
}

// sameZoneMap says whether a zone has the map in the file, and none if it has no metrics.
func (v *verification) sameZoneMap(ctx context.Context, q querier, z zoneMap) (same bool, err error) {
	stored := newZoneMap(uint64(z.id) * zoneSize)
	into, columns := []any{&stored.first}, "first_ns"
	for i := range monitor.Measurements {
		e := &stored.extreme[i]
		into = append(into, float{&e.greatest}, float{&e.least})
		columns += ", " + i.String() + "_max, " + i.String() + "_min"
	}
	err = q.QueryRowContext(ctx, "SELECT "+columns+" FROM zone_maps WHERE id = ?", z.id).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return !z.some, nil
	}
	same = z.some && stored.first == z.first
	for i, e := range z.extreme {
		same = same && monitor.SameFloat(e.greatest, stored.extreme[i].greatest) && monitor.SameFloat(e.least, stored.extreme[i].least)
	}
	return same, err
}

func (v *verification) tallies(ctx context.Context, q querier) error {
	err := each(ctx, q, `SELECT y.session, y.context, c.name, y.kind, c.project, y.metrics, y.total_time, y.user_time, y.kernel_time,
		y.end_ns, y.end_offset, y.received FROM tallies y JOIN components c ON c.id = y.component`, nil, func(row scanner) error {
		var key tallyKey
		var s tally
		err := row.Scan(&key.session, &key.context, &key.component, &key.kind, &s.project, &s.metrics, float{&s.total}, float{&s.user},
			float{&s.kernel}, &s.end.UTC, &s.end.Offset, &s.received)
		if err != nil {
			return fmt.Errorf("the table tallies: %w", err)
		}
		t := v.census.tallies[key]
		if t == nil {
			t = &tally{}
		}
		all := max(t.received, v.census.brought[key]) // nothing in the file says which metrics clients sent, and only these count
		if s.metrics != t.metrics || s.end != t.end || s.received > all || s.project != t.project ||
			!near(s.total, t.total) || !near(s.user, t.user) || !near(s.kernel, t.kernel) {
			v.found("tallies", "%s has %d metrics in its tally, and %d in the file, or their times differ", key, s.metrics, t.metrics)
		}
		delete(v.census.tallies, key)
		return nil
	})
	for key, t := range v.census.tallies {
		v.found("tallies", "%s has no tally, and %d metrics in the file", key, t.metrics)
	}
	return err
}

// String names what a tally counts.
func (k tallyKey) String() string {
	return fmt.Sprintf("session %d with context %d, component %q and kind %q", k.session, k.context, k.component, k.kind)
}

// near compares sums whose floats were added in another order.
func near(a, b float64) bool {
	return math.Abs(a-b) <= 1e-6*max(1, math.Abs(a)) || a == b || math.IsNaN(a-b)
}

func (v *verification) outcomeTallies(ctx context.Context, q querier) error {
	err := each(ctx, q, `SELECT y.session, y.context, c.name, y.kind, c.project, y.outcome, y.outcomes
		FROM outcome_tallies y JOIN components c ON c.id = y.component`, nil, func(row scanner) error {
		var key outcomeKey
		var n int64
		if err := row.Scan(&key.session, &key.context, &key.component, &key.kind, &key.project, &key.outcome, &n); err != nil {
			return fmt.Errorf("the table outcome_tallies: %w", err)
		}
		if found := v.census.outcomes[key]; found != n {
			v.found("outcome_tallies", "%s has %d outcomes %q in its tally, and %d in the file", key.tallyKey, n, key.outcome, found)
		}
		delete(v.census.outcomes, key)
		return nil
	})
	for key, n := range v.census.outcomes {
		v.found("outcome_tallies", "%s has no tally, and %d outcomes %q in the file", key.tallyKey, n, key.outcome)
	}
	return err
}

func (v *verification) deadLetters(ctx context.Context, q querier) error {
	return each(ctx, q, "SELECT name, dead, (SELECT count(*) FROM dead_letters l WHERE l.dest = d.id) FROM destinations d", nil,
		func(row scanner) error {
			var name string
			var kept, rows int64
			err := row.Scan(&name, &kept, &rows)
			if err == nil && kept != rows {
				v.found("destinations", "%s has %d dead letters by its count, and %d in the file", name, kept, rows)
			}
			return err
		})
}

func (v *verification) tokens(ctx context.Context, q querier) error {
	return each(ctx, q, "SELECT id FROM tokens WHERE length(hash) <> 32", nil, func(row scanner) error {
		var id int64
		err := row.Scan(&id)
		v.found(fmt.Sprintf("token %d", id), "its hash has a wrong length")
		return err
	})
}
