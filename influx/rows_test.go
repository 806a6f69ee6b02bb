package influx_test

import (
	"strings"
	"time"

	"pymon-bridge/influx"
	"pymon-bridge/test/harness"
)

// rowsOf turns what the harness read, with tags and fields as columns, into rows by time.
func rowsOf(points []harness.Row) map[int64]influx.Row {
	tags := map[string]bool{"component": true, "env": true, "item": true, "item_path": true, "item_variant": true,
		"kind": true, "project": true, "prefix": true}
	rows := map[int64]influx.Row{}
	for _, p := range points {
		row := influx.Row{Tags: map[string]string{}, Fields: map[string]any{}}
		for column, value := range p {
			switch {
			case column == "_time":
				row.Time = value.(time.Time).UnixNano()
			case tags[column]:
				row.Tags[column] = value.(string)
			case !strings.HasPrefix(column, "_"):
				row.Fields[column] = value
			}
		}
		rows[row.Time] = row
	}
	return rows
}
