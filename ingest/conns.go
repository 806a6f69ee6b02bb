package ingest

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// silentTime is how long a closing server waits for the first request on a connection. Clients that open one per
	// request send it at once.
	silentTime = time.Second
	// settlePoll is how often a closing server looks whether all is answered.
	settlePoll = 2 * time.Millisecond
)

// openConns knows the state of every connection of a server. It is needed because [http.Server.Shutdown] closes a
// connection without an answer where the request is read after the order to stop, however long before it was sent.
type openConns struct {
	mu     sync.Mutex
	states map[net.Conn]http.ConnState
}

// note is the server's ConnState hook.
func (o *openConns) note(conn net.Conn, state http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(o.states, conn)
		return
	}
	o.states[conn] = state
}

// owed says whether a request is being answered, or may be about to come on a connection that is silent so far.
func (o *openConns) owed(silentToo bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, state := range o.states {
		if state == http.StateActive || silentToo && state == http.StateNew {
			return true
		}
	}
	return false
}

// settle returns when every request is answered, except those that come late on silent connections, or when ctx ends.
func (o *openConns) settle(ctx context.Context) {
	silent := time.NewTimer(silentTime)
	defer silent.Stop()
	poll := time.NewTicker(settlePoll)
	defer poll.Stop()
	for waiting := true; o.owed(waiting); {
		select {
		case <-ctx.Done():
			return
		case <-silent.C:
			waiting = false
		case <-poll.C:
		}
	}
}
