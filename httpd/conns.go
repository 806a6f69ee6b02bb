package httpd

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// openConns has every open connection of a server. Its limit holds for connections that wait for their clients.
// busyRoom more may be open while they wait for the bridge, and healthRoom more for requests about its health.
type openConns struct {
	limit int
	log   *slog.Logger

	mu     sync.Mutex
	open   map[*conn]struct{}
	counts map[phase]int // of the connections in open
	cut    int           // connections in open that are cut
	full   bool          // the limit was reached since the last warning
	warned time.Time     // the last warning
	bodies budget        // what the bodies of all requests may take
}

// setState is the ConnState hook of [http.Server].
func (o *openConns) setState(nc net.Conn, state http.ConnState) {
	c := tracked(nc)
	if c == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch state {
	case http.StateNew:
		o.open[c] = struct{}{}
		c.enter(phaseNew)
		o.makeRoom()
	case http.StateActive:
		c.enter(phaseHandling)
		c.lag = 0
	case http.StateIdle:
		c.enter(phaseIdle)
	case http.StateClosed, http.StateHijacked:
		o.counts[c.phase]--
		if delete(o.open, c); c.cut {
			o.cut--
		}
	}
}

// serve notes that a request has arrived. It returns the request to handle, and what notes that it is answered. A body is
// wrapped in a copy: net/http looks at the type of its own body to see whether a client waits for "100 Continue".
func (o *openConns) serve(r *http.Request) (handle *http.Request, answered func()) {
	c := connOf(r)
	if c == nil {
		return r, func() {}
	}
	if r.Body != http.NoBody {
		o.mu.Lock()
		c.enter(phaseReceiving)
		o.mu.Unlock()
		r = r.WithContext(r.Context())
		r.Body = &body{ReadCloser: r.Body, conn: c}
	}
	return r, func() { o.release(c) }
}

// sends notes that c begins to write, and returns what notes the end.
func (o *openConns) sends(c *conn) (ended func(n int)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.phase != phaseHandling {
		return func(int) {} // a handshake, or the answer to an unread body
	}
	c.enter(phaseSending)
	return func(n int) {
		o.mu.Lock()
		defer o.mu.Unlock()
		c.moved(n)
		c.enter(phaseHandling)
	}
}

// number returns the number of open connections.
func (o *openConns) number() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.open)
}

// byPhase returns the number of open connections in each phase.
func (o *openConns) byPhase() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	counts := map[string]int{}
	for _, p := range phases {
		counts[string(p)] = o.counts[p]
	}
	return counts
}
