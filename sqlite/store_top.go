package sqlite

import (
	"cmp"
	"context"

	"pymon-bridge/monitor"
)

// topList finds metrics in the order of a measurement.
//
// No index has the measurements, since it would cost every metric accepted a page written at random. Instead the table
// of zones bounds what metrics that were accepted one after the other have: see [pruning].
type topList struct {
	scale
	ctx   context.Context
	query monitor.MetricQuery
	last  *position
}

func (l *topList) find(q querier, skip, max int64, _ *budget) ([]position, error) {
	c, err := choose(l.ctx, q, l.query)
	if err != nil {
		return nil, err
	}
	index, err := c.index(l.ctx, q, l.few)
	if err != nil {
		return nil, err
	}
	var positions []position
	if index == byTime && l.last == nil && skip < l.pruned && max <= l.pruned-skip {
		s := pruning{topList: l, q: q, choice: c, want: int(skip + max)}
		if positions, err = s.best(); err == nil {
			positions = positions[min(int(skip), len(positions)):]
		}
	} else {
		from := newClause("metrics m INDEXED BY " + index)
		if index == byTime {
			from = newClause("metrics m NOT INDEXED") // every row is read, so in the order in which they stand
		}
		positions, err = l.sorted(q, from, c.where(), skip, max)
	}
	if err != nil || len(positions) == 0 {
		return nil, err
	}
	l.last = &positions[len(positions)-1]
	return positions, nil
}

// column and order are how the measurement is called and ordered in queries.
func (l *topList) column() string { return l.query.Top.Of.String() }

func (l *topList) order() string {
	if l.query.Top.Smallest {
		return ""
	}
	return " DESC"
}

// after is the condition of a value that comes after another one.
func (l *topList) after() string {
	if l.query.Top.Smallest {
		return " > ?"
	}
	return " < ?"
}

// extreme is the column of zones that bounds what a zone can have.
func (l *topList) extreme() string {
	if l.query.Top.Smallest {
		return l.column() + "_min"
	}
	return l.column() + "_max"
}

// better compares values: below 0 if a comes before b.
func (l *topList) better(a, b float64) int {
	if l.query.Top.Smallest {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(b, a)
}

// sorted reads all that is chosen from some metrics m, and sorts it.
func (l *topList) sorted(q querier, from, where clause, skip, max int64) ([]position, error) {
	value := "m." + l.column()
	where.and(value + " IS NOT NULL")
	if l.last != nil {
		where.and("("+value+l.after()+" OR "+value+" = ? AND (m.utc_ns, m.series) > (?, ?))",
			l.last.value, l.last.value, l.last.utc, l.last.series)
	}
	query := newClause("SELECT m.seq, m.utc_ns, m.series, " + value + " FROM ")
	query.join(from)
	query.join(where.where())
	query.add(" ORDER BY " + value + l.order() + ", m.utc_ns, m.series")
	return rowsOf(l.ctx, q, query, skip, max, func(row scanner) (p position, err error) {
		err = row.Scan(&p.seq, &p.utc, &p.series, &p.value)
		return p, err
	})
}
