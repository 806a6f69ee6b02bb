package sqlite

import (
	"cmp"
	"slices"
)

// pruning finds the first metrics of a list by zone maps. It reads zones in the order of their best measurement, until
// no other zone can have a better metric. Among zones with an equal best measurement, the zone whose first metric
// started first comes first. So when many metrics are equal, such as kernel times of 0, it does not read all of them.
type pruning struct {
	*topList
	want int // how many metrics to find

	found   []position // the best metrics of the zones read, in order
	reached *bound     // the last zone of the bounds read
}

// bound bounds the metrics of a zone: none has a better measurement, and none started earlier.
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
			if s.complete(rest[0]) {
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

// complete says that neither the next zone nor a later one can have a better metric than those found.
func (s *pruning) complete(next bound) bool {
	if len(s.found) < s.want {
		return false
	}
	last := s.found[s.want-1]
	return cmp.Or(s.compare(last.value, next.value), cmp.Compare(last.utc, next.first)) < 0
}

// bounds returns the next n zones in the order of their best measurement.
func (s *pruning) bounds(n int) ([]bound, error) {
	column := s.extreme()
	where := newClause(column + " IS NOT NULL")
	if r := s.reached; r != nil {
		where.and("("+column+s.after()+" OR "+column+" = ? AND (first_ns, id) > (?, ?))", r.value, r.value, r.first, r.zone)
	}
	query := newClause("SELECT id, first_ns, " + column + " FROM zone_maps")
	query.join(where.where())
	query.add(" ORDER BY " + column + s.order() + ", first_ns, id")
	return rowsOf(s.ctx, s.q, query, 0, int64(n), nil, func(row scanner) (b bound, bytes int, err error) {
		err = row.Scan(&b.zone, &b.first, &b.value)
		return b, 0, err
	})
}

// readZones adds the metrics of some zones that can be among the best.
func (s *pruning) readZones(bounds []bound) error {
	ids := make([]int64, len(bounds))
	for i, b := range bounds {
		ids[i] = b.zone
	}
	within := newClause("m.seq BETWEEN b.value * ? AND b.value * ? + ?", zoneSize, zoneSize, zoneSize-1)
	switch where := s.choice.where(); {
	case len(s.found) >= s.want:
		within.and("NOT m."+s.column()+s.after(), s.found[s.want-1].value)
	case where.sql == "" && len(bounds) >= s.want: // each of these zones has at least one metric as good as its bound
		within.and("NOT m."+s.column()+s.after(), bounds[s.want-1].value)
	}
	return s.add(newClause("json_each(?) b CROSS JOIN metrics m NOT INDEXED", jsonList(ids)), within)
}

// readRest adds the metrics of the last zone, which has no map yet.
func (s *pruning) readRest() error {
	return s.add(newClause("metrics m NOT INDEXED"),
		newClause("m.seq >= coalesce((SELECT (max(id) + 1) * ? FROM zone_maps), 0)", zoneSize))
}

// add adds the best of the chosen metrics from a part of the table.
func (s *pruning) add(from, within clause) error {
	if more := s.choice.where(); more.sql != "" {
		within.and(more.sql, more.args...)
	}
	positions, err := s.sorted(from, within, 0, int64(s.want))
	if err != nil {
		return err
	}
	s.found = append(s.found, positions...)
	slices.SortFunc(s.found, func(a, b position) int {
		return cmp.Or(s.compare(a.value, b.value), cmp.Compare(a.utc, b.utc), cmp.Compare(a.series, b.series))
	})
	s.found = s.found[:min(len(s.found), s.want)]
	return nil
}
