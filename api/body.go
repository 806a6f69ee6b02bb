package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor/turns"
)

const (
	jsonType = "application/json"

	// pageLimit is the limit of a [body] for a page, in bytes. A page of ordinary metrics is shorter.
	pageLimit = 1 << 20
	// streamLimit is the limit of a [body] for a stream, in bytes.
	streamLimit = 64 << 10
	// sendTimeout is the time in which a client must take one part of an answer. The whole answer has no time limit.
	sendTimeout = time.Minute
)

// body is the body of an answer with status 200. An answer below the limit stays in memory until its end, so that it can
// still become an error answer. A longer answer is sent in parts, so that it is never in memory as a whole.
type body struct {
	data []byte // the part that is not sent yet; callers append to it

	c     *gin.Context
	media string
	limit int // bytes
}

func newBody(c *gin.Context, media string, limit int) *body {
	return &body{c: c, media: media, limit: limit}
}

// sendIfFull sends the data if it reaches the limit. Callers call it after they append.
func (b *body) sendIfFull() error {
	if len(b.data) < b.limit {
		return nil
	}
	if err := b.send(); err != nil {
		return err
	}
	ctx := b.c.Request.Context()
	return turns.FromContext(ctx).Resume(ctx)
}

// finish sends the rest of the data.
func (b *body) finish() error {
	if !b.c.Writer.Written() {
		b.c.Header("Content-Length", strconv.Itoa(len(b.data)))
	}
	return b.send()
}

// send sends the data. Meanwhile other reads have the turn, since the client may be slow.
func (b *body) send() error {
	turns.FromContext(b.c.Request.Context()).Leave()
	w := b.c.Writer
	if !w.Written() {
		b.c.Header("Content-Type", b.media)
	}
	// If this fails, the WriteTimeout of the server applies.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendTimeout))
	_, err := w.Write(b.data)
	b.data = b.data[:0]
	if err != nil {
		return fmt.Errorf("send the answer: %w", err)
	}
	return nil
}
