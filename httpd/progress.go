package httpd

import "time"

// Each function below needs the lock of c.all.

// enter begins a phase. The client's lag begins anew with each request and each time between two.
func (c *conn) enter(p phase) {
	c.moved(0)
	if p == phaseNew || p == phaseIdle {
		c.lag, c.begun = 0, c.mark
	}
	c.all.counts[c.phase]--
	c.all.counts[p]++
	c.phase = p
}

// waitsForClient says whether it is the client's turn. A handshake takes time of the bridge too, and a body may have to wait
// until the bridge reads it.
func (c *conn) waitsForClient() bool {
	switch c.phase {
	case phaseIdle, phaseSending:
		return true
	case phaseNew, phaseReceiving:
		return c.reading
	default:
		return false
	}
}

// moved notes that the client has sent or taken n bytes. They make up for the time that leastRate gives them. A client
// cannot get ahead, and falls behind only in its turn.
func (c *conn) moved(n int) {
	c.lag = max(0, c.behind()-time.Duration(n)*time.Second/leastRate)
	c.mark = time.Now()
}

// behind returns how far the client has fallen behind.
func (c *conn) behind() time.Duration {
	if !c.waitsForClient() {
		return c.lag
	}
	return c.lag + time.Since(c.mark)
}

// unused says whether no request came for silentTime.
func (c *conn) unused() bool {
	return (c.phase == phaseNew || c.phase == phaseIdle) && c.behind() >= silentTime
}
