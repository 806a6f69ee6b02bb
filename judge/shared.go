package judge

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"pymon-bridge/monitor"
)

// shared lets equal questions share an answer. A question joins another one only until the turn of that one begins. So
// every answer knows all that was stored before it was asked for.
type shared struct {
	mu      sync.Mutex
	waiting map[question]*answer
}

// question is a [monitor.JudgeQuery] whose values can be compared.
type question struct {
	project, run, scmRef, head, branch string
	hasHead, hasBranch                 bool
}

func keyOf(q monitor.JudgeQuery) question {
	k := question{project: q.Project, run: q.Run, scmRef: q.ScmRef, hasHead: q.Head != nil, hasBranch: q.Branch != nil}
	if q.Head != nil {
		k.head = *q.Head
	}
	if q.Branch != nil {
		k.branch = *q.Branch
	}
	return k
}

// answer is what equal questions wait for. The fields below done are set when it is closed.
type answer struct {
	askers int  // that have not left
	shared bool // whether several have asked
	cancel context.CancelFunc

	done     chan struct{}
	report   *monitor.Report
	err      error
	panicked any
}

// find makes a report, or nil. It calls begin when its turn begins.
type find func(ctx context.Context, begin func()) (*monitor.Report, error)

// ask returns the report of find, or of an equal question that waits. Only when all that asked have left, find is
// cancelled. A panic of find is a panic of each that asked. The caller owns the results of the report.
func (s *shared) ask(ctx context.Context, key question, find find) (*monitor.Report, error) {
	a := s.join(ctx, key, find)
	select {
	case <-a.done:
	case <-ctx.Done():
		s.leave(key, a)
		return nil, context.Cause(ctx)
	}
	if a.panicked != nil {
		panic(a.panicked)
	}
	if a.err != nil || a.report == nil {
		return nil, a.err
	}
	report := *a.report
	if a.shared { // set before the report was begun
		report.Results = slices.Clone(report.Results) // a worker marks what is resolved
	}
	return &report, nil
}

// join returns the answer to wait for.
func (s *shared) join(ctx context.Context, key question, find find) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.waiting[key]; ok {
		a.askers++
		a.shared = true
		return a
	}
	if s.waiting == nil {
		s.waiting = map[question]*answer{}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a := &answer{askers: 1, cancel: cancel, done: make(chan struct{})}
	s.waiting[key] = a
	go func() { // ends with the answer, or soon after all that asked have left: it only reads
		defer close(a.done)
		defer cancel()
		defer s.begin(key, a)
		defer func() {
			if p := recover(); p != nil {
				a.panicked = fmt.Sprintf("%v\n%s", p, debug.Stack())
			}
		}()
		a.report, a.err = find(ctx, func() { s.begin(key, a) })
	}()
	return a
}

// begin lets nobody join an answer any more.
func (s *shared) begin(key question, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[key] == a {
		delete(s.waiting, key)
	}
}

// leave cancels an answer that nobody waits for.
func (s *shared) leave(key question, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.askers--; a.askers > 0 {
		return
	}
	a.cancel()
	if s.waiting[key] == a {
		delete(s.waiting, key)
	}
}
