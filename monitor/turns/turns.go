// Package turns limits how much work is done at once. Projects take turns.
package turns

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// maxRest is the longest rest. More urgent work may have ended long before a longer one.
const maxRest = time.Second

// retryAfter is when to ask again where too many wait.
const retryAfter = 5 * time.Second

// Queue is the work that waits for one of a few places. A free place goes to the next project that waits, and within a
// project to the work that has waited longest. It is safe for concurrent use. The exported fields may be changed before the
// first use.
type Queue struct {
	// AtOnce is how many have a place at the same time.
	AtOnce int
	// MaxWaiting is how many may wait for each project; more are refused.
	MaxWaiting int
	// Rest, if set, is how long a place rests after work and after each part of it, as a ratio to the time that it took. It rests for
	// a second at most. Nobody gets the place meanwhile. So more urgent work has the processors for a part of the time.
	Rest func() float64

	mu      sync.Mutex
	taken   int
	waiting map[string][]chan struct{} // by project, longest first; a place is given by closing the channel
	order   []string                   // the projects that wait, the next one first
}

// Take waits for a place for a project's work. The caller calls [Place.Leave] when the work is done. Take fails with
// EUnavailable when too many wait for the project, and with the cause of ctx when ctx ends.
func (q *Queue) Take(ctx context.Context, project string) (*Place, error) {
	p := &Place{queue: q, project: project}
	if err := p.take(ctx, q.MaxWaiting); err != nil {
		return nil, err
	}
	return p, nil
}

// wait waits until a place is given.
func (q *Queue) wait(ctx context.Context, project string, place chan struct{}) error {
	select {
	case <-place:
		return nil
	case <-ctx.Done():
		q.leave(project, place)
		return context.Cause(ctx)
	}
}

// join returns the channel that is closed when the work has its place. It fails when maxWaiting wait for the project.
func (q *Queue) join(project string, maxWaiting int) (place chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	place = make(chan struct{})
	if q.taken < q.AtOnce {
		q.taken++
		close(place)
		return place, nil
	}
	before := len(q.waiting[project])
	switch {
	case before >= maxWaiting:
		err := monitor.Errorf(monitor.EUnavailable, "%d questions about project %q wait already: try again later", before, project)
		err.RetryAfter = retryAfter
		return nil, err
	case before == 0:
		q.order = append(q.order, project)
	}
	if q.waiting == nil {
		q.waiting = map[string][]chan struct{}{}
	}
	q.waiting[project] = append(q.waiting[project], place)
	return place, nil
}

// joinFirst is join for work that comes before all other work of its project. It returns nil where no other project waits.
func (q *Queue) joinFirst(project string) (place chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	others := len(q.order)
	if len(q.waiting[project]) > 0 {
		others--
	}
	if others == 0 {
		return nil
	}
	place = make(chan struct{})
	if len(q.waiting[project]) == 0 {
		q.order = append(q.order, project)
	}
	q.waiting[project] = slices.Insert(q.waiting[project], 0, place)
	return place
}

// end gives the place to the next project.
func (q *Queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.order) == 0 {
		q.taken--
		return
	}
	project := q.order[0]
	q.order = q.order[1:]
	places := q.waiting[project]
	close(places[0])
	if len(places) == 1 {
		delete(q.waiting, project)
		return
	}
	q.waiting[project] = places[1:]
	q.order = append(q.order, project)
}

// leave gives up waiting. The place may have been given meanwhile.
func (q *Queue) leave(project string, place chan struct{}) {
	q.mu.Lock()
	places := q.waiting[project]
	i := slices.Index(places, place)
	if i >= 0 {
		if places = slices.Delete(places, i, i+1); len(places) > 0 {
			q.waiting[project] = places
		} else {
			delete(q.waiting, project)
			q.order = slices.DeleteFunc(q.order, func(p string) bool { return p == project })
		}
	}
	q.mu.Unlock()
	if i < 0 {
		q.end()
	}
}

// Place is the place of some work, or was and may be again. One goroutine uses it. The methods of a nil Place do nothing.
type Place struct {
	queue   *Queue
	project string
	held    bool
	begun   time.Time     // of the work since the place was given or passed last
	away    time.Duration // see Away
}

type placeKey struct{}

// NewContext returns a context of the work that has a place.
func NewContext(ctx context.Context, p *Place) context.Context {
	return context.WithValue(ctx, placeKey{}, p)
}

// FromContext returns the place of the work of a context; nil if it has none. What takes long passes it between its steps.
func FromContext(ctx context.Context) *Place {
	p, _ := ctx.Value(placeKey{}).(*Place)
	return p
}

// Leave gives the place back. It does nothing without one.
func (p *Place) Leave() {
	if p == nil || !p.held {
		return
	}
	p.held = false
	if rest := p.rest(); rest > 0 {
		time.AfterFunc(rest, p.queue.end)
		return
	}
	p.queue.end()
}

// Resume waits for a place again after [Place.Leave]. It is never refused, since an answer has begun. It fails with the cause
// of ctx when ctx ends.
func (p *Place) Resume(ctx context.Context) error {
	if p == nil {
		return nil
	}
	return p.take(ctx, math.MaxInt)
}

// Pass gives the place to another project that waits, and waits for a place again, before all other work of its own project. So
// of each project, no more work has begun than there are places. Where no other project waits, it keeps the place. Pass
// fails with the cause of ctx when ctx ends. The place is lost then.
func (p *Place) Pass(ctx context.Context) error {
	if p == nil || !p.held {
		return nil
	}
	passed := time.Now()
	defer func() { p.away += time.Since(passed) }()
	if rest := p.rest(); rest > 0 {
		rested := time.Now().Add(rest)
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			p.held = false
			time.AfterFunc(time.Until(rested), p.queue.end)
			return context.Cause(ctx)
		}
	}
	if place := p.queue.joinFirst(p.project); place != nil {
		p.held = false
		p.queue.end()
		return p.wait(ctx, place)
	}
	p.begun = time.Now()
	return nil
}

// Away is how long [Place.Pass] has taken so far. Work that measures its own time leaves this out.
func (p *Place) Away() time.Duration {
	if p == nil {
		return 0
	}
	return p.away
}

func (p *Place) take(ctx context.Context, maxWaiting int) error {
	place, err := p.queue.join(p.project, maxWaiting)
	if err != nil {
		return err
	}
	return p.wait(ctx, place)
}

func (p *Place) wait(ctx context.Context, place chan struct{}) error {
	if err := p.queue.wait(ctx, p.project, place); err != nil {
		return err
	}
	p.held, p.begun = true, time.Now()
	return nil
}

// rest is how long nobody may work at the place now.
func (p *Place) rest() time.Duration {
	if p.queue.Rest == nil {
		return 0
	}
	return min(maxRest, time.Duration(p.queue.Rest()*float64(time.Since(p.begun))))
}
