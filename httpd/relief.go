package httpd

import "time"

const (
	// patience is how far the client of an idle connection may fall behind although others need its place. While there is
	// no room for requests that wait for the bridge, it holds for every client.
	patience = 500 * time.Millisecond
	// slowPatience is how far the client of a request may fall behind although others need its place. It is long, because
	// the server's own load and the network's pauses look like a slow client.
	slowPatience = 10 * time.Second
	// farewell is the time in which the system must take the answer to a request that is cut.
	farewell = 250 * time.Millisecond
	// reliefPoll is the interval at which the server looks for places and for memory that others need.
	reliefPoll = 50 * time.Millisecond
)

// relieve cuts connections that wait for their clients as long as others need their places or their memory, until stop is
// closed.
func (o *openConns) relieve(stop <-chan struct{}) {
	poll := time.NewTicker(reliefPoll)
	defer poll.Stop()
	for {
		select {
		case <-stop:
			return
		case <-poll.C:
			o.mu.Lock()
			o.makeRoom()
			o.makeMemory()
			o.mu.Unlock()
			o.warn()
		}
	}
}

// makeRoom cuts connections above the limit. The caller holds the lock.
func (o *openConns) makeRoom() {
	for len(o.open)-o.cut > o.limit {
		o.full = true
		least := slowPatience
		if len(o.open)-o.cut >= o.limit+busyRoom {
			least = patience
		}
		if !o.cutSlowest(least) {
			return
		}
	}
}

// cutSlowest cuts the connection whose client has fallen behind most, and at least by a given time. An idle connection
// comes first, since its client loses nothing. It returns false when there is none. The caller holds the lock.
func (o *openConns) cutSlowest(least time.Duration) bool {
	c := o.slowest(patience, func(c *conn) bool { return c.phase == phaseIdle })
	if c == nil {
		c = o.slowest(least, func(*conn) bool { return true })
	}
	if c != nil {
		o.cutOff(c)
	}
	return c != nil
}

// slowest returns the connection whose client has fallen behind most, and at least by a given time. The caller holds the
// lock.
func (o *openConns) slowest(least time.Duration, eligible func(*conn) bool) (found *conn) {
	for c := range o.open {
		if c.cut || !c.waitsForClient() || !eligible(c) {
			continue
		}
		if behind := c.behind(); behind >= least && (c.phase == phaseSending || !unread(c.Conn)) {
			found, least = c, behind
		}
	}
	return found
}

// cutOff makes every read fail as at a deadline. So the server answers a request whose body is incomplete with 408, and
// closes any other connection without an answer. A client that does not take its answer gets no more of it. The caller
// holds the lock.
func (o *openConns) cutOff(c *conn) {
	past := time.Unix(1, 0)
	_ = c.Conn.SetReadDeadline(past) // all fail only when the connection is closed
	if c.phase == phaseSending {
		_ = c.Conn.SetWriteDeadline(past)
	} else {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(farewell))
	}
	c.cut = true
	o.cut++
}

// cutOne cuts a connection that waits for its client, if there is one.
func (o *openConns) cutOne() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cutSlowest(patience)
}
