package httpd_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// pipes is a listener without a network, so that a test with synctest can use it.
type pipes struct {
	waiting chan net.Conn
	closed  chan struct{}
	once    sync.Once
	wrap    func(net.Conn) net.Conn // what the bridge gets for a connection; may be nil
}

// Accept returns the bridge's end of the next connection.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.waiting:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close makes Accept fail.
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr returns an address that means nothing.
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

// client is one end of a connection. A goroutine sends the texts that it has to send.
type client struct {
	net.Conn
	texts chan []byte
}

// connect opens a connection and sends texts on it.
func (p *pipes) connect(t *testing.T, texts ...[]byte) client {
	ours, theirs := net.Pipe()
	assert.NoError(t, ours.SetDeadline(time.Now().Add(10*time.Minute))) // in the time of the bubble
	c := client{ours, make(chan []byte, 64)}
	t.Cleanup(func() { close(c.texts); _ = ours.Close() })
	go func() {
		for text := range c.texts {
			_, _ = ours.Write(text) // fails when the bridge closes the connection
		}
	}()
	if p.wrap != nil {
		theirs = p.wrap(theirs)
	}
	p.waiting <- theirs
	c.send(texts...)
	return c
}

// send sends texts and returns at once.
func (c client) send(texts ...[]byte) {
	for _, text := range texts {
		c.texts <- text
	}
}

// closed returns when the bridge has closed the connection.
func (c client) closed() bool {
	_, err := io.Copy(io.Discard, c)
	return err == nil
}

// bubble runs f with a clock of its own and a bridge that serves on pipes.
func bubble(t *testing.T, f func(t *testing.T, b *bridge, net *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b, net := newBridge(), &pipes{waiting: make(chan net.Conn), closed: make(chan struct{})}
		f(t, b, net)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		assert.NoError(t, b.Close(ctx))
	})
}
