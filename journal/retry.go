package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync/atomic"
	"time"

	"pymon-bridge/monitor"
)

const (
	// minBackoff and maxBackoff bound the wait after something failed.
	minBackoff = 500 * time.Millisecond
	maxBackoff = time.Minute
	// slowRetry is the wait where an operator has to act first.
	slowRetry = 30 * time.Second
	// maxRetryAfter bounds what a destination can ask for: a wrong header must not stop delivery for days.
	maxRetryAfter = time.Hour
)

// errStopped says that the courier was told to stop.
var errStopped = errors.New("the courier is stopping")

// lifetime is how long a courier works. A soft stop ends its waiting, a hard stop ends everything.
type lifetime struct {
	hard, soft context.Context // soft is a child of hard
}

// retrier asks a destination until its reply is about the points: Delivered, Refused or TooLarge.
type retrier struct {
	life   lifetime
	logger *slog.Logger
	// onReply is told of every reply, and how long the retrier waits before it asks again, if it does.
	onReply func(ctx context.Context, reply monitor.Reply, pause time.Duration)
}

// ask returns the last reply. Its only error is errStopped.
func (r *retrier) ask(request func(ctx context.Context) monitor.Reply) (monitor.Reply, error) {
	for tries := 0; ; tries++ {
		reply := r.guard(request)
		if reply.Kind != monitor.Delivered && r.life.hard.Err() != nil {
			return reply, errStopped // the request was cut off, and the reply says no more than that
		}
		pause, again := pauseAfter(reply, tries)
		r.onReply(r.life.hard, reply, pause)
		if !again {
			return reply, nil
		}
		if !wait(r.life.soft, pause) {
			return reply, errStopped
		}
	}
}

// guard makes a panic of the sink a refusal. What causes it is then buried like what a destination refuses, instead
// of ending the program again and again.
func (r *retrier) guard(request func(ctx context.Context) monitor.Reply) (reply monitor.Reply) {
	defer func() {
		if p := recover(); p != nil {
			reply = monitor.Reply{Kind: monitor.Refused, Message: panicked(r.logger, "delivering", p).Error()}
		}
	}()
	return request(r.life.hard)
}

// pauseAfter returns how long to wait before asking again. again is false when the reply is about the points.
func pauseAfter(reply monitor.Reply, tries int) (pause time.Duration, again bool) {
	switch reply.Kind {
	case monitor.Unavailable:
		// The sum of both: the destination is asked neither too early nor by everybody at the same moment.
		return min(reply.RetryAfter, maxRetryAfter) + backoff(tries, minBackoff, maxBackoff, rand.Float64()), true
	case monitor.Denied:
		return slowPause(reply), true
	default:
		return 0, false
	}
}

// slowPause returns how long to wait where an operator has to act first.
func slowPause(reply monitor.Reply) time.Duration {
	return max(slowRetry, min(reply.RetryAfter, maxRetryAfter)) + time.Duration(rand.Float64()*float64(slowRetry)/2)
}

// journalRetrier repeats what a journal fails to do. It is used by one goroutine at a time.
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
		r.logger.Error("the journal failed the courier", "error", err)
		var after time.Duration
		if e, ok := errors.AsType[*monitor.Error](err); ok {
			after = min(e.RetryAfter, maxBackoff)
		}
		if !wait(life.soft, after+backoff(tries, minBackoff, maxBackoff, rand.Float64())) {
			return errStopped
		}
	}
}

// err returns how the last attempt failed; nil when it succeeded. Any goroutine may ask.
func (r *journalRetrier) err() error {
	if err := r.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// backoff returns how long to wait after the given number of failures in a row, from 0: a random part of a time that
// doubles from least to most. The randomness ("full jitter") keeps many bridges from coming back at once; random is
// from 0 to 1.
func backoff(tries int, least, most time.Duration, random float64) time.Duration {
	ceiling := most
	if shift := min(tries, 30); least<<shift>>shift == least && least<<shift < most {
		ceiling = least << shift
	}
	return time.Duration(random * float64(ceiling))
}

// wait returns true after d, false when ctx ends first.
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

// bell tells a goroutine that there is something new. It remembers one ring.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

// ring never blocks.
func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// rings waits for a ring, for d at most and until ctx ends; true when the bell rang.
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

// panicked logs a panic that was recovered, and makes an error of it.
func panicked(logger *slog.Logger, doing string, p any) error {
	logger.Error("panic while "+doing, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	return monitor.Errorf(monitor.EInternal, "panic while %s: %v", doing, p)
}
