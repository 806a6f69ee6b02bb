package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// Who waits for less than a moment sees nothing. What is said in between stays, and the wheel goes away.
func TestSpinnerComesLateAndLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen bytes.Buffer
		s := &spinner{w: &seen, what: "waiting", stop: make(chan struct{})}
		shown := func() string {
			s.mu.Lock()
			defer s.mu.Unlock()
			return seen.String()
		}
		s.start()
		time.Sleep(spinAfter - time.Millisecond)
		synctest.Wait()
		assert.Empty(t, shown())
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		assert.Equal(t, "\r⠋ waiting", shown())
		time.Sleep(spinEvery)
		synctest.Wait()
		assert.Equal(t, "\r⠋ waiting\r⠙ waiting", shown())
		s.say("asking %s", "again")
		s.end()
		assert.Equal(t, "\r⠋ waiting\r⠙ waiting\r\x1b[Kasking again\n", shown())
	})
}
