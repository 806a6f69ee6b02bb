package httpd_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// Many others connect while a client needs some seconds for its request. There is room for all.
func TestASlowRequestKeepsItsPlaceWhileThereIsRoom(t *testing.T) {
	whole := post("/metrics/", strings.Repeat("x", 100))
	for name, begin := range map[string]int{"nothing": 0, "half of a head": 20, "half of a body": len(whole) - 50} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bridge, net *pipes) {
				b.MaxConns = 1
				assert.NoError(t, b.Open(net))
				slow := net.connect(t, whole[:begin])
				for range 20 {
					time.Sleep(250 * time.Millisecond)
					assert.Equal(t, http.StatusCreated, readAnswer(net.connect(t, post("/metrics/", metricBody))).status)
				}
				slow.send(whole[begin:])
				assert.Equal(t, http.StatusCreated, readAnswer(slow).status)
			})
		})
	}
}

// A request with a body waits until the bridge reads the body. Its client has nothing to do meanwhile.
func TestABodyThatNobodyReadsYetKeepsItsPlace(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		turn := make(chan struct{})
		b.MaxConns = 1
		b.Routes("/", monitor.ScopeRead).GET("/turn", func(c *gin.Context) {
			<-turn
			_, err := httpd.ReadBody(c.Request, nil, 100)
			assert.NoError(t, err)
		})
		assert.NoError(t, b.Open(net))
		waiting := net.connect(t, []byte("GET /turn HTTP/1.1\r\nHost: bridge\r\nContent-Length: 4\r\n\r\nbody"))
		for range 80 {
			time.Sleep(250 * time.Millisecond)
			assert.Equal(t, http.StatusOK, readAnswer(net.connect(t, healthy)).status)
		}
		close(turn)
		assert.Equal(t, http.StatusOK, readAnswer(waiting).status)
	})
}
