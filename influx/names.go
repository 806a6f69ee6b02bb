package influx

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// Names implements [monitor.Store].
func (s *Store) Names(ctx context.Context, q monitor.NameQuery, p monitor.Page) iter.Seq2[string, error] {
	return listed(ctx, func(yield func(string) bool) error {
		names, err := s.names(ctx, q)
		for _, name := range part(names, p) {
			if !yield(name) {
				break
			}
		}
		return err
	})
}

// CountNames implements [monitor.Store].
func (s *Store) CountNames(ctx context.Context, q monitor.NameQuery) (int64, error) {
	names, err := s.names(ctx, q)
	return int64(len(names)), err
}

// names returns the distinct names of a query in order. They are in memory at a time, as their tags are in InfluxDB's.
func (s *Store) names(ctx context.Context, q monitor.NameQuery) ([]string, error) {
	gather := s.sessionNames
	if q.Of == monitor.Components {
		gather = s.components
	}
	found := map[string]bool{}
	err := gather(ctx, q, func(name string) {
		if strings.HasPrefix(name, q.Prefix) {
			found[name] = true
		}
	})
	if err != nil {
		return nil, err
	}
	if q.Of != monitor.Components || q.NonEmpty {
		delete(found, "")
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// components finds the components of metrics.
func (s *Store) components(ctx context.Context, q monitor.NameQuery, found func(string)) error {
	sc := newScan(s.writer.cfg.Bucket, MetricMeasurement, presentField)
	sc.ofProject(q.Project)
	var tags []string
	err := s.ask(ctx, sc.tagValues("component"), sc.params, func(r *record) error {
		tags = append(tags, strings.Clone(r.text("_value")))
		return nil
	})
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if !standing.MatchString(tag) {
			found(DecodeText(tag))
		} else if err := s.behind(ctx, sc, "component", tag, found); err != nil {
			return err
		}
	}
	return nil
}

// tagValues returns the query for the values of a tag that series of the scan have.
func (s *scan) tagValues(tag string) string {
	return `import "influxdata/influxdb/schema" ` +
		`schema.tagValues(bucket: v.bucket, tag: "` + tag + `", start: 1970-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z, ` +
		`predicate: (r) => ` + s.onTags() + `)`
}

// behind finds the texts that a tag value stands for.
func (s *Store) behind(ctx context.Context, sc *scan, tag, value string, found func(string)) error {
	all := sc.keyed(presentField, func(*scan) string { return "" })
	all.tags = append(slices.Clone(sc.tags), "r."+tag+" == "+all.bind(value))
	raw := all.keyed(tag+rawSuffix, func(*scan) string { return "" })
	points, err := s.count(ctx, all, everywhere)
	if err != nil {
		return err
	}
	raws, err := s.count(ctx, raw, everywhere)
	if err != nil {
		return err
	}
	if points > raws { // some were sent as the tag reads
		found(DecodeText(value))
	}
	return s.ask(ctx, raw.flux(everywhere)+` |> group() |> keep(columns: ["_value"]) |> distinct()`, raw.params,
		func(r *record) error {
			found(strings.Clone(DecodeText(r.text("_value"))))
			return nil
		})
}

// sessionNames finds the names of sessions.
func (s *Store) sessionNames(ctx context.Context, q monitor.NameQuery, found func(string)) error {
	var all []entry
	names := map[session]string{}
	for b, err := range s.briefs(ctx, lookFor{project: q.Project}, tagsField) {
		if err != nil {
			return err
		}
		name := nameOf(b, q.Of)
		if name == "" || q.Pipeline != "" && tagText(b.Session, "pipeline_branch").String != q.Pipeline ||
			q.Build != "" && tagText(b.Session, "pipeline_build_no").String != q.Build {
			continue
		}
		if q.Component == nil {
			found(name)
			continue
		}
		names[b.session] = name
		all = append(all, b.entry)
	}
	if len(all) == 0 {
		return nil
	}
	return s.measuredBy(ctx, q, all, func(id session) { found(names[id]) })
}

func nameOf(b brief, of monitor.Names) string {
	switch of {
	case monitor.Pipelines:
		return tagText(b.Session, "pipeline_branch").String
	case monitor.PipelineBuilds:
		return tagText(b.Session, "pipeline_build_no").String
	default:
		return b.hash
	}
}

// measuredBy finds the sessions that have a metric of the query's component, near those that are asked for.
func (s *Store) measuredBy(ctx context.Context, q monitor.NameQuery, all []entry, found func(session)) error {
	component := monitor.Match{Field: monitor.FieldComponent, Text: *q.Component}
	sc, err := s.metricScan(ctx, monitor.MetricQuery{Project: q.Project, Where: []monitor.Match{component}})
	if err != nil {
		return err
	}
	sc.around(all)
	if sc.key = "session_h"; sc.exact() {
		return s.measuredSessions(ctx, sc, found)
	}
	skip := int64(0)
	return s.walk(ctx, sc, &skip, func(_ *collector, points []*sample) (bool, error) {
		for _, p := range points {
			found(session{p.texts[0], p.row().text("session_h")})
		}
		return true, nil
	})
}

// measuredSessions has InfluxDB find the distinct sessions of a scan that reads their hashes.
func (s *Store) measuredSessions(ctx context.Context, sc *scan, found func(session)) error {
	for _, in := range sc.spans {
		flux := sc.flux(in) + ` |> group(columns: ["project"]) |> keep(columns: ["project", "_value"]) |> distinct()`
		err := s.ask(ctx, flux, sc.params, func(r *record) error {
			found(session{DecodeText(r.text(tagProject)), strings.Clone(DecodeText(r.text("_value")))})
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
