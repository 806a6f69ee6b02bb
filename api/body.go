package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	jsonType = "application/json"

	// pageLimit holds every page of ordinary metrics.
	pageLimit = 1 << 20
	// streamLimit is how much of a stream is collected before it is sent.
	streamLimit = 64 << 10
	// stall is how long a client may take for a part of an answer. There is no limit for the whole, which may be long.
	stall = time.Minute
)

// body is the body of an answer with status 200. Up to its limit it stays in memory, and the answer can still become
// an error. What is longer is sent in parts, so that no long answer is in memory as a whole.
type body struct {
	data []byte // to be appended to

	c     *gin.Context
	media string
	limit int
}

func newBody(c *gin.Context, media string, limit int) *body {
	return &body{c: c, media: media, limit: limit}
}

// grown sends what is in memory if that reaches the limit.
func (b *body) grown() error {
	if len(b.data) < b.limit {
		return nil
	}
	return b.send()
}

// end sends what is left.
func (b *body) end() error {
	if !b.c.Writer.Written() {
		b.c.Header("Content-Length", strconv.Itoa(len(b.data)))
	}
	return b.send()
}

func (b *body) send() error {
	w := b.c.Writer
	if !w.Written() {
		b.c.Header("Content-Type", b.media)
	}
	// Where no deadline can be set, that of the server holds.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(stall))
	_, err := w.Write(b.data)
	b.data = b.data[:0]
	if err != nil {
		return fmt.Errorf("send the answer: %w", err)
	}
	return nil
}
