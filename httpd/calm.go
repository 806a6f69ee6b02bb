package httpd

import (
	"context"
	"time"
)

// ShortTime is the age of a request from which on new clients do not wait for its answer during a hand-over.
const ShortTime = 200 * time.Millisecond

// Calm prepares a hand-over to the next process. The server goes on serving, and each connection closes after its next
// answer. Calm returns at a moment when no request takes long, or when ctx ends. Then [Server.Close] has to follow, with
// HandedOver. So clients that connect meanwhile wait for the next process for a moment only.
func (s *Server) Calm(ctx context.Context) {
	s.stopping.Store(true)
	poll := time.NewTicker(answeredPoll)
	defer poll.Stop()
	for s.conns.busy() && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-poll.C:
		}
	}
}

// busy reports whether a request takes long, or a client may not know yet that its connection closes. When it is false, it has
// cut the connections on which no request came for silentTime, since Close would wait for them.
func (o *openConns) busy() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	var silent []*conn
	for c := range o.open {
		switch asked := c.phase != phaseNew && c.phase != phaseIdle; {
		case !asked && c.behind() >= silentTime:
			silent = append(silent, c)
		case c.phase == phaseIdle, time.Since(c.begun) > ShortTime:
			return true
		}
	}
	for _, c := range silent {
		if !c.cut {
			o.cutOff(c)
		}
	}
	return false
}
