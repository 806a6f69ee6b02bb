package influx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// rowQuery is what a scan chooses in terms of InfluxQL: points with these tags, of these sessions.
type rowQuery struct {
	tags map[string]string // encoded
	ids  map[session]bool  // of any session if nil
}

// The columns of rows, after the time.
const (
	rankedValue = 1 + iota
	rankedSession
	rankedTags // and those that follow: rowTags
)

// rowTags are the tags that rows have as columns. They are grouped by that which is missing.
var rowTags = slices.DeleteFunc(slices.Clone(metricTags[:]), func(tag string) bool { return tag == "item_path" })

// query returns the query for the rows of a measurement, into which the times are to be put.
func (q *rowQuery) query(field string) (string, params) {
	conditions, p := []string{"%s"}, params{}
	for _, tag := range slices.Sorted(maps.Keys(q.tags)) {
		conditions = append(conditions, tag+" = $"+tag)
		p[tag] = q.tags[tag]
	}
	return "SELECT " + field + ", session_h, " + strings.Join(rowTags, ", ") + " FROM " + MetricMeasurement +
		" WHERE " + strings.Join(conditions, " AND ") + " GROUP BY item_path", p
}

// topOfRows lists the first points by rank among all points of a scan. InfluxQL gives a point's measurement, its session
// and its tags as one row, for which Flux needs several queries over the same points. done is false where InfluxQL
// gives no rows.
func (s *Store) topOfRows(ctx context.Context, sc *scan, r rank, p monitor.Page, yield func(*sample) bool) (done bool, err error) {
	best := &ranking{rank: r, n: int(p.Offset + p.Limit), rows: sc.rows, known: map[string]bool{}, collector: newCollector(metricTags[:]...)}
	query, values := sc.rows.query(r.field)
	for _, in := range sc.spans {
		err := s.influxQL(ctx, fmt.Sprintf(query, fmt.Sprintf("time >= %d AND time < %d", in.from, in.to)), values, best.take)
		if errors.Is(err, errElsewhere) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	if !best.found { // perhaps because the data is where InfluxQL does not look
		return false, nil
	}
	_, err = s.handRanked(ctx, sc, part(best.first(), p), yield)
	return true, err
}

// ranking keeps the first points by rank.
type ranking struct {
	rank
	n    int
	rows *rowQuery

	found     bool
	known     map[string]bool // whether a session is wanted, by its project and hash as encoded
	collector *collector
	points    []*sample
	last      *sample // the n-th, once there were as many
	key       []byte
}

// take adds a row, if it is of a session that is wanted and before the last one that is kept.
func (k *ranking) take(row *row) error {
	if len(row.texts) < rankedTags+len(rowTags) {
		return nil
	}
	k.found = true
	if value := row.floats[rankedValue]; value != value || !k.wanted(row) || k.last != nil && k.behind(value, row.time) {
		return nil
	}
	k.points = append(k.points, &sample{series: k.collector.seriesOf(func(tag string) string {
		if i := slices.Index(rowTags, tag); i >= 0 {
			return string(row.texts[rankedTags+i])
		}
		return row.tags[tag]
	}), at: row.time, fields: map[string]any{k.field: row.floats[rankedValue]}})
	if len(k.points) >= 2*k.n+10 {
		k.first()
	}
	return nil
}

// behind says whether a value comes after the last one that is kept.
func (k *ranking) behind(value float64, at int64) bool {
	last := k.value(k.last)
	if value == last {
		return at > k.last.at
	}
	return (value > last) == k.smallest
}

func (k *ranking) wanted(row *row) bool {
	if k.rows.ids == nil {
		return true
	}
	project, hash := row.texts[rankedTags+slices.Index(rowTags, tagProject)], row.texts[rankedSession]
	k.key = append(append(append(k.key[:0], project...), 0), hash...) // 0 is in no encoded text
	wanted, known := k.known[string(k.key)]
	if !known {
		wanted = k.rows.ids[session{DecodeText(string(project)), DecodeText(string(hash))}]
		k.known[string(k.key)] = wanted
	}
	return wanted
}

// first leaves the first points by rank, in its order.
func (k *ranking) first() []*sample {
	slices.SortFunc(k.points, k.compare)
	if len(k.points) >= k.n {
		k.points = slices.Clip(slices.Clone(k.points[:k.n]))
		k.last = k.points[k.n-1]
		clear(k.collector.series) // of points that are not kept any more
	}
	return k.points
}
