package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// measured returns the column of a measurement.
func measured(m monitor.Measurement) string {
	return [...]string{"total_time", "user_time", "kernel_time", "cpu_usage", "mem_usage"}[m]
}

// topList reads metrics in the order of a measurement.
//
// No index has the measurements, since it would cost every metric accepted a page written at random. Instead the
// extremes of the series bound what a series can hold: the greatest metrics are among the few series with the greatest
// extremes, which are read in this order until no other can hold a greater one.
type topList struct {
	scale
	ctx   context.Context
	query monitor.MetricQuery
	last  *place
}

func (l *topList) read(q querier, skip, max int64) ([]*monitor.Metric, error) {
	c, err := choose(l.ctx, q, l.query)
	if err != nil {
		return nil, err
	}
	index, err := c.index(l.ctx, q, l.few)
	if err != nil {
		return nil, err
	}
	var places []place
	if index == byTime && l.last == nil && skip < l.pruned && max <= l.pruned-skip {
		s := pruning{topList: l, q: q, choice: c, want: int(skip + max)}
		if places, err = s.best(); err == nil {
			places = places[min(int(skip), len(places)):]
		}
	} else {
		if index == byTime {
			index = "" // every row is read, so in the order in which they stand
		}
		places, err = l.sorted(q, index, c.where(), skip, max)
	}
	if err != nil || len(places) == 0 {
		return nil, err
	}
	l.last = &places[len(places)-1]
	return metricsAt(l.ctx, q, places)
}

// column and order are how the measurement is called and ordered in queries.
func (l *topList) column() string { return measured(l.query.Top.Of) }

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

// extreme is the column of extremes that bounds what a series can hold.
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

// sorted reads all that is chosen, and sorts it.
func (l *topList) sorted(q querier, index string, where clause, skip, max int64) ([]place, error) {
	value := "m." + l.column()
	where.and(value + " IS NOT NULL")
	if l.last != nil {
		where.and("("+value+l.after()+" OR "+value+" = ? AND (m.utc_ns, m.series) > (?, ?))",
			l.last.value, l.last.value, l.last.utc, l.last.series)
	}
	query := metricsQuery("m.seq, m.utc_ns, m.series, "+value, index, where)
	query.add(" ORDER BY " + value + l.order() + ", m.utc_ns, m.series")
	return rowsOf(l.ctx, q, query, skip, max, func(row scanner) (p place, err error) {
		err = row.Scan(&p.seq, &p.utc, &p.series, &p.value)
		return p, err
	})
}

// pruning finds the first places of a list by the extremes of the series.
type pruning struct {
	*topList
	q      querier
	choice *choice
	want   int

	found   []place // the best of those read so far, in order
	reached *bound  // the last series read
}

// bound is the best measurement of a series.
type bound struct {
	series int64
	value  float64
}

func (s *pruning) best() ([]place, error) {
	for n := s.seriesAtFirst; ; n = min(2*n, s.seriesAtMost) {
		bounds, err := s.bounds(n)
		if err != nil || len(bounds) == 0 {
			return s.found, err
		}
		last := bounds[len(bounds)-1]
		tied, err := s.manyTied(bounds, n)
		if err != nil {
			return nil, err
		}
		if tied {
			last.series = math.MaxInt64 // all that share the bound
			err = s.readTied(last.value)
		} else {
			err = s.readSeries(bounds)
		}
		if err != nil {
			return nil, err
		}
		if s.reached = &last; s.complete(tied) {
			return s.found, nil
		}
	}
}

// complete says that no series that was not read can hold anything better than what was found. Where all that share
// the last bound were read, neither can it hold anything as good.
func (s *pruning) complete(tied bool) bool {
	if len(s.found) < s.want {
		return false
	}
	order := s.better(s.found[s.want-1].value, s.reached.value)
	return order < 0 || tied && order == 0
}

// bounds returns the next series in the order of what they can hold.
func (s *pruning) bounds(n int) ([]bound, error) {
	column := "x." + s.extreme()
	where := newClause(column + " IS NOT NULL")
	if s.choice.series.sql != "" {
		where.in("x.series", s.choice.series)
	}
	if r := s.reached; r != nil {
		where.and("("+column+s.after()+" OR "+column+" = ? AND x.series > ?)", r.value, r.value, r.series)
	}
	query := newClause("SELECT x.series, " + column + " FROM extremes x")
	query.join(where.where())
	query.add(" ORDER BY " + column + s.order() + ", x.series")
	return rowsOf(s.ctx, s.q, query, 0, int64(n), func(row scanner) (b bound, err error) {
		err = row.Scan(&b.series, &b.value)
		return b, err
	})
}

// readSeries adds what some series hold.
func (s *pruning) readSeries(bounds []bound) error {
	ids := make([]int64, len(bounds))
	for i, b := range bounds {
		ids[i] = b.series
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	where := clause{}
	where.in("m.series", newClause("SELECT value FROM json_each(?)", string(text)))
	rest := *s.choice
	rest.series = clause{}
	if more := rest.where(); more.sql != "" {
		where.and(more.sql, more.args...)
	}
	return s.add(bySeries, where)
}

// manyTied says that all of these bounds are the same value, and that so many series have it as theirs that metrics with
// it are met sooner on a walk through time than in these series. Kernel times of 0 are the usual case.
func (s *pruning) manyTied(bounds []bound, n int) (bool, error) {
	value := bounds[0].value
	if len(bounds) < n || bounds[n-1].value != value {
		return false, nil
	}
	var tied, all int
	err := s.q.QueryRowContext(s.ctx, "SELECT count(*) FILTER (WHERE "+s.extreme()+" = ?), count(*) FROM extremes", value).
		Scan(&tied, &all)
	return tied*tied > s.want*all, err
}

// readTied adds metrics with exactly this value.
func (s *pruning) readTied(value float64) error {
	where := s.choice.where()
	where.and("m."+s.column()+" = ?", value)
	return s.add(byTime, where)
}

// add merges the best of what is chosen into what was found, some of which it may read again.
func (s *pruning) add(index string, where clause) error {
	places, err := s.sorted(s.q, index, where, 0, int64(s.want))
	if err != nil {
		return err
	}
	s.found = append(s.found, places...)
	slices.SortFunc(s.found, func(a, b place) int {
		return cmp.Or(s.better(a.value, b.value), cmp.Compare(a.utc, b.utc), cmp.Compare(a.series, b.series))
	})
	s.found = slices.CompactFunc(s.found, func(a, b place) bool { return a.seq == b.seq })
	s.found = s.found[:min(len(s.found), s.want)]
	return nil
}
