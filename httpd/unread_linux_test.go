package httpd_test

import (
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unreadConn is a connection of which the system says that bytes have arrived.
type unreadConn struct {
	net.Conn
	system syscall.Conn
}

func (c unreadConn) SyscallConn() (syscall.RawConn, error) { return c.system.SyscallConn() }

// The bridge is so busy that it has not read what a client sent long ago, while other clients take all places.
func TestARequestThatHasArrivedKeepsItsPlace(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, err = dial(t, listener.Addr().String()).Write(healthy)
	require.NoError(t, err)
	system, err := listener.Accept()
	require.NoError(t, err)
	defer system.Close()
	first := make([]byte, 1)
	_, err = system.Read(first) // so that the rest has arrived
	require.NoError(t, err)
	unread := func(c net.Conn) net.Conn { return unreadConn{c, system.(syscall.Conn)} }
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		b.MaxConns = 20
		net.wrap = unread
		assert.NoError(t, b.Open(net))
		busy := net.connect(t)
		net.wrap = nil
		time.Sleep(100 * time.Millisecond) // so that it is the first to go
		for range 20 + 1024 + 64 {
			net.connect(t)
		}
		time.Sleep(time.Second)
		busy.send(healthy)
		assert.Equal(t, http.StatusOK, readAnswer(busy).status)
	})
}
