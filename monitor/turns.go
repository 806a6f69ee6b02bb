package monitor

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// turnsRetryAfter is when to ask again where too many wait.
const turnsRetryAfter = 5 * time.Second

// Turns limits how much work is done at once, and is fair between projects: a free place goes to the next project that
// waits, and within a project to the work that has waited longest. It is safe for concurrent use. The exported fields may
// be changed before the first use.
type Turns struct {
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
func (t *Turns) Take(ctx context.Context, project string) (end func(), err error) {
	place, err := t.queue(project, t.MaxWaiting)
	if err != nil {
		return nil, err
	}
	return t.wait(ctx, project, place)
}

// Resume is Take for work that gave its place back in between. It is never refused, since its answer has begun.
func (t *Turns) Resume(ctx context.Context, project string) (end func(), err error) {
	place, err := t.queue(project, math.MaxInt)
	if err != nil {
		return nil, err
	}
	return t.wait(ctx, project, place)
}

func (t *Turns) wait(ctx context.Context, project string, place chan struct{}) (end func(), err error) {
	select {
	case <-place:
		return t.end, nil
	case <-ctx.Done():
		t.leave(project, place)
		return nil, context.Cause(ctx)
	}
}

// queue returns the channel that is closed when the work has its place. It fails when maxWaiting wait for the project.
func (t *Turns) queue(project string, maxWaiting int) (place chan struct{}, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	place = make(chan struct{})
	if t.taken < t.AtOnce {
		t.taken++
		close(place)
		return place, nil
	}
	before := len(t.waiting[project])
	switch {
	case before >= maxWaiting:
		err := Errorf(EUnavailable, "%d questions about project %q wait already: try again later", before, project)
		err.RetryAfter = turnsRetryAfter
		return nil, err
	case before == 0:
		t.order = append(t.order, project)
	}
	if t.waiting == nil {
		t.waiting = map[string][]chan struct{}{}
	}
	t.waiting[project] = append(t.waiting[project], place)
	return place, nil
}

// end gives the place to the next project.
func (t *Turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.order) == 0 {
		t.taken--
		return
	}
	project := t.order[0]
	t.order = t.order[1:]
	places := t.waiting[project]
	close(places[0])
	if len(places) == 1 {
		delete(t.waiting, project)
		return
	}
	t.waiting[project] = places[1:]
	t.order = append(t.order, project)
}

// leave gives up waiting. The place may have been given meanwhile.
func (t *Turns) leave(project string, place chan struct{}) {
	t.mu.Lock()
	places := t.waiting[project]
	i := slices.Index(places, place)
	if i >= 0 {
		if places = slices.Delete(places, i, i+1); len(places) > 0 {
			t.waiting[project] = places
		} else {
			delete(t.waiting, project)
			t.order = slices.DeleteFunc(t.order, func(p string) bool { return p == project })
		}
	}
	t.mu.Unlock()
	if i < 0 {
		t.end()
	}
}
