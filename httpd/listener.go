package httpd

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// drainTime is the time without a new connection after which a stopping listener's queue is empty. Handshakes that have
// begun end within it, also with clients far away.
const drainTime = 300 * time.Millisecond

// sendBuffer is the size in bytes of a connection's send buffer. A writer sleeps until a third of the buffer is free, so
// that a slow client of a larger one, which may have 4 MiB, seems to take nothing for many seconds.
const sendBuffer = 256 << 10

// drainListener is a listener that can accept the connections in its queue before it stops.
type drainListener struct {
	net.Listener
	conns    *openConns
	places   chan struct{} // has one value for each open connection
	stopping atomic.Bool
	lastCall time.Time // after it, Accept fails although there may be more; set before stopping
}

// listen returns a listener for as many connections as may be open.
func (o *openConns) listen(l net.Listener) *drainListener {
	return &drainListener{Listener: l, conns: o, places: make(chan struct{}, o.limit+busyRoom+healthRoom)}
}

// Accept accepts a connection when there is a place for it. It returns [net.ErrClosed] when drain has ended. When the
// process has no file descriptor left, it cuts a connection that waits for its client.
func (l *drainListener) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	if l.stopping.Load() {
		if time.Now().After(l.lastCall) {
			<-l.places
			return nil, net.ErrClosed
		}
		l.wait(drainTime)
	}
	nc, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		if l.stopping.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, net.ErrClosed
		}
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			l.conns.cutOne()
		}
		return nil, err
	}
	if limited, ok := nc.(interface{ SetWriteBuffer(int) error }); ok {
		_ = limited.SetWriteBuffer(sendBuffer) // fails only when the connection is closed
	}
	return &conn{Conn: nc, all: l.conns, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// wait lets Accept wait for a time. Only a listener with deadlines can do so.
func (l *drainListener) wait(most time.Duration) {
	if limited, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok {
		_ = limited.SetDeadline(time.Now().Add(most)) // fails only when the listener is closed
	}
}

// drain lets Accept run until the queue is empty, but for silentTime at most. Accept then fails, so that the server stops
// and closes done. With handedOver the queue is for the next process, and Accept fails at once. drain returns when done is
// closed, or a little after silentTime: while no further connection may be open, the server does not call Accept.
func (l *drainListener) drain(handedOver bool, done <-chan struct{}) {
	if l.lastCall = time.Now(); !handedOver {
		l.lastCall = l.lastCall.Add(silentTime)
		refuseConnections(l.Listener)
	}
	l.stopping.Store(true)
	l.wait(min(time.Until(l.lastCall), drainTime))
	late := time.NewTimer(silentTime + drainTime)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
	}
}
