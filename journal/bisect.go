package journal

import (
	"context"
	"errors"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// suspicious is how many points have to be refused one by one, while none was accepted, for the destination itself to
// be asked before any is buried.
const suspicious = 16

// errRefusesAll says that a destination refuses a harmless point as well.
var errRefusesAll = errors.New("the destination refuses everything")

// bisector delivers points and finds out which of them are at fault.
type bisector struct {
	sink    monitor.Sink
	retrier *retrier
	status  *status
	size    int // most points delivered at a time
}

// deliver delivers points, either metadata or metrics, and returns those to be buried. It returns errStopped without
// a decision when the courier stops.
func (b *bisector) deliver(points []*monitor.Point) ([]monitor.DeadLetter, error) {
	for {
		r := &round{bisector: b}
		err := r.bisect(points)
		if !errors.Is(err, errRefusesAll) {
			return r.dead, err
		}
		// The operator has to act. What this round decided is forgotten: nothing is buried for it.
		pause := slowPause(r.refusal)
		b.status.trouble(b.retrier.life.hard, refusing, r.refusal, pause)
		if !wait(b.retrier.life.soft, pause) {
			return nil, errStopped
		}
	}
}

// round is one attempt to find out which of some points are at fault.
type round struct {
	bisector *bisector
	dead     []monitor.DeadLetter
	refused  int           // points at fault
	accepted bool          // the destination took something: it works
	refusal  monitor.Reply // the last one
}

// bisect delivers points, and halves what is refused until the points at fault are alone.
func (r *round) bisect(points []*monitor.Point) error {
	// The parts still to be delivered, the next one last.
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
		// The destination is asked about itself at the 16th refusal, and after fewer at the end.
		if !r.accepted && (r.refused == suspicious || r.refused > 0 && len(parts) == 0) {
			if err := r.probe(); err != nil {
				return err
			}
		}
	}
	return nil
}

// withinLimits buries what is known to be refused and returns the rest.
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

// probe fails with errRefusesAll when the destination does not take a harmless point either.
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
