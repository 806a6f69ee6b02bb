package httpd

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// drainTime is the time for which a stopping listener still accepts connections. To accept a connection from the queue
// takes microseconds.
const drainTime = 50 * time.Millisecond

// drainListener is a listener that can accept the connections in its queue before it stops.
type drainListener struct {
	net.Listener
	stopping atomic.Bool
}

// Accept accepts a connection. It returns [net.ErrClosed] when drain has ended.
func (l *drainListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && l.stopping.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, net.ErrClosed
	}
	return conn, err
}

// drain lets Accept run for drainTime more. Accept then fails, so that the server stops and closes done. drain returns
// when done is closed, or after twice drainTime: at the limit of open connections the server does not call Accept.
func (l *drainListener) drain(done <-chan struct{}) {
	limited, ok := l.Listener.(interface{ SetDeadline(time.Time) error })
	l.stopping.Store(true)
	if !ok || limited.SetDeadline(time.Now().Add(drainTime)) != nil {
		return
	}
	late := time.NewTimer(2 * drainTime)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
	}
}
