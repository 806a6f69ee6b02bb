package influx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	// fillPoints is how many points get their other fields at a time.
	fillPoints = 4096
	// statements is how many points that lie apart are asked for in one query.
	statements = 32
	// fewNames is up to how many modules, or tests, are named in a query. InfluxDB opens each field of each series that
	// a query is about, which costs more than the points that are read.
	fewNames = 200
)

// points returns those of a span that a scan chooses, in the order of lists, with the fields that it looks at. Fails
// with errMany where there are more candidates than the limit, which may be 0 for none.
func (s *Store) points(ctx context.Context, sc *scan, in span, limit int) (*collector, []*sample, error) {
	c := newCollector(metricTags[:]...)
	c.limits.points = limit
	flux := sc.flux(in) + ` |> group(columns: ["_field"])`
	together := sc.value == "" && len(sc.checked) > 0 // no need to ask twice
	if together {
		flux = sc.fluxOf(in, append([]string{sc.key}, sc.checked...))
	}
	if err := s.ask(ctx, flux+dropped, sc.params, c.add); err != nil {
		return nil, nil, err
	}
	c.limits.points = 0
	found := c.sorted()
	c.read = len(found)
	if !together && len(sc.checked) > 0 {
		if err := s.fill(ctx, sc, c, found, sc.checked); err != nil {
			return nil, nil, err
		}
	}
	found = slices.DeleteFunc(found, func(p *sample) bool {
		return p.fields[sc.key] == nil || sc.accept != nil && !sc.accept(p)
	})
	return c, found, nil
}

// dropped leaves out columns that say nothing.
const dropped = ` |> drop(columns: ["_start", "_stop", "_measurement"])`

// fill reads further fields of points, which are in the order of time and were collected by c.
func (s *Store) fill(ctx context.Context, sc *scan, c *collector, points []*sample, fields []string) error {
	for part := range slices.Chunk(points, fillPoints) {
		if err := s.fillPart(ctx, sc, c, part, fields); err != nil {
			return err
		}
	}
	return nil
}

// fillPart reads the fields of all points of the span in which the wanted ones lie, unless there are many others.
func (s *Store) fillPart(ctx context.Context, sc *scan, c *collector, points []*sample, fields []string) error {
	in := span{points[0].at, points[len(points)-1].at + 1}
	plain := sc.keyed(presentField, func(*scan) string { return "" })
	plain.ofTests(points)
	many, err := s.crowded(ctx, sc, plain, in, len(points))
	if err != nil {
		return err
	}
	if !many {
		c.want(points)
		if c.rows = 0; !sc.compact() {
			c.limits.rows = tolerated(len(points)) * len(fields)
		}
		err = s.ask(ctx, plain.fluxOf(in, fields)+dropped, plain.params, c.add)
		c.limits.rows = 0
		if !errors.Is(err, errMany) {
			return err
		}
	}
	if len(points) <= statements {
		return s.fillEach(ctx, plain, c, points, fields)
	}
	apart, half := *sc, len(points)/2
	apart.apart = true
	if err := s.fillPart(ctx, &apart, c, points[:half], fields); err != nil {
		return err
	}
	return s.fillPart(ctx, &apart, c, points[half:], fields)
}

// crowded says whether points that lie apart have many others between them. It does not look at others: these are
// expected to be most of what there is.
func (s *Store) crowded(ctx context.Context, sc, plain *scan, in span, wanted int) (bool, error) {
	if !sc.apart {
		return false, nil
	}
	n, err := s.count(ctx, plain, in)
	return n > int64(tolerated(wanted)), err
}

// tolerated is how many points are read for the sake of some.
func tolerated(wanted int) int { return 4*wanted + 2048 }

// ofTests leaves the tests of some points, or their modules, if these are few.
func (s *scan) ofTests(points []*sample) {
	for _, tag := range []string{"item_path", "item"} {
		names := map[string]bool{}
		for _, p := range points {
			names[p.tags[tag]] = true
		}
		if len(names) > fewNames {
			continue
		}
		s.tags = append(slices.Clone(s.tags), s.oneOf(tag, slices.Collect(maps.Keys(names))))
		return
	}
}

// fillEach reads the fields of points that lie apart.
func (s *Store) fillEach(ctx context.Context, plain *scan, c *collector, points []*sample, fields []string) error {
	var all strings.Builder
	one := plain.keyed(presentField, func(*scan) string { return "" })
	for i, p := range points {
		one.tags = plain.tags[:len(plain.tags):len(plain.tags)]
		for _, name := range []string{tagProject, "item", "item_variant"} {
			one.tags = append(one.tags, "r."+name+" == "+one.bind(p.tags[name]))
		}
		fmt.Fprintf(&all, "%s%s |> yield(name: \"%d\")\n", one.fluxOf(p.span(), fields), dropped, i)
	}
	c.want(points)
	return s.ask(ctx, all.String(), one.params, c.add)
}

// compact says that most points in a span are candidates, if they have the scan's tags.
func (s *scan) compact() bool { return s.value == "" && !s.apart }

// want makes the collector add to these points, and to nothing else.
func (c *collector) want(points []*sample) {
	c.wanted, c.samples = make(map[place]*sample, len(points)), map[place]*sample{}
	for _, p := range points {
		c.wanted[place{p.series, p.at}] = p
	}
}
