package httpd

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
	// answeredPoll is how often a closing server looks whether everything is answered.
	answeredPoll = 2 * time.Millisecond
)

// openConns knows the state of every connection of a server. [http.Server.Shutdown] alone closes a connection without
// an answer where the request is read after the order to stop, however long before it was sent.
type openConns struct {
	mu     sync.Mutex
	states map[net.Conn]http.ConnState
}

// setState is the server's ConnState hook.
func (o *openConns) setState(conn net.Conn, state http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(o.states, conn)
		return
	}
	o.states[conn] = state
}

// unanswered says whether a request is being answered. With silentToo, a connection that has sent nothing yet counts too.
func (o *openConns) unanswered(silentToo bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, state := range o.states {
		if state == http.StateActive || silentToo && state == http.StateNew {
			return true
		}
	}
	return false
}

// waitAnswered returns when every request is answered, or when ctx ends. For a connection that has sent nothing yet it
// waits for silentTime.
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
