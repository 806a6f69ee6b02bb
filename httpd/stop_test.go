package httpd_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// bellPipes are pipes whose Accept has a deadline, as that of a TCP listener. Each connection rings the bell first.
type bellPipes struct {
	*pipes
	bell, rope net.Conn
}

func newBellPipes(p *pipes) *bellPipes {
	bell, rope := net.Pipe()
	return &bellPipes{p, bell, rope}
}

func (p *bellPipes) Accept() (net.Conn, error) {
	if _, err := p.bell.Read(make([]byte, 1)); err != nil {
		return nil, err
	}
	return p.pipes.Accept()
}

func (p *bellPipes) SetDeadline(t time.Time) error { return p.bell.SetReadDeadline(t) }

func (p *bellPipes) Close() error { return p.bell.Close() }

// The handshake of a client far away has begun before the stop. So it ends a round trip later.
func TestAStopAnswersWhoeverHasBegunToConnect(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		listener, closed := newBellPipes(net), make(chan error)
		assert.NoError(t, b.Open(listener))
		go func() { closed <- b.Close(context.Background()) }()
		time.Sleep(290 * time.Millisecond)
		_, err := listener.rope.Write([]byte{0})
		assert.NoError(t, err)
		if err == nil {
			assert.Equal(t, http.StatusCreated, readAnswer(net.connect(t, post("/metrics/", metricBody))).status)
		}
		assert.NoError(t, <-closed)
	})
}

// A client connects in advance, or only to see whether the port is open.
func TestASilentConnectionDelaysAStopByASecond(t *testing.T) {
	for name, sent := range map[string][]byte{"silent": nil, "half of a head": healthy[:20]} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bridge, net *pipes) {
				listener := newBellPipes(net)
				assert.NoError(t, b.Open(listener))
				_, err := listener.rope.Write([]byte{0})
				assert.NoError(t, err)
				silent := net.connect(t, sent)
				time.Sleep(100 * time.Millisecond)
				begin := time.Now()
				assert.NoError(t, b.Close(context.Background()))
				assert.Less(t, time.Since(begin), 2*time.Second)
				assert.True(t, silent.closed())
			})
		})
	}
}
