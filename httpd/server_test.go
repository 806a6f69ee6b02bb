package httpd_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// barrier stops every POST of a bridge before it is stored.
type barrier struct {
	entered chan struct{} // receives a value for every POST that has arrived
	open    chan struct{} // every POST goes on when this is closed
}

func newBarrier(b *bridge) barrier {
	g := barrier{make(chan struct{}, 16), make(chan struct{})}
	b.PostFn = func(context.Context) error {
		g.entered <- struct{}{}
		<-g.open
		return nil
	}
	return g
}

func TestCloseAnswersAcceptedConnections(t *testing.T) {
	b := newBridge()
	g := newBarrier(b)
	addr := serve(t, b)
	inFlight, silent := dial(t, addr), dial(t, addr)
	_, err := inFlight.Write(post("/metrics/", metricBody))
	require.NoError(t, err)
	<-g.entered
	closed := make(chan error)
	go func() { closed <- b.Close(context.Background()) }()
	require.NoError(t, b.Wait())
	_, err = net.Dial("tcp", addr)
	require.Error(t, err, "the server accepts no more connections")
	_, err = silent.Write(post("/metrics/", metricBody)) // connected before Close, sends after it
	require.NoError(t, err)
	<-g.entered
	close(g.open)
	for _, conn := range []net.Conn{inFlight, silent} {
		got := readAnswer(conn)
		assert.Equal(t, http.StatusCreated, got.status)
	}
	assert.NoError(t, <-closed)
	assert.NoError(t, b.Close(context.Background()), "the second Close does nothing")
}

func TestCloseAnswersTheListenersQueue(t *testing.T) {
	b := newBridge()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var queue []net.Conn
	for range 50 { // the connections wait in the queue of the system
		conn := dial(t, listener.Addr().String())
		_, err := conn.Write(post("/metrics/", metricBody))
		require.NoError(t, err)
		queue = append(queue, conn)
	}
	require.NoError(t, b.Open(listener))
	require.NoError(t, b.Close(context.Background()))
	for _, conn := range queue {
		assert.Equal(t, http.StatusCreated, readAnswer(conn).status)
	}
	assert.Len(t, b.projects(), 50)
}

func TestCloseEndsWithItsContext(t *testing.T) {
	b := newBridge()
	g := newBarrier(b)
	addr := serve(t, b)
	conn := dial(t, addr)
	_, err := conn.Write(post("/metrics/", metricBody))
	require.NoError(t, err)
	<-g.entered
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	assert.NoError(t, b.Close(ctx), "to stop is no failure")
	assert.Contains(t, b.log.String(), "connections were cut, because the time to stop has ended\" connections=1")
	assert.Zero(t, readAnswer(conn).status, "the connection closes without an answer")
	close(g.open)
}

func TestCloseWithoutOpenDoesNothing(t *testing.T) {
	assert.NoError(t, newBridge().Close(context.Background()))
}

func TestWaitReportsABrokenListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := newBridge()
	require.NoError(t, b.Open(listener))
	require.NoError(t, listener.Close())
	assert.ErrorIs(t, b.Wait(), net.ErrClosed)
	assert.NoError(t, b.Close(context.Background()))
}

func TestServesOnAUnixSocket(t *testing.T) {
	b := newBridge()
	path := t.TempDir() + "/s"
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	require.NoError(t, b.Open(listener))
	conn, err := net.Dial("unix", path)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(post("/metrics/", metricBody))
	require.NoError(t, err)
	assert.Equal(t, http.StatusCreated, readAnswer(conn).status)
	assert.NoError(t, b.Close(context.Background()))
}

func TestConnectionsOfSlowClientsAreClosed(t *testing.T) {
	b := newBridge()
	b.HTTP.ReadHeaderTimeout, b.HTTP.ReadTimeout = 300*time.Millisecond, 600*time.Millisecond
	addr := serve(t, b)
	slowHeader, slowBody, silent := dial(t, addr), dial(t, addr), dial(t, addr)
	raw := post("/metrics/", metricBody)
	_, err := slowHeader.Write(raw[:20])
	require.NoError(t, err)
	_, err = slowBody.Write(raw[:len(raw)-10])
	require.NoError(t, err)
	assert.Equal(t, http.StatusCreated, send(t, addr, raw).status, "other clients get answers meanwhile")
	got := readAnswer(slowBody)
	assert.Equal(t, http.StatusRequestTimeout, got.status)
	assert.Contains(t, got.message, "in time")
	for _, conn := range []net.Conn{slowBody, slowHeader, silent} {
		_, err = io.Copy(io.Discard, conn)
		assert.NoError(t, err, "the server closes the connection")
	}
	assert.Equal(t, http.StatusCreated, send(t, addr, raw).status, "other clients get answers afterwards")
	assert.Equal(t, []string{"slow"}, b.calls.refused)
	assert.Len(t, b.projects(), 2)
}
