package httpd

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// phase says what an open connection waits for.
type phase string

// The phases. In the first four the connection waits for its client, else for the bridge.
const (
	phaseNew       phase = "new"       // the handshake, or the head of a request
	phaseIdle      phase = "idle"      // the first byte of the next request
	phaseReceiving phase = "receiving" // the rest of a body
	phaseSending   phase = "sending"   // the client to take more of its answer
	phaseWaiting   phase = "waiting"   // memory for the rest of a body
	phaseHandling  phase = "handling"  // the answer
)

var phases = [...]phase{phaseNew, phaseIdle, phaseReceiving, phaseSending, phaseWaiting, phaseHandling}

const (
	// leastRate is the number of bytes that a client should move in a second. A client that moves fewer falls behind. It is
	// about what a body of 4 MiB needs to arrive within the read timeout.
	leastRate = 64 << 10
	// writePiece is the number of bytes after whose writing the server looks at the client's progress.
	writePiece = 64 << 10
)

// conn is an accepted connection. The lock of all guards the fields behind it.
type conn struct {
	net.Conn
	all   *openConns
	leave func() // gives its place to another connection

	phase   phase
	begun   time.Time     // of the phase new or idle that came last
	reading bool          // Read waits
	lag     time.Duration // how far its client had fallen behind at the time mark
	mark    time.Time
	cut     bool      // the server waits for its client no more
	readBy  time.Time // the read deadline that net/http has set
	claim   claim
}

// connKey is the key in a request's context for its connection.
type connKey struct{}

// withConn is the ConnContext hook of [http.Server].
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, tracked(c))
}

// connOf returns the connection of a request, or nil for a request that did not arrive on one of the listener.
func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}

// tracked returns the connection below TLS, or nil for a connection of another listener.
func tracked(c net.Conn) *conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	own, _ := c.(*conn)
	return own
}

// Read notes the progress, and that it is the client's turn meanwhile. The first byte of a request ends phaseIdle.
func (c *conn) Read(b []byte) (int, error) {
	c.all.mu.Lock()
	c.moved(0)
	c.reading = true
	c.all.mu.Unlock()
	n, err := c.Conn.Read(b)
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.moved(n)
	c.reading = false
	if n > 0 && c.phase == phaseIdle {
		c.enter(phaseNew)
	}
	return n, err
}

// Write writes in pieces, so that the progress shows.
func (c *conn) Write(b []byte) (n int, err error) {
	for err == nil && n < len(b) {
		ended := c.all.sends(c)
		var piece int
		piece, err = c.Conn.Write(b[n:min(n+writePiece, len(b))])
		ended(piece)
		n += piece
	}
	return n, err
}

// SetDeadline changes nothing after the cut.
func (c *conn) SetDeadline(t time.Time) error { return c.unlessCut(c.Conn.SetDeadline, t) }

// SetReadDeadline changes nothing after the cut.
func (c *conn) SetReadDeadline(t time.Time) error {
	return c.unlessCut(func(t time.Time) error { c.readBy = t; return c.Conn.SetReadDeadline(t) }, t)
}

// SetWriteDeadline changes nothing after the cut.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.unlessCut(c.Conn.SetWriteDeadline, t) }

func (c *conn) unlessCut(set func(time.Time) error, t time.Time) error {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.cut {
		return nil
	}
	return set(t)
}

// Close closes the connection. net/http and package tls may call it again.
func (c *conn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// body is the body of a request. Its end ends phaseReceiving.
type body struct {
	io.ReadCloser
	conn *conn
}

// Read reads from the body.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.conn.all.mu.Lock()
		defer b.conn.all.mu.Unlock()
		b.conn.enter(phaseHandling)
	}
	return n, err
}
