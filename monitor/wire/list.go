package wire

import (
	"fmt"

	"pymon-bridge/monitor"
)

// MaxRows is the largest number of rows in the body of `POST /metrics/` or `POST /outcomes/`.
const MaxRows = 100

// Rows returns the rows of a body that is a list of 1 to [MaxRows] values. Each row is JSON. It returns nil for a body that
// is not a list. The error is an EInvalid.
func Rows(body []byte) (rows [][]byte, err error) {
	s := scanner{data: body}
	if s.peek() != '[' {
		return nil, nil
	}
	n := 0
	err = s.elements(0, func(v value) error {
		if n++; n <= MaxRows {
			rows = append(rows, v.raw)
		}
		return nil
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, monitor.Errorf(monitor.EInvalid, "invalid list: the body is not JSON: %v", err)
	}
	if n == 0 || n > MaxRows {
		return nil, &monitor.Error{Code: monitor.EInvalid, Message: "invalid list",
			Fields: map[string]string{"": fmt.Sprintf("expected 1 to %d rows, got %d", MaxRows, n)}}
	}
	return rows, nil
}
