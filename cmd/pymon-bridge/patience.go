package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// laterError is the error of an attempt that may succeed later.
type laterError struct {
	error
	after   time.Duration // how long the bridge asks to wait; 0 if it does not say
	refused bool          // nobody answered at the address
}

func (e *laterError) Unwrap() error { return e.error }

// maxPause is the longest pause between two attempts, where the bridge does not ask for a longer one.
const maxPause = 10 * time.Second

// restartTime is how long a restart of the bridge may take. An address where nobody answers for longer is wrong.
const restartTime = 30 * time.Second

// patiently asks until there is an answer, until ctx ends, or until nobody answered for [restartTime]. It asks again only
// after a [laterError], and says why it waits, once for each reason. When ctx ends, the error has the last answer.
func patiently[T any](ctx context.Context, say func(reason error), ask func(ctx context.Context) (T, error)) (T, error) {
	var last error
	var restarted time.Time // end of the time for a restart; zero while somebody answers
	for pause := time.Second; ; pause = min(2*pause, maxPause) {
		answer, err := ask(ctx)
		if ctx.Err() != nil && err != nil && last != nil {
			return answer, fmt.Errorf("%w; before that: %w", context.Cause(ctx), last)
		}
		later, ok := errors.AsType[*laterError](err)
		if !ok || ctx.Err() != nil {
			return answer, err
		}
		switch {
		case !later.refused:
			restarted = time.Time{}
		case restarted.IsZero():
			restarted = time.Now().Add(restartTime)
		case !time.Now().Before(restarted):
			return answer, err
		}
		if until, ok := ctx.Deadline(); (!ok || time.Until(until) > time.Second) && (last == nil || last.Error() != err.Error()) {
			say(err)
		}
		last = err
		wait := max(pause, later.after)
		if until, ok := ctx.Deadline(); ok && wait >= time.Until(until) { // one last attempt before the time is over
			wait = time.Until(until) / 2
		}
		if later.refused {
			wait = min(wait, time.Until(restarted))
		}
		select {
		case <-time.After(max(wait, time.Second)):
		case <-ctx.Done():
			return answer, fmt.Errorf("%w; the last answer: %w", context.Cause(ctx), err)
		}
	}
}

// busy are the statuses of a bridge that is busy, or of a proxy whose bridge restarts.
var busy = []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// laterIfBusy makes the error of an answer one of an attempt that may succeed later, if its status says so.
func laterIfBusy(response *http.Response, err error) error {
	if !slices.Contains(busy, response.StatusCode) {
		return err
	}
	seconds, parseErr := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 16)
	if parseErr != nil {
		return &laterError{error: err}
	}
	return &laterError{error: err, after: time.Duration(seconds) * time.Second}
}

// restarting are the errors of a connection to a bridge that ends, is not there, or whose machine or container is not there.
var restarting = []error{
	syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF,
	syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ETIMEDOUT,
}

// laterIfRestarting does the same for a connection that failed in a way in which it fails while a bridge restarts.
func laterIfRestarting(cause, err error) error {
	_, noName := errors.AsType[*net.DNSError](cause) // the name of a container lasts as long as the container
	if noName || slices.ContainsFunc(restarting, func(kind error) bool { return errors.Is(cause, kind) }) {
		return &laterError{error: err, refused: true}
	}
	return err
}
