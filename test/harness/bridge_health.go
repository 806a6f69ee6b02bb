package harness

import (
	"errors"
	"os"
	"strings"
	"time"
)

// Ready asks the bridge whether it is ready. It returns the HTTP status, and one line for each component.
func (b *Bridge) Ready() (status int, lines string) {
	b.tb.Helper()
	status, lines, err := b.get("/-/ready")
	if err != nil {
		b.tb.Fatal(err)
	}
	return status, lines
}

// WaitSays waits until the lines of [Bridge.Ready] contain text, and returns them.
func (b *Bridge) WaitSays(text string) (lines string) {
	b.tb.Helper()
	err := poll(time.Minute, b.proc.done, func() (err error) {
		if _, lines, err = b.get("/-/ready"); err == nil && !strings.Contains(lines, text) {
			err = errors.New(lines)
		}
		return err
	})
	if err != nil {
		b.tb.Fatalf("the readiness of the bridge does not say %q: %v", text, err)
	}
	return lines
}

// WaitEnded waits until the bridge has ended after a signal, and returns its final state.
func (b *Bridge) WaitEnded() *os.ProcessState {
	b.tb.Helper()
	select {
	case <-b.proc.done:
	case <-time.After(stopWithin):
		b.tb.Fatalf("the bridge still runs after %v\n%s", stopWithin, b.proc.tail())
	}
	return b.proc.cmd.ProcessState
}
