package journal

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// mostProbes bounds the probes between two sends of a point that was refused alone. It must be 2 at least.
const mostProbes = 3

// bisector delivers points and finds the points at fault.
type bisector struct {
	sink    monitor.Sink
	retrier *retrier
	status  *status
	size    int // most points of one delivery

	probeWorks bool // the destination has accepted a probe, so a refused probe means something
}

// deliver delivers points, either metadata or metrics. ready is what was prepared of them. Its only error is errStopped: the
// courier stopped before there was a result.
func (b *bisector) deliver(points []*monitor.Point, ready []monitor.Delivery) (outcome, error) {
	r := &round{bisector: b}
	err := r.bisect(points, ready)
	return r.outcome, err
}

// partBytes is about the most bytes that the texts of the points of one delivery have. A point with more goes alone. Each point has its
// origin's texts too, which may be much longer than its own.
const partBytes = 8 << 20

// inParts cuts points into parts of at most size points and about partBytes.
func inParts(points []*monitor.Point, size int) (parts [][]*monitor.Point) {
	begin, bytes := 0, 0
	for i, p := range points {
		n := p.Size()
		for _, text := range p.Origin.Texts() {
			n += len(*text)
		}
		if i > begin && (i-begin == size || bytes+n > partBytes) {
			parts, begin, bytes = append(parts, points[begin:i]), i, 0
		}
		bytes += n
	}
	if len(points) > 0 {
		parts = append(parts, points[begin:])
	}
	return parts
}

// partsAhead is how many parts of a batch are prepared before they are sent. A usual batch has one.
const partsAhead = 2

// readyToGo prepares the first parts of points. Nothing interrupts it, and what it prepares is in memory, so the bisector prepares the
// others. It returns nil when the sink panics: the bisector then prepares all parts, and finds the point at fault.
func readyToGo(sink monitor.Sink, points []*monitor.Point, size int) (ready []monitor.Delivery) {
	defer func() {
		if recover() != nil {
			ready = nil
		}
	}()
	parts := inParts(points, size)
	for _, part := range parts[:min(partsAhead, len(parts))] {
		ready = append(ready, sink.Prepare(part))
	}
	return ready
}

// outcome says which points are not delivered.
type outcome struct {
	dead  []monitor.DeadLetter
	aside []monitor.DeadLetter // would be dead letters if it was for good
}

// round is one delivery of points.
type round struct {
	*bisector
	outcome
	accepted bool // the destination accepted a point of this round
}

// part is some points that are sent together.
type part struct {
	points []*monitor.Point
	ready  monitor.Delivery // nil when they are not prepared yet
}

// parts returns the parts of points, the last one first. What was prepared counts only if each point may be sent.
func (r *round) parts(points []*monitor.Point, ready []monitor.Delivery) (parts []part) {
	within := r.withinLimits(points)
	for _, points := range inParts(within, r.size) {
		parts = append(parts, part{points: points})
	}
	if len(within) == len(points) {
		for i := range ready {
			parts[i].ready = ready[i]
		}
	}
	slices.Reverse(parts)
	return parts
}

// bisect delivers points. It halves a part that is refused, too large, or makes the destination fail, until each point at
// fault is alone.
func (r *round) bisect(points []*monitor.Point, ready []monitor.Delivery) error {
	parts := r.parts(points, ready) // what is not delivered yet; the last element is next
	for len(parts) > 0 {
		next := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		reply, err := r.send(next)
		switch {
		case err != nil:
			return err
		case reply.Kind == monitor.Delivered:
		case len(next.points) > 1:
			half := len(next.points) / 2
			parts = append(parts, part{points: next.points[half:]}, part{points: next.points[:half]})
		default:
			if err := r.confirm(next, reply); err != nil {
				return err
			}
		}
	}
	return nil
}

