package httpd_test

import (
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// A client takes a part of a long answer. The bridge sees this soon, and not only when megabytes in the system's buffers
// are gone.
func TestTheProgressOfADownloadShows(t *testing.T) {
	b := newBridge()
	var written atomic.Int64
	b.Routes("/", monitor.ScopeRead).GET("/endless", func(c *gin.Context) {
		for {
			n, err := c.Writer.Write(make([]byte, 64<<10))
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	conn := dial(t, serve(t, b))
	require.NoError(t, conn.(interface{ SetReadBuffer(int) error }).SetReadBuffer(64<<10))
	_, err := io.WriteString(conn, "GET /endless HTTP/1.1\r\nHost: bridge\r\n\r\n")
	require.NoError(t, err)
	stopped := func() bool { // the buffers are full
		before := written.Load()
		time.Sleep(100 * time.Millisecond)
		return before > 0 && written.Load() == before
	}
	require.Eventually(t, stopped, 10*time.Second, time.Millisecond)
	before := written.Load()
	_, err = io.CopyN(io.Discard, conn, 400<<10)
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return written.Load() > before }, 10*time.Second, time.Millisecond)
	require.NoError(t, conn.Close())
}
