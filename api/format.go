package api

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// format is the format of a list.
type format string

// The formats, as values of the query parameter. A list has pages in JSON only.
const (
	formatJSON   format = "json"
	formatCSV    format = "csv"
	formatNDJSON format = "ndjson"
)

// Media types of the formats. jsonType is the third.
const (
	csvType    = "text/csv"
	ndjsonType = "application/x-ndjson"
)

// formatOf returns the format for a request: by the query parameter, else by the Accept headers, else JSON. It returns
// JSON also for an unknown Accept header, and if the list has no table for the other formats.
func formatOf(c *gin.Context, hasTable bool) (format, error) {
	if !hasTable {
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
	return accepted(c.Request), nil
}

// accepted returns the format with the greatest weight in the Accept headers, or JSON if several have it.
func accepted(r *http.Request) format {
	best, w := formatJSON, httpd.Accepted(r, "application/json", csvType, ndjsonType)
	most := w[0]
	if w[1] > most {
		best, most = formatCSV, w[1]
	}
	if w[2] > most {
		best = formatNDJSON
	}
	return best
}
