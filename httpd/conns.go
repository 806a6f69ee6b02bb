package httpd

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// silentTime is the time that a closing server waits for the first request on an open connection. pytest-monitor
	// opens a connection for each request and sends the request at once.
	silentTime = time.Second
	// answeredPoll is the interval at which a closing server checks for unanswered requests.
	answeredPoll = 2 * time.Millisecond
)

// openConns tracks the state of every connection of a server. [http.Server.Shutdown] alone is not enough: it closes a
// connection without an answer if the server reads the request after the call of Shutdown. This can happen to a request
// that was sent long before.
type openConns struct {
	mu     sync.Mutex
	states map[net.Conn]http.ConnState
}

// setState is the ConnState hook of [http.Server].
func (o *openConns) setState(conn net.Conn, state http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(o.states, conn)
		return
	}
	o.states[conn] = state
}

// unanswered reports whether a request waits for its answer. With silentToo, a connection on which nothing has arrived
// counts as such a request.
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

// waitAnswered returns when every request is answered, or when ctx ends. It waits up to silentTime for the first request
// on a connection.
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
