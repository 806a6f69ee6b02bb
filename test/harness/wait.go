package harness

import (
	"fmt"
	"time"
)

// poll calls try until it succeeds. When the time is over, poll returns the last error of try. gone is closed when the
// awaited process has ended; this ends the wait early. gone may be nil.
func poll(within time.Duration, gone <-chan struct{}, try func() error) error {
	deadline := time.Now().Add(within)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %v: %w", within, err)
		}
		select {
		case <-gone:
			return fmt.Errorf("the process has ended: %w", err)
		case <-time.After(pause):
		}
	}
}
