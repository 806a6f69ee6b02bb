package api

import (
	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// stream answers with the rows of a list as CSV or NDJSON. It sends them while the store still searches.
func stream[T any](c *gin.Context, f format, l list[T], p monitor.Page) error {
	b, line := newBody(c, ndjsonType, streamLimit), ndjson(l)
	if f == formatCSV {
		b, line = newBody(c, csvType+"; charset=utf-8; header=present", streamLimit), l.table.appendRow
		c.Header("Content-Disposition", `attachment; filename="`+l.key+`.csv"`)
		b.data = l.table.appendHeader(b.data)
	}
	for v, err := range l.rows(c.Request.Context(), p) {
		if err != nil {
			return err
		}
		b.data = line(b.data, v)
		if err := b.sendIfFull(); err != nil {
			return err
		}
	}
	return b.finish()
}

func ndjson[T any](l list[T]) func(dst []byte, v T) []byte {
	return func(dst []byte, v T) []byte { return append(l.json(dst, v), '\n') }
}
