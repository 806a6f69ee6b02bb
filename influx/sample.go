package influx

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// series is what the points of a test on one class of machine have in common.
type series struct {
	tags  map[string]string
	texts [len(seriesOrder)]string // decoded, in the order of seriesOrder
}

// seriesOrder is the order in which points of one nanosecond are listed.
var seriesOrder = [...]string{tagProject, "component", "item_path", "item", "item_variant", "kind", "env"}

// sample is one point of a metric, as far as it was read.
type sample struct {
	*series
	at     int64
	fields map[string]any
}

// row returns what was read in the form that is decoded.
func (p *sample) row() Row { return Row{Time: p.at, Tags: p.tags, Fields: p.fields} }

// text returns the text of a tag as it was sent, if the field that holds it where the tag does not was read.
func (p *sample) text(tag string) string { return p.row().tag(tag) }

// span returns the nanosecond of the sample.
func (p *sample) span() span { return span{p.at, p.at + 1} }

func compareSamples(a, b *sample) int {
	if c := cmp.Compare(a.at, b.at); c != 0 || a.series == b.series {
		return c
	}
	return slices.Compare(a.texts[:], b.texts[:])
}

// place identifies a point.
type place struct {
	series *series
	at     int64
}

// collector puts the fields of points together, whatever order they arrive in.
type collector struct {
	names   []string // of tags
	series  map[string]*series
	samples map[place]*sample
	wanted  map[place]*sample // nothing else is collected, if not nil
	limits  limits
	rows    int
	read    int // candidates
	key     []byte
}

// limits bound what is collected; 0 is no limit.
type limits struct{ points, rows int }

// errMany says that there is more than was to be collected.
var errMany = errors.New("more than expected")

func newCollector(tags ...string) *collector {
	return &collector{names: tags, series: map[string]*series{}, samples: map[place]*sample{}}
}

// add takes one row: a field of a point. Fails with errMany where that is too much.
func (c *collector) add(r *record) error {
	if c.rows++; c.limits.rows > 0 && c.rows > c.limits.rows {
		return errMany
	}
	at, err := r.time()
	if err != nil {
		return err
	}
	where := place{c.seriesOf(r.text), at}
	p := c.samples[where]
	if p == nil {
		if c.wanted != nil {
			if p = c.wanted[where]; p == nil {
				return nil
			}
		} else {
			p = &sample{series: where.series, at: at, fields: make(map[string]any, 1)}
		}
		if c.samples[where] = p; c.limits.points > 0 && len(c.samples) > c.limits.points {
			return errMany
		}
	}
	value, err := r.value()
	if err != nil {
		return err
	}
	if value != nil {
		p.fields[fieldName(r.text("_field"))] = value
	}
	return nil
}

// seriesOf returns the one series that has some tags.
func (c *collector) seriesOf(text func(tag string) string) *series {
	c.key = c.key[:0]
	for _, name := range c.names {
		c.key = append(append(c.key, text(name)...), 0) // 0 is in no encoded text
	}
	s := c.series[string(c.key)]
	if s == nil {
		s = &series{tags: make(map[string]string, len(c.names))}
		for _, name := range c.names {
			s.tags[name] = strings.Clone(text(name))
		}
		for i, name := range seriesOrder {
			s.texts[i] = DecodeText(s.tags[name])
		}
		c.series[string(c.key)] = s
	}
	return s
}

// adopt makes points of other collectors points of this one: the same points, in the same order.
func (c *collector) adopt(points []*sample) []*sample {
	for _, p := range points {
		c.key = c.key[:0]
		for _, name := range c.names {
			c.key = append(append(c.key, p.tags[name]...), 0)
		}
		if same := c.series[string(c.key)]; same != nil {
			p.series = same
		} else {
			c.series[string(c.key)] = p.series
		}
	}
	return slices.Clone(points)
}

// sorted returns what was collected in the order of lists.
func (c *collector) sorted() []*sample {
	all := make([]*sample, 0, len(c.samples))
	for _, p := range c.samples {
		all = append(all, p)
	}
	slices.SortFunc(all, compareSamples)
	return all
}

// fieldName returns a name that does not keep the row it is part of in memory.
func fieldName(name string) string {
	if known, ok := fieldNames[name]; ok {
		return known
	}
	return strings.Clone(name)
}

// metricFields are the fields of which a metric is made.
var metricFields = slices.Concat([]string{"total_time", "user_time", "kernel_time", "cpu_usage", "mem_usage",
	"session_h", "context_h", "item_fs_loc", "item_start_time", presentField}, rawFields())

// measurementFields are the fields of the measurements.
var measurementFields = map[monitor.Measurement]string{
	monitor.TotalTime: "total_time", monitor.UserTime: "user_time", monitor.KernelTime: "kernel_time",
	monitor.CPUUsage: "cpu_usage", monitor.MemUsage: "mem_usage",
}

var fieldNames = func() map[string]string {
	names := map[string]string{}
	for _, name := range metricFields {
		names[name] = name
	}
	return names
}()

// rawFields are those with the texts that tags do not give back.
func rawFields() []string {
	var names []string
	for _, tag := range metricTags {
		names = append(names, tag+rawSuffix)
	}
	return names
}
