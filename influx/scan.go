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
	// week is the span that one query asks for. It is how much time a shard of InfluxDB covers by default. For each series
	// that a query opens in a shard, InfluxDB decodes all that the shard has of it, however short the span is. The buckets that
	// the bridge makes have shards of four weeks ([ShardGroup]), so reading them takes four times the work. It matters little,
	// since people seldom read a lost file back.
	week = 7 * 24 * time.Hour

	// enough is how many bytes of an answer a query aims at. InfluxDB holds about three times as much in memory.
	enough = 16 << 20

	// fewTags and mostTags are how many values of a tag the first query asks for, and any query at most: InfluxDB takes
	// 10 MB of a query, and as many of the longest tags are below that, however much of them has to be escaped.
	fewTags, mostTags = 32, 256
)

// walk reads a span week by week and passes over what is empty: InfluxDB tells from its index, in milliseconds, whether
// a span of any length has shards with points of a measurement.
func (r *Reader) walk(ctx context.Context, q Query, visit func(*Part) error) error {
	long := q.To.Sub(q.From) > week
	tag := divide(q.Class)
	if long {
		tag = tagProject // has few values
	}
	values, err := r.tagValues(ctx, tag, q)
	switch {
	case err != nil || len(values) == 0:
		return err
	case !long:
		return visit(&Part{q, values})
	}
	middle := monday(q.From, q.To)
	first, second := q, q
	first.To, second.From = middle, middle
	if err := r.walk(ctx, first, visit); err != nil {
		return err
	}
	return r.walk(ctx, second, visit)
}

// divide returns the tag by whose values the points of a week are read in parts.
func divide(class monitor.Class) string {
	if isMetadata(class) {
		return tagPrefix
	}
	return "item_path"
}

// monday returns a time within a span of more than a week where a shard of a week begins.
func monday(from, to time.Time) time.Time {
	middle := from.Add(to.Sub(from) / 2).Truncate(week)
	if !middle.After(from) {
		middle = middle.Add(week)
	}
	return middle
}

// readWeek reads the points of a week that have one of the values of the tag, some values at a time: as many as give
// enough points, so that neither many small answers nor a huge one burden InfluxDB.
func (r *Reader) readWeek(ctx context.Context, part *Part, visit func(*monitor.Point) error) error {
	tags := fewTags
	for values := part.values; len(values) > 0; {
		n := min(tags, len(values))
		size, err := r.read(ctx, part.Query, values[:n], visit)
		if err != nil {
			return err
		}
		switch values = values[n:]; {
		case size > enough:
			tags = max(1, tags/2)
		case size < enough/4 && n == tags:
			tags = min(2*tags, mostTags)
		}
	}
	return nil
}

// read reads the points that have one of the values of the tag. A pattern says which: a chain of comparisons takes
// InfluxDB twice as much work.
func (r *Reader) read(ctx context.Context, q Query, values []string, visit func(*monitor.Point) error) (size int64, err error) {
	literals := make([]string, len(values))
	for i, value := range values {
		literals[i] = regexp.QuoteMeta(value)
	}
	where, p := q.condition()
	p["values"] = map[string]string{"regex": "^(" + strings.Join(literals, "|") + ")$"}
	return r.points(ctx, q.Class, fmt.Sprintf("%q::tag =~ $values AND %s", divide(q.Class), where), p, visit)
}

// condition returns the condition on the project and the time.
func (q Query) condition() (where string, p params) {
	where, p = fmt.Sprintf("time >= %d AND time < %d", q.From.UnixNano(), q.To.UnixNano()), params{}
	if q.Project != "" {
		p[tagProject], _ = EncodeTag(q.Project)
		where += ` AND project::tag = $project`
	}
	return where, p
}

// tagValues returns the values that a tag has in the shards of a span.
func (r *Reader) tagValues(ctx context.Context, tag string, q Query) (values []string, err error) {
	where, p := q.condition()
	query := fmt.Sprintf("SHOW TAG VALUES FROM %q WITH KEY = %q WHERE %s", measurement(q.Class), tag, where)
	_, err = r.rest.query(ctx, r.bucket(q.Class), query, p, func(found row) error {
		if value, ok := found.value("value").(string); ok {
			values = append(values, value)
		}
		return nil
	})
	return values, r.explain(q.Class, err)
}