// confirm buries a point that was refused alone, after three refusals in the same words. It delivers the point if the
// destination accepts it meanwhile. A point that is too large or makes the destination fail is set aside instead, since
// neither says that the point is wrong. Between the refusals the destination accepts probes, and never the same number of
// them. So something between that refuses each n-th request cannot bury a good point, whatever n is.
func (r *round) confirm(alone part, reply monitor.Reply) error {
	point := alone.points[0]
	var counts []int // each is one less than a number of probes
	for refusals, restarts := 1, 0; refusals < 3; {
		if refusals == 1 { // with the old numbers, wrong answers could come at the same place for ever
			counts = rand.Perm(mostProbes)[:2]
		}
		probe, err := r.probes(point.Class(), 1+counts[refusals-1])
		if err != nil {
			return err
		}
		accepted := probe.Kind == monitor.Delivered || r.accepted && !r.probeWorks
		if accepted && reply.Kind != monitor.Refused {
			r.aside = append(r.aside, r.letter(point, reply))
			return nil
		}
		if !accepted {
			// It is not the point's fault, so an operator has to act.
			pause := slowPause(probe)
			r.status.trouble(r.retrier.life.hard, refusing, probe, pause)
			if !r.retrier.wait(pause) {
				return errStopped
			}
			if rand.IntN(2) == 0 { // else each second request could fail for ever, which is always the probe
				_, _ = r.probes(point.Class(), 1)
			}
		}
		again, err := r.send(alone)
		switch {
		case err != nil || again.Kind == monitor.Delivered:
			return err
		case accepted && again.Kind == monitor.Refused && fault(again) == fault(reply):
			refusals++
		default:
			refusals, reply = 1, again
			pause := backoff(restarts)
			if restarts++; restarts > 3 {
				r.status.trouble(r.retrier.life.hard, refusing, again, pause)
			}
			if !r.retrier.wait(pause) {
				return errStopped
			}
		}
	}
	r.dead = append(r.dead, r.letter(point, reply))
	return nil
}

// fault returns the words of a reply without numbers and IDs: InfluxDB names the present time in some.
func fault(reply monitor.Reply) string { return monitor.Wording(reply.Message) }

// send delivers points.
func (r *round) send(p part) (monitor.Reply, error) {
	reply, err := r.retrier.askAboutPoints(func(ctx context.Context) monitor.Reply {
		if p.ready == nil {
			p.ready = r.sink.Prepare(p.points)
		}
		return p.ready(ctx)
	}, func(ctx context.Context) monitor.Reply { return r.sink.Probe(ctx, p.points[0].Class()) })
	r.accepted = r.accepted || err == nil && reply.Kind == monitor.Delivered
	return reply, err
}

// probes sends n harmless points, one after the other, up to the first that is refused. It returns the last reply.
func (r *round) probes(class monitor.Class, n int) (reply monitor.Reply, err error) {
	for range n {
		reply, err = r.retrier.ask(func(ctx context.Context) monitor.Reply { return r.sink.Probe(ctx, class) })
		if err != nil || reply.Kind != monitor.Delivered {
			return reply, err
		}
		r.probeWorks = true
	}
	return reply, err
}

// withinLimits buries the points above a known limit of the destination, and returns the other points.
func (r *round) withinLimits(points []*monitor.Point) []*monitor.Point {
	rest := make([]*monitor.Point, 0, len(points))
	for _, p := range points {
		if limit := r.sink.Limit(p); limit != "" {
			r.dead = append(r.dead, r.letter(p, monitor.Reply{Message: limit}))
			continue
		}
		rest = append(rest, p)
	}
	return rest
}

func (r *round) letter(p *monitor.Point, reply monitor.Reply) monitor.DeadLetter {
	return monitor.DeadLetter{
		Dest:   r.sink.Destination(),
		Seq:    p.Seq,
		Class:  p.Class(),
		Status: reply.Status,
		Reason: reply.Message,
		At:     time.Now(),
	}
}
