package sqlite

import (
	"cmp"
	"encoding/json"
	"slices"
)

// pruning finds the first positions of a list by what zones of metrics hold: in the order of the best that each can have,
// until no other can have anything better. Of zones of which the best is equal those come first whose first metric
// started first, so that of many equal metrics, such as kernel times of 0, not all have to be looked at.
type pruning struct {
	*topList
	q      querier
	choice *choice
	want   int

	found   []position // the best of those read so far, in order
	reached *bound     // the last zone read
}

// bound comes before everything in a zone: its best measurement, and the start of its first metric.
type bound struct {
	zone, first int64
	value       float64
}

func (s *pruning) best() ([]position, error) {
	if err := s.readRest(); err != nil {
		return nil, err
	}
	n := max(s.want, s.zonesAtFirst)
	for look := n + 1; ; look = s.zonesAhead {
		ahead, err := s.bounds(look)
		if err != nil {
			return nil, err
		}
		for rest := ahead; len(rest) > 0; {
			if s.beyond(rest[0]) {
				return s.found, nil
			}
			part := rest[:min(n, len(rest))]
			if err := s.readZones(part); err != nil {
				return nil, err
			}
			rest = rest[len(part):]
		}
		if len(ahead) < look {
			return s.found, nil
		}
		s.reached = &ahead[len(ahead)-1]
	}
}

// beyond says that no zone from this one on can have anything better than what was found.
func (s *pruning) beyond(b bound) bool {
	if len(s.found) < s.want {
		return false
	}
	last := s.found[s.want-1]
	return cmp.Or(s.better(last.value, b.value), cmp.Compare(last.utc, b.first)) < 0
}

// bounds returns the next zones in the order of the best that they can have.
func (s *pruning) bounds(n int) ([]bound, error) {
	column := s.extreme()
	where := newClause(column + " IS NOT NULL")
	if r := s.reached; r != nil {
		where.and("("+column+s.after()+" OR "+column+" = ? AND (first_ns, id) > (?, ?))", r.value, r.value, r.first, r.zone)
	}
	query := newClause("SELECT id, first_ns, " + column + " FROM zone_maps")
	query.join(where.where())
	query.add(" ORDER BY " + column + s.order() + ", first_ns, id")
	return rowsOf(s.ctx, s.q, query, 0, int64(n), func(row scanner) (b bound, err error) {
		err = row.Scan(&b.zone, &b.first, &b.value)
		return b, err
	})
}

// readZones adds the metrics of some zones that can be among the best.
func (s *pruning) readZones(bounds []bound) error {
	ids := make([]int64, len(bounds))
	for i, b := range bounds {
		ids[i] = b.zone
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	within := newClause("m.seq BETWEEN b.value * ? AND b.value * ? + ?", zoneSize, zoneSize, zoneSize-1)
	switch where := s.choice.where(); {
	case len(s.found) >= s.want:
		within.and("NOT m."+s.column()+s.after(), s.found[s.want-1].value)
	case where.sql == "" && len(bounds) >= s.want: // each of the first zones has at least its best
		within.and("NOT m."+s.column()+s.after(), bounds[s.want-1].value)
	}
	return s.add(newClause("json_each(?) b CROSS JOIN metrics m NOT INDEXED", string(text)), within)
}

// readRest adds the metrics behind the last zone.
func (s *pruning) readRest() error {
	return s.add(newClause("metrics m NOT INDEXED"),
		newClause("m.seq >= coalesce((SELECT (max(id) + 1) * ? FROM zone_maps), 0)", zoneSize))
}

// add merges the best of the chosen metrics from some position into what was found.
func (s *pruning) add(from, within clause) error {
	if more := s.choice.where(); more.sql != "" {
		within.and(more.sql, more.args...)
	}
	positions, err := s.sorted(s.q, from, within, 0, int64(s.want))
	if err != nil {
		return err
	}
	s.found = append(s.found, positions...)
	slices.SortFunc(s.found, func(a, b position) int {
		return cmp.Or(s.better(a.value, b.value), cmp.Compare(a.utc, b.utc), cmp.Compare(a.series, b.series))
	})
	s.found = s.found[:min(len(s.found), s.want)]
	return nil
}
