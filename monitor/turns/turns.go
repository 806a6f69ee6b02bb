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

	mu      sync.Mutex
	taken   int
	waiting map[string][]chan struct{} // by project, longest first; a place is given by closing the channel
	order   []string                   // the projects that wait, the next one first
}

// Take waits for a place for a project's work. The caller calls end, once, when the work is done. Take fails with
// EUnavailable when too many wait for the project, and with the cause of ctx when ctx ends.
func (q *Queue) Take(ctx context.Context, project string) (end func(), err error) {
	return q.take(ctx, project, q.MaxWaiting)
}

// Resume is Take for work that gave its place back in between. It is never refused, since its answer has begun.
func (q *Queue) Resume(ctx context.Context, project string) (end func(), err error) {
	return q.take(ctx, project, math.MaxInt)
}

func (q *Queue) take(ctx context.Context, project string, maxWaiting int) (end func(), err error) {
	place, err := q.join(project, maxWaiting)
	if err != nil {
		return nil, err
	}
	return q.wait(ctx, project, place)
}

// Pass gives a place to another project that waits, and waits for a place again, before all other work of its own project. So
// of each project, no more work has begun than there are places. Where no other project waits, it keeps the place. Pass
// fails with the cause of ctx when ctx ends. The place is lost then.
func (q *Queue) Pass(ctx context.Context, project string) (end func(), err error) {
	q.mu.Lock()
	others := len(q.order)
	if len(q.waiting[project]) > 0 {
		others--
	}
	if others == 0 {
		q.mu.Unlock()
		return q.end, nil
	}
	place := make(chan struct{})
	if len(q.waiting[project]) == 0 {
		q.order = append(q.order, project)
	}
	q.waiting[project] = slices.Insert(q.waiting[project], 0, place)
	q.mu.Unlock()
	q.end()
	return q.wait(ctx, project, place)
}

// wait waits until a place is given.
func (q *Queue) wait(ctx context.Context, project string, place chan struct{}) (end func(), err error) {
	select {
	case <-place:
		return q.end, nil
	case <-ctx.Done():
		q.leave(project, place)
		return nil, context.Cause(ctx)
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
