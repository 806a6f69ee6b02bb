package api

import (
	"fmt"
	"strings"

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

// formatOf returns the format that a request asks for by the query parameter, else by its Accept headers. Without either,
// for an unknown Accept, and for a list without other formats it is JSON.
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
	return accepted(c.Request.Header.Values("Accept")), nil
}

// accepted returns the format with the greatest weight in Accept headers. Where weights are equal JSON comes first.
func accepted(headers []string) format {
	clauses := goautoneg.ParseAccept(strings.ToLower(strings.Join(headers, ","))) // their order does not matter
	best, most := formatJSON, weight(clauses, "application", "json")
	if q := weight(clauses, "text", "csv"); q > most {
		best, most = formatCSV, q
	}
	if weight(clauses, "application", "x-ndjson") > most {
		best = formatNDJSON
	}
	return best
}

// weight returns the weight of a media type: that of the clause that names it most exactly, 0 where no clause does.
func weight(clauses []goautoneg.Accept, kind, subtype string) (q float64) {
	exact := 0
	for _, clause := range clauses {
		fits := 0
		switch {
		case clause.Type == kind && clause.SubType == subtype:
			fits = 3
		case clause.Type == kind && clause.SubType == "*":
			fits = 2
		case clause.Type == "*" && clause.SubType == "*":
			fits = 1
		}
		if fits > exact || fits > 0 && fits == exact && clause.Q > q {
			exact, q = fits, clause.Q
		}
	}
	return q
}
