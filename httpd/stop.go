package httpd

import (
	"context"
	"time"
)

const (
	// silentTime is the time that a closing server waits for a request on an open connection. pytest-monitor opens a
	// connection for each request and sends the request at once.
	silentTime = time.Second
	// answeredPoll is the interval at which a closing server checks for unanswered requests.
	answeredPoll = 2 * time.Millisecond
)

// unanswered reports whether a request waits for its answer. With silentToo, a request may be on its way on a new
// connection, and on a connection that was answered less than silentTime ago.
func (o *openConns) unanswered(silentToo bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for c := range o.open {
		switch c.phase {
		case phaseReceiving, phaseSending, phaseWaiting, phaseHandling:
			return true
		case phaseNew:
			if silentToo {
				return true
			}
		case phaseIdle:
			if silentToo && c.behind() < silentTime {
				return true
			}
		}
	}
	return false
}

// waitAnswered returns when every request is answered, or when ctx ends. It waits up to silentTime for requests that may
// be on their way. [http.Server.Shutdown] alone is not enough: it closes a connection without an answer if the server
// reads the request after the call of Shutdown. This can happen to a request that was sent long before.
func (o *openConns) waitAnswered(ctx context.Context) {
	silent := time.NewTimer(silentTime)
	defer silent.Stop()
	poll := time.NewTicker(answeredPoll)
	defer poll.Stop()
	for silentToo := true; o.unanswered(silentToo); {
		select {
		case <-ctx.Done():
			return
		case <-silent.C:
			silentToo = false
		case <-poll.C:
		}
	}
}

// cutSilent cuts the connections without a request. [http.Server.Shutdown] would wait for them for five seconds.
func (o *openConns) cutSilent() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for c := range o.open {
		if c.phase == phaseNew && !c.cut {
			o.cutOff(c)
		}
	}
}

// waitClosed returns when no connection is open, at the latest after silentTime. It is for a server that has closed all
// connections, so that no handler uses what closes next.
func (o *openConns) waitClosed() {
	late := time.Now().Add(silentTime)
	for o.number() > 0 && time.Now().Before(late) {
		time.Sleep(answeredPoll)
	}
}
