package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"pymon-bridge/monitor"
)

const (
	// minBackoff and maxBackoff bound the wait after a failure.
	minBackoff = 500 * time.Millisecond
	maxBackoff = time.Minute
	// slowRetry is the shortest wait when an operator has to act first.
	slowRetry = 30 * time.Second
	// maxRetryAfter bounds the wait that a destination asks for: a wrong header must not stop delivery for long.
	maxRetryAfter = 5 * time.Minute
)

var errStopped = errors.New("the courier is stopping")

// lifetime ends the work of a courier. A soft stop ends its waits. A hard stop also cancels its requests.
type lifetime struct {
	hard, soft context.Context // soft is a child of hard
}

// retrier repeats a request to a destination until the reply is about the points: Delivered, Refused or TooLarge.
type retrier struct {
	blamed faults // a failure in these words is about the points
	life   lifetime
	now    bell                 // ends a wait
	asking func() (done func()) // called before each request; may be nil
	logger *slog.Logger
	// onReply is called with each reply, and with the wait before the next request: 0 after the last request.
	onReply func(ctx context.Context, reply monitor.Reply, pause time.Duration)
}

// ask sends the request and returns the last reply. Its only error is errStopped.
func (r *retrier) ask(request func(ctx context.Context) monitor.Reply) (monitor.Reply, error) {
	return r.askAboutPoints(request, nil)
}

// askAboutPoints is ask for a request with points that may make the destination fail. It also returns a reply Failed after
// three of them in the same words, when the destination accepts probes.
func (r *retrier) askAboutPoints(request, probe func(ctx context.Context) monitor.Reply) (monitor.Reply, error) {
	var last string
	failures := 0 // in a row, in the same words
	for tries := 0; ; tries++ {
		reply := r.guard(request)
		if reply.Kind != monitor.Delivered && r.life.hard.Err() != nil {
			return reply, errStopped // the stop cancelled the request, so the reply says nothing about the points
		}
		pause, again := pauseAfter(reply, tries)
		if reply.Kind == monitor.Failed && probe != nil {
			if fault(reply) != last {
				last, failures = fault(reply), 0
			}
			failures++
			if last != "" && slices.Contains(r.blamed, last) || failures >= 3 && r.accepts(probe) {
				r.blamed.add(last)
				pause, again = 0, false
			}
		} else {
			failures = 0
		}
		r.onReply(r.life.hard, reply, pause)
		if !again {
			return reply, nil
		}
		if !r.wait(pause) {
			return reply, errStopped
		}
	}
}

// accepts says whether the destination accepts a random number of probes.
func (r *retrier) accepts(probe func(ctx context.Context) monitor.Reply) bool {
	for range 1 + rand.IntN(mostProbes) {
		if r.guard(probe).Kind != monitor.Delivered {
			return false
		}
	}
	return true
}

// wait returns true after d, or when the bell rings, and false when the courier stops first.
func (r *retrier) wait(d time.Duration) bool {
	r.now.rings(r.life.soft, d)
	return r.life.soft.Err() == nil
}

// guard turns a panic of the sink into a refusal. The point that causes it is then buried. Otherwise it would end the
// program again and again.
func (r *retrier) guard(request func(ctx context.Context) monitor.Reply) (reply monitor.Reply) {
	defer func() {
		if p := recover(); p != nil {
			reply = monitor.Reply{Kind: monitor.Refused, Message: panicked(r.logger, "delivering", p).Error()}
		}
	}()
	if r.asking != nil {
		defer r.asking()()
	}
	return request(r.life.hard)
}

// pauseAfter returns the wait before the next request. again is false when the reply is about the points.
func pauseAfter(reply monitor.Reply, tries int) (pause time.Duration, again bool) {
	switch reply.Kind {
	case monitor.Unavailable, monitor.Failed:
		// The request must not come too early, and not from all bridges at the same moment.
		return min(reply.RetryAfter, maxRetryAfter) + backoff(tries), true
	case monitor.Denied:
		return slowPause(reply), true
	default:
		return 0, false
	}
}

// PauseAfter returns the wait before a request that failed is repeated, for requests that are no deliveries. err is its failure,
// and tries counts the failures in a row before this one.
func PauseAfter(err error, tries int) time.Duration {
	reply := monitor.Reply{Kind: monitor.Denied}
	if e, ok := errors.AsType[*monitor.Error](err); ok {
		if reply.RetryAfter = e.RetryAfter; e.Code == monitor.EUnavailable {
			reply.Kind = monitor.Unavailable
		}
	}
	pause, _ := pauseAfter(reply, tries)
	return pause
}

// slowPause returns the wait when an operator has to act first.
func slowPause(reply monitor.Reply) time.Duration {
	return max(slowRetry, min(reply.RetryAfter, maxRetryAfter)) + time.Duration(rand.Float64()*float64(slowRetry)/2)
}

// journalRetrier repeats an operation of a journal that failed. Only one goroutine at a time may call do.
type journalRetrier struct {
	logger  *slog.Logger
	failure atomic.Pointer[error]
}

// do calls f until it succeeds, at least once. Its only error is errStopped.
func (r *journalRetrier) do(life lifetime, f func() error) error {
	for tries := 0; ; tries++ {
		err := f()
		if err != nil && life.hard.Err() != nil {
			return errStopped
		}
		r.failure.Store(&err)
		if err == nil {
			return nil
		}
		r.logger.Error("the journal failed; the courier tries again", "error", err)
		var after time.Duration
		if e, ok := errors.AsType[*monitor.Error](err); ok {
			after = min(e.RetryAfter, maxBackoff)
		}
		pause := after + backoff(tries)
		// A soft stop ends a long wait, but not the attempts: what is delivered should be acknowledged.
		if !wait(life.soft, pause) && !wait(life.hard, min(pause, minBackoff)) {
			return errStopped
		}
	}
}

// err returns the error of the last attempt, nil after a success. Any goroutine may call it.
func (r *journalRetrier) err() error {
	if err := r.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// backoff returns the wait after a failure: a random part of a time that doubles from minBackoff to maxBackoff. tries counts the
// failures in a row before this one. The randomness ("full jitter") keeps many bridges from coming back at once.
func backoff(tries int) time.Duration {
	return time.Duration(rand.Float64() * float64(min(minBackoff<<min(tries, 10), maxBackoff)))
}

// wait returns true after d, and false when ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// bell tells a goroutine that there is new work. It remembers one ring.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

// ring never blocks.
func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// rings waits for a ring, until d is over or ctx ends. It returns true when the bell rang.
func (b bell) rings(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-b:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// panicked logs a recovered panic and returns it as an error.
func panicked(logger *slog.Logger, doing string, p any) error {
	logger.Error("panic while "+doing, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	return monitor.Errorf(monitor.EInternal, "panic while %s: %v", doing, p)
}
