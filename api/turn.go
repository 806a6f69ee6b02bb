package api

import (
	"errors"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor/turns"
)

// maxWaiting is how many reads of one project may wait for their turn. It is far above what people and scripts ask for.
const maxWaiting = 256

// newTurns returns the turns of reads. Half of the machine is left to the clients that post.
func newTurns() *turns.Queue {
	return &turns.Queue{AtOnce: max(1, turns.Processors/2), MaxWaiting: maxWaiting}
}

// inTurn makes a handler wait for its turn. Two kinds of handlers have none: pytest waits for the lookups of its plugin,
// and package judge has turns of its own.
func (a *API) inTurn(handle gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		turn, err := a.Turns.Take(c.Request.Context(), httpd.ReadProject(c))
		if err != nil {
			httpd.Fail(c, errors.Join(err, c.Request.Context().Err()))
			return
		}
		defer turn.Leave()
		c.Request = c.Request.WithContext(turns.NewContext(c.Request.Context(), turn))
		handle(c)
	}
}
