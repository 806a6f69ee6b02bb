package influx

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"

	"pymon-bridge/monitor"
)

const (
	// topPoints is how many points are in memory at a time while the greatest are looked for among all.
	topPoints = 4096
	// topSeries is up to how many points are looked for by the extremes of series.
	topSeries = 1000
)

// rank is the order of points by a measurement, with points of one value in the order of time.
type rank struct {
	field    string
	smallest bool
}

func (r rank) value(p *sample) float64 {
	f, _ := p.fields[r.field].(float64)
	return f
}

func (r rank) compare(a, b *sample) int {
	order := cmp.Compare(r.value(a), r.value(b))
	if !r.smallest {
		order = -order
	}
	return cmp.Or(order, compareSamples(a, b))
}

// ranked returns a function that lists the metrics of a scan, which all have the measurement, in its order.
func (s *Store) ranked(top *monitor.Top) func(context.Context, *scan, monitor.Page, func(*sample) bool) error {
	r := rank{field: measurementFields[top.Of], smallest: top.Smallest}
	return func(ctx context.Context, sc *scan, p monitor.Page, yield func(*sample) bool) error {
		few := p.Limit > 0 && p.Offset+p.Limit <= topSeries
		if few && sc.exact() && sc.value == "" {
			if done, err := s.topOfSeries(ctx, sc, r, p, yield); done || err != nil {
				return err
			}
		}
		if few && sc.rows != nil {
			if done, err := s.topOfRows(ctx, sc, r, p, yield); done || err != nil {
				return err
			}
		}
		return s.topOfAll(ctx, sc, r, p, yield)
	}
}

// topOfSeries lists the first points by rank. Each of them is at least as far in front as the n-th of the extremes
// of all series, which InfluxDB finds fast. done is false if that does not leave few enough points.
func (s *Store) topOfSeries(ctx context.Context, sc *scan, r rank, p monitor.Page, yield func(*sample) bool) (done bool, err error) {
	limit, found, err := s.extreme(ctx, sc, r, p.Offset+p.Limit)
	if err != nil {
		return false, err
	}
	front := sc
	if found {
		front = sc.keyed(r.field, func(c *scan) string { return r.within(c, limit) })
	}
	c := newCollector(metricTags[:]...)
	flux := front.flux(everywhere) + ` |> group(columns: ["_field"]) |> limit(n: ` + strconv.Itoa(slabPoints+1) + `)`
	if err := s.ask(ctx, flux+dropped, front.params, c.add); err != nil {
		return false, err
	}
	if len(c.samples) > slabPoints {
		return false, nil
	}
	points := c.sorted()
	slices.SortStableFunc(points, r.compare)
	_, err = s.handRanked(ctx, sc, part(points, p), yield)
	return true, err
}

// within returns the condition that leaves the values up to a limit and a few behind it, since InfluxDB does not read
// every float of a query to the last bit. What is too much is sorted out afterwards. Where no float is behind there is
// no condition: a query cannot name the infinite.
func (r rank) within(c *scan, limit float64) string {
	operator, behind := " >= ", math.Inf(-1)
	if r.smallest {
		operator, behind = " <= ", math.Inf(1)
	}
	for range 8 {
		limit = math.Nextafter(limit, behind)
	}
	if math.IsInf(limit, 0) {
		return ""
	}
	return "r._value" + operator + c.bind(limit)
}

// extreme returns the n-th of the extremes of all series. found is false where there are fewer series.
func (s *Store) extreme(ctx context.Context, sc *scan, r rank, n int64) (limit float64, found bool, err error) {
	function, desc := "max", "true"
	if r.smallest {
		function, desc = "min", "false"
	}
	flux := sc.flux(everywhere) + ` |> ` + function + `() |> keep(columns: ["_value"]) |> group()` +
		` |> sort(columns: ["_value"], desc: ` + desc + `) |> limit(n: 1, offset: ` + strconv.FormatInt(n-1, 10) + `)`
	err = s.ask(ctx, flux, sc.params, func(row *record) error {
		value, err := row.value()
		limit, found = value.(float64)
		return err
	})
	return limit, found, err
}

// topOfAll goes through all points of a scan to find the first ones by rank, again and again until the page ends.
func (s *Store) topOfAll(ctx context.Context, sc *scan, r rank, p monitor.Page, yield func(*sample) bool) error {
	skip, left := p.Offset, p.Limit
	if left == 0 {
		left = math.MaxInt64 - skip
	}
	var last *sample
	for left > 0 {
		want := min(topPoints, skip+left)
		best, err := s.best(ctx, sc, r, last, int(want))
		if err != nil || len(best) == 0 {
			return err
		}
		last = best[len(best)-1]
		listed := best[min(skip, int64(len(best))):]
		skip -= int64(len(best) - len(listed))
		left -= int64(len(listed))
		more, err := s.handRanked(ctx, sc, listed, yield)
		if err != nil || !more || int64(len(best)) < want {
			return err
		}
	}
	return nil
}

// best returns the first points by rank that come after last, n at most.
func (s *Store) best(ctx context.Context, sc *scan, r rank, last *sample, n int) ([]*sample, error) {
	var best []*sample
	skip := int64(0)
	err := s.walk(ctx, sc, &skip, func(_ *collector, found []*sample) (bool, error) {
		for _, p := range found {
			if last == nil || r.compare(p, last) > 0 {
				best = append(best, p)
			}
		}
		slices.SortFunc(best, r.compare)
		best = slices.Clone(best[:min(n, len(best))])
		return true, nil
	})
	return best, err
}

// handRanked reads the fields of points, which lie anywhere in time, and hands them over.
func (s *Store) handRanked(ctx context.Context, sc *scan, points []*sample, yield func(*sample) bool) (more bool, err error) {
	apart := *sc
	apart.apart = true
	for some := range slices.Chunk(points, chunk) {
		c := newCollector(metricTags[:]...)
		inTime := c.adopt(some)
		slices.SortFunc(inTime, compareSamples)
		if err := s.fill(ctx, &apart, c, inTime, metricFields); err != nil {
			return false, err
		}
		for _, p := range some {
			if !yield(p) {
				return false, nil
			}
		}
	}
	return true, nil
}
