package journal

import (
	"context"
	"math/rand/v2"
	"time"
)

// maxRetryAfter bounds what a destination can ask for: a wrong header must not stop delivery for days.
const maxRetryAfter = time.Hour

// backoff is how long to wait after the given number of tries in a row that failed, from 0: a random part of a
// time that doubles from least to most. The randomness ("full jitter") keeps many bridges from coming back at once;
// random is from 0 to 1.
func backoff(tries int, least, most time.Duration, random float64) time.Duration {
	ceiling := most
	if shift := min(tries, 30); least<<shift>>shift == least && least<<shift < most {
		ceiling = least << shift
	}
	return time.Duration(random * float64(ceiling))
}

// retryIn adds what the destination asked for to the backoff, so that it is neither asked too early nor by
// everybody at the same moment.
func (c *Courier) retryIn(tries int, after time.Duration) time.Duration {
	return min(after, maxRetryAfter) + backoff(tries, c.MinBackoff, c.MaxBackoff, rand.Float64())
}

// slowRetry is how long to wait where a person has to act first.
func (c *Courier) slowRetry(after time.Duration) time.Duration {
	return max(c.SlowRetry, min(after, maxRetryAfter)) + time.Duration(rand.Float64()*float64(c.SlowRetry)/2)
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
