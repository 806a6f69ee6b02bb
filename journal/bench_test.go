package journal_test

import (
	"fmt"
	"time"
)

func benchName(what string, n int) string { return fmt.Sprintf("%s=%d", what, n) }

// spin waits more exactly than the system's timers, whose granularity is a millisecond on some machines.
func spin(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}
