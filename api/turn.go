package api

import (
	"errors"
	"runtime"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor/turns"
)

// maxWaiting is how many reads of one project may wait for their turn. It is far above what people and scripts ask for.
const maxWaiting = 256

// newTurns returns the turns of reads. Half of the machine is left to the clients that post.
func newTurns() *turns.Queue {
	return &turns.Queue{AtOnce: max(1, runtime.GOMAXPROCS(0)/2), MaxWaiting: maxWaiting}
}

// turnKey is the key of the [turn] of a request.
const turnKey = "turn"

// turn is the place of a read among all reads.
type turn struct {
	queue   *turns.Queue
	project string
	end     func() // nil while the read has no place
}

// inTurn makes a handler wait for its turn. Two kinds of handlers have none: pytest waits for the lookups of its plugin,
// and package judge has turns of its own.
func (a *API) inTurn(handle gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		t := &turn{queue: a.Turns, project: httpd.ReadProject(c)}
		end, err := t.queue.Take(c.Request.Context(), t.project)
		if err != nil {
			httpd.Fail(c, errors.Join(err, c.Request.Context().Err()))
			return
		}
		t.end = end
		defer t.pause()
		c.Set(turnKey, t)
		handle(c)
	}
}

// turnOf returns the turn of a request, nil if it has none.
func turnOf(c *gin.Context) *turn {
	t, _ := c.Value(turnKey).(*turn)
	return t
}

// pause gives the place to another read.
func (t *turn) pause() {
	if t != nil && t.end != nil {
		t.end()
		t.end = nil
	}
}

// resume waits for a place again.
func (t *turn) resume(c *gin.Context) (err error) {
	if t != nil {
		t.end, err = t.queue.Resume(c.Request.Context(), t.project)
	}
	return err
}
