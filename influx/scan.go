package influx

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

const (
	// week is how long a shard of InfluxDB is by default, and what it is read by. InfluxDB pays for each series that a
	// query opens in a shard, and decodes all of it that the shard has, for whatever part of the time was asked.
	week = 7 * 24 * time.Hour

	// enough is how many bytes of an answer a query aims at. InfluxDB holds about three times as much in memory.
	enough = 16 << 20

	// fewTags and mostTags are how many values of a tag the first query asks for, and any query at most: InfluxDB takes
	// 10 MB of a query, and as many of the longest tags are below that, however much of them has to be escaped.
	fewTags, mostTags = 32, 256
)

// scan is the reading of one class.
type scan struct {
	*Reader
	class  monitor.Class
	divide string // the tag by whose values the points of a week are read in parts
	tags   int    // how many values of it the next query asks for
	visit  func(*monitor.Point) error
}

// walk reads a span week by week and passes over what is empty: InfluxDB tells from its index, in milliseconds, whether
// a span of any length has shards with points of a measurement.
func (s *scan) walk(ctx context.Context, from, to int64) error {
	long := to-from > int64(week)
	tag := s.divide
	if long {
		tag = tagProject // has few values
	}
	values, err := s.tagValues(ctx, tag, from, to)
	switch {
	case err != nil || len(values) == 0:
		return err
	case !long:
		return s.readWeek(ctx, values, from, to)
	}
	middle := monday(from, to)
	if err := s.walk(ctx, from, middle); err != nil {
		return err
	}
	return s.walk(ctx, middle, to)
}

// monday returns a time within a span of more than a week where a shard of a week begins.
func monday(from, to int64) int64 {
	middle := time.Unix(0, from+(to-from)/2).Truncate(week).UnixNano()
	if middle <= from {
		middle += int64(week)
	}
	return middle
}

// readWeek reads the points of a week that have one of the values of the tag, some values at a time: as many as give
// enough points, so that neither many small answers nor a huge one burden InfluxDB.
func (s *scan) readWeek(ctx context.Context, values []string, from, to int64) error {
	for len(values) > 0 {
		n := min(s.tags, len(values))
		size, err := s.read(ctx, values[:n], from, to)
		if err != nil {
			return err
		}
		switch values = values[n:]; {
		case size > enough:
			s.tags = max(1, s.tags/2)
		case size < enough/4 && n == s.tags:
			s.tags = min(2*s.tags, mostTags)
		}
	}
	return nil
}

// read reads the points that have one of the values of the tag. A pattern says which: a chain of comparisons takes
// InfluxDB twice as much work.
func (s *scan) read(ctx context.Context, values []string, from, to int64) (size int64, err error) {
	literals := make([]string, len(values))
	for i, value := range values {
		literals[i] = regexp.QuoteMeta(value)
	}
	p := params{"values": map[string]string{"regex": "^(" + strings.Join(literals, "|") + ")$"}}
	return s.points(ctx, s.class, fmt.Sprintf("%q::tag =~ $values AND %s", s.divide, between(from, to)), p, s.visit)
}

// tagValues returns the values that a tag has in the shards of a span.
func (s *scan) tagValues(ctx context.Context, tag string, from, to int64) (values []string, err error) {
	query := fmt.Sprintf("SHOW TAG VALUES FROM %q WITH KEY = %q WHERE %s", measurement(s.class), tag, between(from, to))
	_, err = s.rest.query(ctx, s.bucket(s.class), query, nil, func(r row) error {
		if value, ok := r.value("value").(string); ok {
			values = append(values, value)
		}
		return nil
	})
	return values, s.explain(s.class, err)
}
