package httpd

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// drainTime is how long connections are still taken after the order to stop. Taking one from the listener's queue costs
// microseconds.
const drainTime = 50 * time.Millisecond

// drainListener can take what is in its queue before it closes.
type drainListener struct {
	net.Listener
	stopping atomic.Bool
}

// Accept returns [net.ErrClosed] once the queue has been drained.
func (l *drainListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && l.stopping.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, net.ErrClosed
	}
	return conn, err
}

// drain lets Accept go on for a short while and then end, which closes done. It returns at that moment, or a little
// later where too many open connections keep Accept from running.
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
