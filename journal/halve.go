package journal

import (
	"errors"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// suspicious is how many points in a row have to be refused one by one, while none was accepted, for the
// destination itself to be asked before any is buried.
const suspicious = 16

// errRefusesAll says that a destination refuses a harmless point as well.
var errRefusesAll = errors.New("the destination refuses everything")

// send delivers points, all of metadata or all metrics, and returns those to be buried. It returns errStopped
// without a decision when the courier stops.
func (c *Courier) send(points []*monitor.Point) ([]monitor.DeadLetter, error) {
	if len(points) == 0 {
		return nil, nil
	}
	for {
		g := &group{Courier: c}
		err := g.deliver(points)
		if !errors.Is(err, errRefusesAll) {
			return g.dead, err
		}
		// The operator has to act. What this round decided is forgotten: nothing is buried for it.
		pause := c.slowRetry(g.verdict.RetryAfter)
		c.trouble(refusing, points[0].Class(), g.verdict, pause)
		if !wait(c.soft, pause) {
			return nil, errStopped
		}
	}
}

// group is one round of finding out which of some points are at fault.
type group struct {
	*Courier
	dead     []monitor.DeadLetter
	refused  int             // points at fault
	accepted bool            // the destination took something: it works
	verdict  monitor.Reply // the last refusal
}

// deliver halves what is refused until the points at fault are alone.
func (g *group) deliver(points []*monitor.Point) error {
	// The parts still to be delivered, the next one last.
	parts := slices.Collect(slices.Chunk(g.withinLimits(points), g.BatchSize))
	slices.Reverse(parts)
	for len(parts) > 0 {
		part := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		v, err := g.attempt(part)
		switch {
		case err != nil:
			return err
		case v.Kind == monitor.Delivered:
			g.accepted = true
		case len(part) > 1:
			half := len(part) / 2
			parts = append(parts, part[half:], part[:half])
		default:
			if err := g.fault(part[0], v); err != nil {
				return err
			}
		}
	}
	return g.suspect(g.refused > 0)
}

// withinLimits buries what is known to be refused and returns the rest.
func (g *group) withinLimits(points []*monitor.Point) []*monitor.Point {
	rest := make([]*monitor.Point, 0, len(points))
	for _, p := range points {
		if limit := g.sink.Limit(p); limit != "" {
			g.bury(p, monitor.Reply{Message: limit})
			continue
		}
		rest = append(rest, p)
	}
	return rest
}

// fault notes a point that is refused all by itself.
func (g *group) fault(p *monitor.Point, v monitor.Reply) error {
	g.bury(p, v)
	g.verdict = v
	g.refused++
	return g.suspect(g.refused == suspicious)
}

// suspect asks the destination itself where everything so far was refused.
func (g *group) suspect(when bool) error {
	if g.accepted || !when {
		return nil
	}
	v, err := g.probe(g.dead[len(g.dead)-1].Class)
	if err != nil {
		return err
	}
	if v.Kind != monitor.Delivered {
		g.verdict = v
		return errRefusesAll
	}
	g.accepted = true
	return nil
}

func (g *group) bury(p *monitor.Point, v monitor.Reply) {
	g.dead = append(g.dead, monitor.DeadLetter{
		Dest:   g.dest,
		Seq:    p.Seq,
		Class:  p.Class(),
		Status: v.Status,
		Reason: v.Message,
		At:     time.Now(),
	})
}
