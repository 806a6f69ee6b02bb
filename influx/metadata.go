package influx

import (
	"context"
	"fmt"

	"pymon-bridge/monitor"
)

var _ monitor.MetadataStore = (*Reader)(nil)

// Context implements [monitor.MetadataStore] with what is in the metadata bucket. Besides ENotFound it fails with
// EUnavailable when InfluxDB does not answer, and with EUnauthorized or EForbidden when the token may not read the bucket.
func (r *Reader) Context(ctx context.Context, project, h string) (*monitor.Context, error) {
	p, err := r.lookup(ctx, monitor.ClassContext, "h", project, h)
	if err != nil {
		return nil, err
	}
	return p.Context, nil
}

// Session implements [monitor.MetadataStore] with what is in the metadata bucket. Its errors are those of Context.
func (r *Reader) Session(ctx context.Context, project, h string) (*monitor.Session, error) {
	p, err := r.lookup(ctx, monitor.ClassSession, "session_h", project, h)
	if err != nil {
		return nil, err
	}
	return p.Session, nil
}

// lookup returns the record of a project, or of any project, whose field has the hash: the one accepted first.
func (r *Reader) lookup(ctx context.Context, class monitor.Class, field, project, hash string) (first *monitor.Point, err error) {
	p := params{tagPrefix: prefix(hash), "hash": EncodeText(hash)}
	where := fmt.Sprintf(`prefix::tag = $prefix AND %q::string = $hash AND %s`, field, between(earliest.UnixNano(), latest.UnixNano()))
	if project != "" {
		tag, _ := EncodeTag(project)
		p[tagProject] = tag
		where += ` AND project::tag = $project`
	}
	_, err = r.points(ctx, class, where, p, func(found *monitor.Point) error {
		if hashOf(found) != hash {
			return nil // the answer is not InfluxDB's
		}
		if first == nil || found.Received.Before(first.Received) {
			first = found
		}
		return nil
	})
	if err == nil && first == nil {
		err = monitor.Errorf(monitor.ENotFound, "no such hash in %s", measurement(class))
	}
	return first, err
}

// hashOf returns the hash of a context or session.
func hashOf(p *monitor.Point) string {
	if p.Context != nil {
		return p.Context.H
	}
	return p.Session.SessionH
}

// readable says whether the token may read the metadata bucket.
func (r *Reader) readable(ctx context.Context) error {
	_, err := r.lookup(ctx, monitor.ClassContext, "h", "", "none")
	if monitor.ErrorCode(err) == monitor.ENotFound {
		return nil
	}
	return err
}
