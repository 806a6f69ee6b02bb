package ingest

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// postRows returns a handler that accepts one row, or a list of rows in one transaction.
func (h *Handler) postRows(decode decoder) gin.HandlerFunc {
	return h.handler(func(c *gin.Context, b *buffer) error {
		rows, err := wire.Rows(b.data)
		switch {
		case err != nil:
			return err
		case rows == nil:
			return h.acceptOne(c, b, decode)
		default:
			return h.acceptRows(c, b, rows, decode)
		}
	})
}

// acceptRows stores the rows that are right, and then fails if others are wrong. The answer has the number of rows.
func (h *Handler) acceptRows(c *gin.Context, b *buffer, rows [][]byte, decode decoder) error {
	base, wrong := h.base(c), &monitor.Error{Code: monitor.EInvalid, Fields: map[string]string{}}
	right := 0
	var recs []*monitor.Record
	for i, row := range rows {
		of, err := decode(base, row, "")
		if err != nil {
			addProblems(wrong.Fields, i, err)
			continue
		}
		right++
		recs = append(recs, of...)
	}
	if right > 0 {
		if err := h.store(c, recs); err != nil {
			return err
		}
	}
	if right < len(rows) {
		wrong.Message = fmt.Sprintf("%d of %d rows are invalid, %d are stored", len(rows)-right, len(rows), right)
		return wrong
	}
	b.data = append(strconv.AppendInt(append(b.data[:0], `{"accepted":`...), int64(right), 10), '}')
	return nil
}

// addProblems adds the problems of the row i, named like "[3].item".
func addProblems(to map[string]string, i int, err error) {
	name := fmt.Sprintf("[%d]", i)
	e, ok := errors.AsType[*monitor.Error](err)
	if !ok || len(e.Fields) == 0 {
		to[name] = err.Error()
		return
	}
	for field, problem := range e.Fields {
		if field != "" {
			field = "." + field
		}
		to[name+field] = problem
	}
}
