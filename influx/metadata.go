package influx

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pymon-bridge/monitor"
)

// Metadata finds contexts and sessions in the metadata bucket, whichever bridge delivered them. It implements
// [monitor.MetadataStore]. Besides ENotFound it fails with EUnavailable when InfluxDB does not answer, and with
// EUnauthorized or EForbidden when the token may not read the bucket.
type Metadata struct {
	rest        rest
	org, bucket string
}

// Metadata returns a reader of the bucket that the Writer writes to. It works after Close, too.
func (w *Writer) Metadata() *Metadata {
	return &Metadata{rest: w.rest, org: w.cfg.Org, bucket: w.cfg.MetaBucket}
}

// Context implements [monitor.MetadataStore].
func (m *Metadata) Context(ctx context.Context, project, h string) (*monitor.Context, error) {
	look := lookup{measurement: ContextMeasurement, field: "h", project: project, hash: h}
	rec, err := m.first(ctx, look, func(r Row) (*monitor.Record, string) {
		rec := r.Context()
		return rec, rec.Context.H
	})
	if err != nil {
		return nil, err
	}
	return rec.Context, nil
}

// Session implements [monitor.MetadataStore].
func (m *Metadata) Session(ctx context.Context, project, h string) (*monitor.Session, error) {
	look := lookup{measurement: SessionMeasurement, field: "session_h", project: project, hash: h}
	rec, err := m.first(ctx, look, func(r Row) (*monitor.Record, string) {
		rec := r.Session()
		return rec, rec.Session.SessionH
	})
	if err != nil {
		return nil, err
	}
	return rec.Session, nil
}

// lookup is the search for one hash.
type lookup struct {
	measurement   string
	field         string // that holds the hash
	project, hash string // any project if empty
}

// first returns the record with the hash that was accepted first.
func (m *Metadata) first(ctx context.Context, l lookup, decode func(Row) (*monitor.Record, string)) (*monitor.Record, error) {
	places, err := m.places(ctx, l)
	if err != nil {
		return nil, m.explain(err)
	}
	var found []*monitor.Record
	for _, place := range places {
		flux, p := m.read(l.measurement, place)
		rows, err := m.rest.rows(ctx, m.org, flux, p)
		if err != nil {
			return nil, m.explain(err)
		}
		for _, row := range rows {
			if rec, hash := decode(row); hash == l.hash {
				found = append(found, rec)
			}
		}
	}
	if len(found) == 0 {
		return nil, monitor.Errorf(monitor.ENotFound, "no such hash in %s", l.measurement)
	}
	return slices.MinFunc(found, func(a, b *monitor.Record) int { return a.Received.Compare(b.Received) }), nil
}

// places finds the points that have the hash, without their other fields. That of a context follows from its hash
// when the project is known.
func (m *Metadata) places(ctx context.Context, l lookup) ([]Row, error) {
	tags := map[string]string{tagPrefix: prefix(l.hash)}
	if l.project != "" {
		tags[tagProject], _ = EncodeTag(l.project)
		if l.measurement == ContextMeasurement {
			return []Row{{Time: contextTime(l.project, l.hash), Tags: tags}}, nil
		}
	}
	flux, p := m.search(l, tags)
	return m.rest.rows(ctx, m.org, flux, p)
}

// search makes the query for the points of series with the given tags that have the hash.
func (m *Metadata) search(l lookup, tags map[string]string) (flux string, p params) {
	p = params{"bucket": m.bucket, "measurement": l.measurement, "field": l.field, "hash": EncodeText(l.hash)}
	return `from(bucket: v.bucket) |> ` + allTime + p.filter(tags) +
		` |> filter(fn: (r) => r._field == v.field and r._value == v.hash)`, p
}

// read makes the query for all fields at a place.
func (m *Metadata) read(measurement string, place Row) (flux string, p params) {
	p = params{"bucket": m.bucket, "measurement": measurement}
	return fmt.Sprintf(`from(bucket: v.bucket) |> range(start: time(v: %d), stop: time(v: %d))%s`,
		place.Time, place.Time+1, p.filter(place.Tags)), p
}

// filter returns a filter by measurement and the metadata's tags, and adds the tags' values to p.
func (p params) filter(tags map[string]string) string {
	flux := ` |> filter(fn: (r) => r._measurement == v.measurement`
	for _, name := range []string{tagPrefix, tagProject} {
		if value, ok := tags[name]; ok {
			p[name] = value
			flux += fmt.Sprintf(" and r.%s == v.%s", name, name)
		}
	}
	return flux + ")"
}

// readable says whether the token may read the bucket.
func (m *Metadata) readable(ctx context.Context) error {
	p := params{"bucket": m.bucket}
	_, err := m.rest.rows(ctx, m.org, `from(bucket: v.bucket) |> range(start: 1970-01-01T00:00:00Z,`+
		` stop: 1970-01-02T00:00:00Z) |> limit(n: 1)`, p)
	return m.explain(err)
}

// explain says what InfluxDB's "not found" means for a bucket: also that the token may not see it.
func (m *Metadata) explain(err error) error {
	var e *monitor.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && e.Code == monitor.ENotFound:
		return monitor.Errorf(monitor.EForbidden,
			"the token may not read bucket %q in organisation %q, or it does not exist: give it read access (%w)",
			m.bucket, m.org, err)
	default:
		return wrap(err, "read bucket %q", m.bucket)
	}
}
