package ingest

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// drainTime is how long connections are still taken after the order to stop. Those in the listener's queue take
// microseconds each.
const drainTime = 50 * time.Millisecond

// drainListener can take what is in its queue before it closes.
type drainListener struct {
	net.Listener
	stopping atomic.Bool
}

func newDrainListener(l net.Listener) *drainListener { return &drainListener{Listener: l} }

func (l *drainListener) draining() bool { return l.stopping.Load() }

// Accept returns [net.ErrClosed] once the queue has been drained.
func (l *drainListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && l.stopping.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, net.ErrClosed
	}
	return conn, err
}

// drain lets Accept go on for a short while and then end, which closes done. It returns at that moment, or a little
// later when Accept is kept from running by too many open connections.
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
