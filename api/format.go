package api

import (
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/munnerz/goautoneg"

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
	return accepted(c.Request.Header.Values("Accept")), nil
}

// accepted returns the format with the greatest weight in the Accept headers, or JSON if several have it.
func accepted(headers []string) format {
	clauses := goautoneg.ParseAccept(strings.ToLower(strings.Join(headers, ",")))
	best, most := formatJSON, weight(clauses, "application", "json")
	if q := weight(clauses, "text", "csv"); q > most {
		best, most = formatCSV, q
	}
	if weight(clauses, "application", "x-ndjson") > most {
		best = formatNDJSON
	}
	return best
}

// weight returns the weight of a media type in the Accept headers, or 0. The most specific matching clause decides.
func weight(clauses []goautoneg.Accept, kind, subtype string) (q float64) {
	best := 0
	for _, clause := range clauses {
		specific := 0
		switch {
		case clause.Type == kind && clause.SubType == subtype:
			specific = 3
		case clause.Type == kind && clause.SubType == "*":
			specific = 2
		case clause.Type == "*" && clause.SubType == "*":
			specific = 1
		}
		if specific > best || specific > 0 && specific == best && clause.Q > q {
			best, q = specific, clause.Q
		}
	}
	return q
}
