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
	for s.conns.takeLong() {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
	s.conns.cutUnused()
}

// takeLong says whether a request takes long, or a client may not know yet that its connection closes.
func (o *openConns) takeLong() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for c := range o.open {
		if !c.unused() && (c.phase == phaseIdle || time.Since(c.begun) > ShortTime) {
			return true
		}
	}
	return false
}

// cutUnused cuts the connections that are unused, since Close would wait for them.
func (o *openConns) cutUnused() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for c := range o.open {
		if c.unused() && !c.cut {
			o.cutOff(c)
		}
	}
}
