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
	p, err := r.Lookup(ctx, monitor.ClassContext, project, h)
	if err != nil {
		return nil, err
	}
	return p.Context, nil
}

// Session implements [monitor.MetadataStore] with what is in the metadata bucket. Its errors are those of Context.
func (r *Reader) Session(ctx context.Context, project, h string) (*monitor.Session, error) {
	p, err := r.Lookup(ctx, monitor.ClassSession, project, h)
	if err != nil {
		return nil, err
	}
	return p.Session, nil
}

// Lookup returns the context or the session of a project, or of any project, that has the hash: the one accepted first. Its
// errors are those of Context.
func (r *Reader) Lookup(ctx context.Context, class monitor.Class, project, hash string) (first *monitor.Point, err error) {
	field := "h"
	if class == monitor.ClassSession {
		field = "session_h"
	}
	where, p := Query{Project: project, From: earliest, To: latest}.condition()
	p[tagPrefix], p["hash"] = prefix(hash), monitor.EncodeText(hash)
	where = fmt.Sprintf(`prefix::tag = $prefix AND %q::string = $hash AND %s`, field, where)
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
