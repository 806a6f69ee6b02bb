package harness

import (
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parseFluxCSV reads InfluxDB's annotated CSV. Annotation rows separate its tables, and each table has a header.
func parseFluxCSV(text string) ([]Row, error) {
	reader := csv.NewReader(strings.NewReader(text))
	reader.FieldsPerRecord = -1 // tables have different widths
	records, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read InfluxDB's CSV: %w", err)
	}
	var rows []Row
	var types, header []string
	for _, record := range records {
		switch {
		case record[0] == "#datatype":
			types, header = record, nil
		case strings.HasPrefix(record[0], "#"):
		case header == nil:
			header = record
		default:
			row, err := parseRow(types, header, record)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func parseRow(types, header, record []string) (Row, error) {
	if len(record) != len(header) || len(types) != len(header) {
		return nil, fmt.Errorf("a row has %d values for %d columns", len(record), len(header))
	}
	if slices.Contains(header, "error") && slices.Contains(header, "reference") {
		return nil, fmt.Errorf("InfluxDB failed while it answered: %s", strings.Join(record, " "))
	}
	row := Row{}
	for n := 1; n < len(record); n++ { // column 0 has the annotations
		if record[n] == "" && types[n] != "string" {
			continue
		}
		value, err := parseValue(types[n], record[n])
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", header[n], err)
		}
		row[header[n]] = value
	}
	return row, nil
}

func parseValue(kind, text string) (any, error) {
	switch kind {
	case "string":
		return text, nil
	case "double":
		return strconv.ParseFloat(text, 64)
	case "long":
		return strconv.ParseInt(text, 10, 64)
	case "unsignedLong":
		return strconv.ParseUint(text, 10, 64)
	case "boolean":
		return strconv.ParseBool(text)
	case "dateTime:RFC3339", "dateTime:RFC3339Nano":
		return time.Parse(time.RFC3339Nano, text)
	default:
		return nil, fmt.Errorf("unknown type %q", kind)
	}
}

// quoteFlux returns text as a Flux string literal.
func quoteFlux(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, `${`, `\${`).Replace(text) + `"`
}

// tagsKey returns a key from the tags of a row.
func tagsKey(r Row) string {
	var b strings.Builder
	for _, column := range slices.Sorted(maps.Keys(r)) {
		if column != "_time" {
			fmt.Fprintf(&b, "%q=%q ", column, fmt.Sprint(r[column]))
		}
	}
	return b.String()
}
