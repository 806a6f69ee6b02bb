package main

import (
	"context"

	"pymon-bridge/monitor"
)

// originKey names the context and the session of a metric or an outcome.
type originKey struct{ project, session, context string }

// foundOrigin is the origin that follows from the file.
type foundOrigin struct {
	monitor.Origin
	follows bool // from a context and a session of the same project
}

// maxOrigins bounds the origins in memory.
const maxOrigins = 20_000

// findOrigins returns the metrics and outcomes whose origin does not follow from the file: the courier delivered them before
// their context or session was known. Their origin is pinned, as it was in the file that is lost. It first brings back the
// contexts and sessions that points name and that were not read, since they belong to another project or to an earlier time.
func (r *restorer) findOrigins(ctx context.Context, points []*monitor.Point) (pins []*monitor.Point, err error) {
	for _, p := range points {
		m := p.Measured()
		if m == nil {
			continue
		}
		key := originKey{p.Project, m.SessionH, m.ContextH}
		found, ok := r.origins[key]
		if !ok {
			if found, err = r.findOrigin(ctx, key, p.Env != monitor.UnknownEnv); err != nil {
				return nil, err
			}
			if len(r.origins) >= maxOrigins {
				clear(r.origins)
			}
			r.origins[key] = found
		}
		if !found.follows || found.Origin != p.Origin {
			pins = append(pins, p)
		}
	}
	return pins, nil
}

// findOrigin looks for the context and the session of a metric. known says that its context was known when it was delivered.
func (r *restorer) findOrigin(ctx context.Context, key originKey, known bool) (foundOrigin, error) {
	s, err := r.db.Session(ctx, key.project, key.session)
	if r.partial && monitor.ErrorCode(err) == monitor.ENotFound {
		if err = r.fetch(ctx, monitor.ClassSession, key.project, key.session); err == nil {
			s, err = r.db.Session(ctx, key.project, key.session)
		}
	}
	if err != nil && monitor.ErrorCode(err) != monitor.ENotFound {
		return foundOrigin{}, err
	}
	c, err := r.db.Context(ctx, key.project, key.context)
	if r.project != "" && known && monitor.ErrorCode(err) == monitor.ENotFound {
		if _, elsewhere := r.db.Context(ctx, "", key.context); monitor.ErrorCode(elsewhere) == monitor.ENotFound {
			if err := r.fetch(ctx, monitor.ClassContext, "", key.context); err != nil && monitor.ErrorCode(err) != monitor.ENotFound {
				return foundOrigin{}, err
			}
		}
	}
	if err != nil && monitor.ErrorCode(err) != monitor.ENotFound {
		return foundOrigin{}, err
	}
	return foundOrigin{monitor.OriginOf(key.session, c, s), c != nil && s != nil}, nil
}

// fetch brings back the context or the session with a hash, of one project or of any. Fails with ENotFound when there is none.
func (r *restorer) fetch(ctx context.Context, class monitor.Class, project, h string) error {
	p, err := r.reader.Lookup(ctx, class, project, h)
	if err != nil {
		return err
	}
	if err := p.Restore(r.now); err != nil {
		return monitor.Errorf(monitor.ENotFound, "%w", err)
	}
	return r.append(ctx, []*monitor.Point{p})
}
