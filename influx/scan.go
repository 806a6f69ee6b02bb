package influx

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pymon-bridge/monitor"
)

// presentField is a field that every metric has, and the smallest.
const presentField = "utc_offset"

// scan is a choice of metrics in InfluxDB's terms. A scan reads one field, the key, of the points that its conditions
// leave: one row for each candidate. Where InfluxDB cannot decide alone, accept decides on the candidates.
type scan struct {
	measurement string
	bucket      string
	tags        []string // conditions on tags
	key         string   // the field that is read
	value       string   // condition on its value; "" for any
	params      params   // of all conditions

	spans    []span    // where to look, in the order of time
	starts   []int64   // when sessions began, which is where metrics are; in order
	near     bool      // the starts are those of sessions that are asked for
	directed bool      // few points are expected, wherever they are
	apart    bool      // the points whose fields are read are a few of the candidates
	rows     *rowQuery // the same conditions for InfluxQL; nil where it cannot tell them
	accept   func(*sample) bool
	checked  []string // fields that accept looks at, besides the key
}

// span is a stretch of time in nanoseconds since 1970, without its end.
type span struct{ from, to int64 }

// everywhere is the range of allTime.
var everywhere = span{from: 0, to: 7_258_118_400_000_000_000}

func newScan(bucket, measurement, key string) *scan {
	return &scan{bucket: bucket, measurement: measurement, key: key,
		params: params{"bucket": bucket, "measurement": measurement}, spans: []span{everywhere},
		rows: &rowQuery{tags: map[string]string{}}}
}

// bind gives a value a name in the query and returns it.
func (s *scan) bind(value any) string {
	name := "p" + strconv.Itoa(len(s.params))
	s.params[name] = value
	return "v." + name
}

// id identifies the candidates of a scan, wherever they are, and the sessions that they are counted by.
func (s *scan) id() scanID {
	if len(s.tags) == 0 && s.value == "" && !s.near {
		return everyMetric
	}
	h := sha256.New()
	fmt.Fprint(h, s.tags, s.value, s.params)
	if s.near {
		fmt.Fprint(h, s.starts)
	}
	return scanID(h.Sum(nil))
}

// exact says that InfluxDB decides alone.
func (s *scan) exact() bool { return s.accept == nil }

// also adds a condition that is decided here, on the given fields.
func (s *scan) also(accept func(*sample) bool, fields ...string) {
	before := s.accept
	s.checked = append(s.checked, fields...)
	s.accept = func(p *sample) bool { return (before == nil || before(p)) && accept(p) }
}

// keyed returns a copy that reads another field, under a condition on its value made with bind.
func (s *scan) keyed(field string, condition func(*scan) string) *scan {
	c := *s
	c.params, c.key = maps.Clone(s.params), field
	c.value = condition(&c)
	return &c
}

// flux returns the query for the key field of the candidates in a span.
func (s *scan) flux(in span) string {
	conditions := append([]string{"r._field == \"" + s.key + "\""}, s.tags...)
	if s.value != "" {
		conditions = append(conditions, s.value)
	}
	return s.from(in, conditions)
}

// fluxOf returns the query for several fields of all points in a span that have the scan's tags.
func (s *scan) fluxOf(in span, fields []string) string {
	named := make([]string, len(fields))
	for i, f := range fields {
		named[i] = "r._field == \"" + f + "\""
	}
	return s.from(in, append([]string{anyOf(named)}, s.tags...)) + ` |> group(columns: ["_field"])`
}

func (s *scan) from(in span, conditions []string) string {
	all := append([]string{"r._measurement == v.measurement"}, conditions...)
	return fmt.Sprintf(`from(bucket: v.bucket) |> range(start: time(v: %d), stop: time(v: %d))`+
		` |> filter(fn: (r) => %s)`, in.from, in.to, strings.Join(all, " and "))
}

// onTags returns the condition that leaves the series of a scan.
func (s *scan) onTags() string {
	return strings.Join(append([]string{"r._measurement == v.measurement"}, s.tags...), " and ")
}

const (
	// maxEqual is up to how many texts are compared one by one.
	maxEqual = 3
	// maxPattern is up to how many bytes of texts one regular expression compares. Go has a fast way to match those
	// of up to 1,000 steps.
	maxPattern = 800
)

// oneOf returns the condition that a column has one of some encoded texts. InfluxDB works out each comparison for each
// series, or for each point, and one with a pattern of many texts at the price of one; unless the pattern is an
// alternative of whole texts, of which it makes comparisons. So the pattern lets a 0 follow, which is in no encoded text.
// The texts are in order, since Go merges common beginnings of neighbours only, and is slow with others.
func (s *scan) oneOf(column string, texts []string) string {
	var conditions, alternatives []string
	size := 0
	add := func() {
		if len(alternatives) > 0 {
			conditions = append(conditions, "r."+column+" =~ "+s.bind(pattern("^(?:"+strings.Join(alternatives, "|")+`)\x00*$`)))
		}
		alternatives, size = nil, 0
	}
	for _, text := range slices.Sorted(slices.Values(texts)) {
		if len(texts) <= maxEqual || len(text) > maxPattern {
			conditions = append(conditions, "r."+column+" == "+s.bind(text))
			continue
		}
		if size += len(text); size > maxPattern {
			add()
			size = len(text)
		}
		alternatives = append(alternatives, regexp.QuoteMeta(text))
	}
	add()
	return anyOf(conditions)
}

// anyOf joins conditions by "or", in a tree that is not deep.
func anyOf(conditions []string) string {
	if len(conditions) == 1 {
		return conditions[0]
	}
	half := len(conditions) / 2
	return "(" + anyOf(conditions[:half]) + " or " + anyOf(conditions[half:]) + ")"
}

// ofProject narrows a scan to a project, if one is given.
func (s *scan) ofProject(project string) {
	if project != "" {
		tag, _ := EncodeTag(project)
		s.equals(tagProject, tag)
	}
}

// equals narrows a scan to series with an encoded text as a tag.
func (s *scan) equals(tag, value string) {
	s.tags = append(s.tags, "r."+tag+" == "+s.bind(value))
	if s.rows == nil {
		return
	}
	if before, known := s.rows.tags[tag]; known && before != value {
		s.rows = nil // that it is both is more than InfluxQL is asked
		return
	}
	s.rows.tags[tag] = value
}

// compares says whether a text is what a match asks for.
func compares(m monitor.Match, text string) bool {
	switch m.How {
	case monitor.HasPrefix:
		return strings.HasPrefix(text, m.Text)
	case monitor.Contains:
		return strings.Contains(text, m.Text)
	default:
		return text == m.Text
	}
}
