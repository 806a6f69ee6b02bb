package httpd_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A download is under way when the bridge prepares a hand-over. Others are served until it has ended.
func TestCalmServesWhileARequestTakesLong(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		slow := make(chan struct{})
		b.PostFn = func(context.Context) error { <-slow; return nil }
		assert.NoError(t, b.Open(net))
		long := net.connect(t, post("/metrics/", metricBody))
		time.Sleep(time.Second)
		begin, calm := time.Now(), make(chan time.Duration, 1)
		go func() { b.Calm(t.Context()); calm <- time.Since(begin) }()
		time.Sleep(3 * time.Second)
		other := net.connect(t, healthy)
		assert.Equal(t, http.StatusOK, readAnswer(other).status)
		assert.True(t, other.closed(), "the next process gets the next request of this client")
		assert.Less(t, time.Since(begin), 4*time.Second)
		close(slow)
		assert.Equal(t, http.StatusCreated, readAnswer(long).status)
		took := <-calm
		assert.GreaterOrEqual(t, took, 3*time.Second)
		assert.Less(t, took, 4500*time.Millisecond, "a second after the answer, in which the client may send its next request")
	})
}

// A client that keeps its connection sends its next request within a second. Then it knows that the connection closes. One
// that connected and says nothing is not waited for.
func TestCalmLetsClientsKnowThatTheirConnectionsClose(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		listener := newBellPipes(net)
		assert.NoError(t, b.Open(listener))
		connect := func(texts ...[]byte) client {
			_, err := listener.rope.Write([]byte{0})
			assert.NoError(t, err)
			return net.connect(t, texts...)
		}
		silent := connect()
		time.Sleep(time.Second)
		kept := connect(healthy)
		assert.Equal(t, http.StatusOK, readAnswer(kept).status)
		time.Sleep(500 * time.Millisecond)
		begin := time.Now()
		time.AfterFunc(400*time.Millisecond, func() { kept.send(healthy) })
		b.Calm(t.Context())
		assert.Less(t, time.Since(begin), time.Second)
		assert.Equal(t, http.StatusOK, readAnswer(kept).status)
		assert.True(t, kept.closed())
		b.HandedOver = true
		begin = time.Now()
		assert.NoError(t, b.Close(t.Context()))
		assert.Less(t, time.Since(begin), 100*time.Millisecond, "new clients do not wait for the silent one")
		assert.True(t, silent.closed())
	})
}

// Requests that follow each other without end do not delay a hand-over for ever.
func TestCalmEndsInTime(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		slow := make(chan struct{})
		b.PostFn = func(context.Context) error { <-slow; return nil }
		assert.NoError(t, b.Open(net))
		long := net.connect(t, post("/metrics/", metricBody))
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		b.Calm(ctx)
		assert.Error(t, ctx.Err())
		close(slow)
		assert.Equal(t, http.StatusCreated, readAnswer(long).status)
	})
}
