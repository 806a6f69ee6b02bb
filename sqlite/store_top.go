package sqlite

import (
	"cmp"
	"context"

	"pymon-bridge/monitor"
)

// topList finds metrics in the order of a measurement.
//
// The measurements have no index, since each accepted metric would then write a page at a random place. Instead zone
// maps have the greatest and least measurements of each zone: see [pruning].
type topList struct {
	ctx context.Context
	q   querier
	scale
	top    monitor.Top
	choice *choice
	wanted wanted[position]
}

func (l *topList) find() ([]position, error) {
	w := l.wanted
	switch {
	case l.choice.index != indexTime:
		return l.sorted(newClause("metrics m INDEXED BY metrics"+l.choice.index), l.choice.where(), w.skip, w.max)
	case w.after == nil && w.skip < l.pruned && w.max <= l.pruned-w.skip:
		positions, err := (&pruning{topList: l, want: int(w.skip + w.max)}).best()
		return positions[min(int(w.skip), len(positions)):], err
	}
	// All rows are read, so they are read in the order in which they are stored.
	return l.sorted(newClause("metrics m NOT INDEXED"), l.choice.where(), w.skip, w.max)
}

// column returns the column of the measurement.
func (l *topList) column() string { return l.top.Of.String() }

// order returns the order of the measurement in SQL.
func (l *topList) order() string {
	if l.top.Smallest {
		return ""
	}
	return " DESC"
}

// after returns the SQL condition that a value comes after another value in the list.
func (l *topList) after() string {
	if l.top.Smallest {
		return " > ?"
	}
	return " < ?"
}

// extreme returns the column of zone_maps that bounds the measurement.
func (l *topList) extreme() string {
	if l.top.Smallest {
		return l.column() + "_min"
	}
	return l.column() + "_max"
}

// compare returns a number below 0 if a comes before b in the list.
func (l *topList) compare(a, b float64) int {
	if l.top.Smallest {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(b, a)
}

// sorted reads the chosen metrics from a part of the table, and sorts them.
func (l *topList) sorted(from, where clause, skip, max int64) ([]position, error) {
	value := "m." + l.column()
	where.and(value + " IS NOT NULL")
	if last := l.wanted.after; last != nil {
		where.and("("+value+l.after()+" OR "+value+" = ? AND (m.utc_ns, m.series) > (?, ?))",
			last.value, last.value, last.utc, last.series)
	}
	query := newClause("SELECT m.seq, m.utc_ns, m.series, " + value + " FROM ")
	query.join(from)
	query.join(where.where())
	query.add(" ORDER BY " + value + l.order() + ", m.utc_ns, m.series")
	return rowsOf(l.ctx, l.q, query, skip, max, nil, func(row scanner) (p position, bytes int, err error) {
		err = row.Scan(&p.seq, &p.utc, &p.series, &p.value)
		return p, 0, err
	})
}
