package ingest_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/ingest"
	"pymon-bridge/monitor"
)

// gate makes Append wait: entered receives for every call, and each goes on when open is closed.
type gate struct{ entered, open chan struct{} }

func newGate(b *bridge) gate {
	g := gate{make(chan struct{}, 16), make(chan struct{})}
	b.journal.AppendFn = func(context.Context, *monitor.Record) error {
		g.entered <- struct{}{}
		<-g.open
		return nil
	}
	return g
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return conn
}

func TestCloseAnswersWhatItHasTaken(t *testing.T) {
	b := newBridge()
	g := newGate(b)
	addr, server := serve(t, b, nil)
	inFlight, silent := dial(t, addr), dial(t, addr)
	_, err := inFlight.Write(post("/metrics/", metricBody))
	require.NoError(t, err)
	<-g.entered
	closed := make(chan error)
	go func() { closed <- server.Close(context.Background()) }()
	require.NoError(t, server.Wait())
	_, err = net.Dial("tcp", addr)
	require.Error(t, err, "it takes no connections any more")
	_, err = silent.Write(post("/metrics/", metricBody)) // connected before the order to stop, sends after it
	require.NoError(t, err)
	<-g.entered
	close(g.open)
	for _, conn := range []net.Conn{inFlight, silent} {
		got := readAnswer(bufio.NewReader(conn))
		assert.Equal(t, http.StatusCreated, got.status)
	}
	assert.NoError(t, <-closed)
	assert.NoError(t, server.Close(context.Background()), "again")
}

func TestCloseTakesTheQueue(t *testing.T) {
	b := newBridge()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var queue []net.Conn
	for range 50 { // nobody accepts yet: the system holds them
		conn := dial(t, listener.Addr().String())
		_, err := conn.Write(post("/metrics/", metricBody))
		require.NoError(t, err)
		queue = append(queue, conn)
	}
	server := ingest.NewServer(b, discard())
	require.NoError(t, server.Open(listener))
	require.NoError(t, server.Close(context.Background()))
	for _, conn := range queue {
		assert.Equal(t, http.StatusCreated, readAnswer(bufio.NewReader(conn)).status)
	}
	assert.Len(t, b.journal.stored(), 50)
}

func TestCloseEndsWithItsContext(t *testing.T) {
	b := newBridge()
	g := newGate(b)
	addr, server := serve(t, b, nil)
	conn := dial(t, addr)
	_, err := conn.Write(post("/metrics/", metricBody))
	require.NoError(t, err)
	<-g.entered
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, server.Close(ctx), context.DeadlineExceeded)
	assert.Zero(t, readAnswer(bufio.NewReader(conn)).status, "cut off")
	close(g.open)
}

func TestCloseWithoutOpen(t *testing.T) {
	assert.NoError(t, ingest.NewServer(http.NotFoundHandler(), discard()).Close(context.Background()))
}

func TestWaitReportsABrokenListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := ingest.NewServer(newBridge(), discard())
	require.NoError(t, server.Open(listener))
	require.NoError(t, listener.Close())
	assert.ErrorIs(t, server.Wait(), net.ErrClosed)
	assert.NoError(t, server.Close(context.Background()))
}

func TestServesOnAUnixSocket(t *testing.T) {
	b := newBridge()
	path := t.TempDir() + "/s"
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	server := ingest.NewServer(b, discard())
	require.NoError(t, server.Open(listener))
	conn, err := net.Dial("unix", path)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(post("/metrics/", metricBody))
	require.NoError(t, err)
	assert.Equal(t, http.StatusCreated, readAnswer(bufio.NewReader(conn)).status)
	assert.NoError(t, server.Close(context.Background()))
}

func TestSlowClientsAreCutOff(t *testing.T) {
	b := newBridge()
	addr, _ := serve(t, b, func(s *ingest.Server) {
		s.ReadHeaderTimeout, s.ReadTimeout = 300*time.Millisecond, 600*time.Millisecond
	})
	slowHeader, slowBody, silent := dial(t, addr), dial(t, addr), dial(t, addr)
	raw := post("/metrics/", metricBody)
	_, err := slowHeader.Write(raw[:20])
	require.NoError(t, err)
	_, err = slowBody.Write(raw[:len(raw)-10])
	require.NoError(t, err)
	assert.Equal(t, http.StatusCreated, send(t, addr, raw, false).status, "others go on meanwhile")
	got := readAnswer(bufio.NewReader(slowBody))
	assert.Equal(t, http.StatusRequestTimeout, got.status)
	assert.Contains(t, got.message, "in time")
	for _, conn := range []net.Conn{slowBody, slowHeader, silent} {
		_, err = io.Copy(io.Discard, conn)
		assert.NoError(t, err, "closed by the server")
	}
	assert.Equal(t, http.StatusCreated, send(t, addr, raw, false).status, "and after it")
	assert.Equal(t, []string{"slow"}, b.heard.refused)
	assert.Len(t, b.journal.stored(), 2)
}

func TestConnectionsBeyondTheLimitWait(t *testing.T) {
	b := newBridge()
	addr, _ := serve(t, b, func(s *ingest.Server) { s.MaxConns = 2 })
	first, second, third := dial(t, addr), dial(t, addr), dial(t, addr)
	for _, conn := range []net.Conn{first, second} {
		_, err := conn.Write(post("/metrics/", metricBody))
		require.NoError(t, err)
		require.Equal(t, http.StatusCreated, readAnswer(bufio.NewReader(conn)).status)
	}
	_, err := third.Write(post("/metrics/", metricBody))
	require.NoError(t, err)
	require.NoError(t, third.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
	_, err = third.Read(make([]byte, 1))
	require.Error(t, err, "it waits while two are open")
	require.NoError(t, first.Close())
	require.NoError(t, third.SetReadDeadline(time.Now().Add(20*time.Second)))
	assert.Equal(t, http.StatusCreated, readAnswer(bufio.NewReader(third)).status)
}
