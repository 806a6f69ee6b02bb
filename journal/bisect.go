package journal

import (
	"context"
	"errors"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// probeAfter is a number of points that the destination refused one by one. After so many, with no point accepted, the
// bisector probes the destination before it buries any point.
const probeAfter = 16

// errRefusesAll says that a destination refuses the probe too.
var errRefusesAll = errors.New("the destination refuses everything")

// bisector delivers points and finds the points at fault.
type bisector struct {
	sink    monitor.Sink
	retrier *retrier
	status  *status
	size    int // most points of one delivery
}

// deliver delivers points, either metadata or metrics, and returns the dead letters. Its only error is errStopped: the
// courier stopped before there was a result.
func (b *bisector) deliver(points []*monitor.Point) ([]monitor.DeadLetter, error) {
	for {
		r := &round{bisector: b}
		err := r.bisect(points)
		if !errors.Is(err, errRefusesAll) {
			return r.dead, err
		}
		// An operator has to act. The dead letters of this round are dropped, so nothing is buried.
		pause := slowPause(r.refusal)
		b.status.trouble(b.retrier.life.hard, refusing, r.refusal, pause)
		if !wait(b.retrier.life.soft, pause) {
			return nil, errStopped
		}
	}
}

// round is one attempt to deliver points and to find the points at fault.
type round struct {
	bisector *bisector
	dead     []monitor.DeadLetter
	refused  int           // points that were refused alone
	accepted bool          // the destination accepted a point or a probe, so it works
	refusal  monitor.Reply // the last refusal
}

// bisect delivers points. It halves a refused part until each point at fault is alone.
func (r *round) bisect(points []*monitor.Point) error {
	// These parts are not delivered yet. The last element is the next part.
	parts := slices.Collect(slices.Chunk(r.withinLimits(points), r.bisector.size))
	slices.Reverse(parts)
	for len(parts) > 0 {
		part := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		reply, err := r.bisector.retrier.ask(func(ctx context.Context) monitor.Reply {
			return r.bisector.sink.Deliver(ctx, part)
		})
		switch {
		case err != nil:
			return err
		case reply.Kind == monitor.Delivered:
			r.accepted = true
		case len(part) > 1:
			half := len(part) / 2
			parts = append(parts, part[half:], part[:half])
		default:
			r.bury(part[0], reply)
			r.refused, r.refusal = r.refused+1, reply
		}
		// The destination is probed at the 16th refusal, and also after fewer refusals when no part is left.
		if !r.accepted && (r.refused == probeAfter || r.refused > 0 && len(parts) == 0) {
			if err := r.probe(); err != nil {
				return err
			}
		}
	}
	return nil
}

// withinLimits buries the points above a known limit of the destination, and returns the other points.
func (r *round) withinLimits(points []*monitor.Point) []*monitor.Point {
	rest := make([]*monitor.Point, 0, len(points))
	for _, p := range points {
		if limit := r.bisector.sink.Limit(p); limit != "" {
			r.bury(p, monitor.Reply{Message: limit})
			continue
		}
		rest = append(rest, p)
	}
	return rest
}

// probe returns errRefusesAll when the destination refuses a harmless point too.
func (r *round) probe() error {
	class := r.dead[len(r.dead)-1].Class
	reply, err := r.bisector.retrier.ask(func(ctx context.Context) monitor.Reply {
		return r.bisector.sink.Probe(ctx, class)
	})
	switch {
	case err != nil:
		return err
	case reply.Kind != monitor.Delivered:
		r.refusal = reply
		return errRefusesAll
	}
	r.accepted = true
	return nil
}

func (r *round) bury(p *monitor.Point, reply monitor.Reply) {
	r.dead = append(r.dead, monitor.DeadLetter{
		Dest:   r.bisector.sink.Destination(),
		Seq:    p.Seq,
		Class:  p.Class(),
		Status: reply.Status,
		Reason: reply.Message,
		At:     time.Now(),
	})
}
