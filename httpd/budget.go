package httpd

import (
	"slices"
	"time"
)

const (
	// freeBody is the size in bytes of a body that needs nothing of the budget. The body for an ordinary test has 600 bytes.
	freeBody = 64 << 10
	// bodyBudget is the number of bytes that the oldest of the larger bodies may take together. The younger ones share as
	// much again.
	bodyBudget = 32 << 20
	// bodyPatience is how far the client of a large body may fall behind although others need its memory. Even a fast client
	// pauses: it sends in bursts, or repeats what the network has lost.
	bodyPatience = time.Second
)

// budget shares memory among large bodies. A body takes it in steps, as its bytes arrive. The oldest bodies always get what
// they need, so that bodies that have a part each never wait for each other for ever. [openConns] guards it.
type budget struct {
	line []*conn // those with a large body, the oldest first
}

// claim is what the body on a connection has of the budget.
type claim struct {
	held    int64
	wanted  int64         // while it waits
	need    int64         // the size of the whole body, or the most that it may have
	lost    bool          // others need it
	granted chan struct{} // gets a value for each wait
}

// take waits until the body on c may take size bytes of memory, of those that it may need at most. It returns false when c
// was cut or has lost its memory. The next call of release gives the bytes back.
func (o *openConns) take(c *conn, size, need int64) bool {
	o.mu.Lock()
	if c.cut || c.claim.lost {
		o.mu.Unlock()
		return false
	}
	if c.claim.need == 0 {
		c.claim = claim{need: need, granted: make(chan struct{}, 1)}
		o.bodies.line = append(o.bodies.line, c)
	}
	granted := c.claim.granted
	c.claim.wanted = size - c.claim.held
	c.enter(phaseWaiting)
	o.makeMemory()
	o.mu.Unlock()
	<-granted
	return true
}

// release gives back what the body on c has taken. If c has lost it, the rest of the body may still arrive in its time.
func (o *openConns) release(c *conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.claim.need > 0 {
		if c.claim.lost && !c.cut {
			_ = c.Conn.SetReadDeadline(c.readBy) // fails only when the connection is closed
		}
		o.bodies.drop(c)
		o.makeMemory()
	}
}

// makeMemory grants what can be granted. While others wait, the body whose client is furthest behind loses its memory:
// its reads fail as at a deadline. The next one has to wait until the memory of this one is free, so that both never have
// it. The caller holds the lock.
func (o *openConns) makeMemory() {
	o.bodies.grant()
	if o.counts[phaseWaiting] == 0 || slices.ContainsFunc(o.bodies.line, func(c *conn) bool { return c.cut || c.claim.lost }) {
		return
	}
	if c := o.slowest(bodyPatience, func(c *conn) bool { return c.claim.held > 0 }); c != nil {
		c.claim.lost = true
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // fails only when the connection is closed
	}
}

// grant gives the oldest bodies what they want, and the younger ones what is left of their share.
func (b *budget) grant() {
	old, needed, shared := 0, int64(0), int64(0)
	for n, c := range b.line {
		if needed += c.claim.need; n == 0 || needed <= bodyBudget {
			old++
		} else {
			shared += c.claim.held
		}
	}
	for n, c := range b.line {
		want := c.claim.wanted
		if want == 0 || n >= old && shared+want > bodyBudget {
			continue
		}
		if n >= old {
			shared += want
		}
		c.claim.held += want
		c.claim.wanted = 0
		c.enter(phaseReceiving)
		c.claim.granted <- struct{}{}
	}
}

// drop takes c out of the line.
func (b *budget) drop(c *conn) {
	b.line = slices.DeleteFunc(b.line, func(other *conn) bool { return other == c })
	c.claim = claim{}
}
