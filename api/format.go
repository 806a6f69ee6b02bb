package api

import (
	"fmt"

	"github.com/gin-gonic/gin"
	"github.com/munnerz/goautoneg"

	"pymon-bridge/monitor"
)

// format is how a list is written down.
type format string

// The formats, as the query parameter names them. JSON comes in pages, the others whole.
const (
	formatJSON   format = "json"
	formatCSV    format = "csv"
	formatNDJSON format = "ndjson"
)

// Media types of the formats, beside that of JSON.
const (
	csvType    = "text/csv"
	ndjsonType = "application/x-ndjson"
)

// formatOf returns the format that a request asks for by the query parameter, else by its Accept header. It is JSON
// where nothing or something unknown is accepted, and where the list has no other.
func formatOf(c *gin.Context, others bool) (format, error) {
	if !others {
		return formatJSON, nil
	}
	switch f := format(c.Query("format")); f {
	case formatJSON, formatCSV, formatNDJSON:
		return f, nil
	case "":
	default:
		return "", &monitor.Error{Code: monitor.EInvalid, Message: fmt.Sprintf("unknown format %q", f),
			Fields: map[string]string{"format": "expected json, csv or ndjson"}}
	}
	c.Header("Vary", "Accept")
	switch goautoneg.Negotiate(c.GetHeader("Accept"), []string{jsonType, csvType, ndjsonType}) {
	case csvType:
		return formatCSV, nil
	case ndjsonType:
		return formatNDJSON, nil
	}
	return formatJSON, nil
}
