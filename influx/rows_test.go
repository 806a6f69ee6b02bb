package influx_test

import (
	"fmt"
	"maps"
	"slices"
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

// pointsBetween reads the points of a span of time, which is half open, by time: no two have the same.
func pointsBetween(server *harness.Influx, bucket string, from, to int64) []harness.Row {
	points := map[int64]harness.Row{}
	for _, r := range server.Query(fmt.Sprintf(`from(bucket: %q) |> range(start: time(v: %d), stop: time(v: %d))`, bucket, from, to)) {
		at := r["_time"].(time.Time).UnixNano()
		if points[at] == nil {
			points[at] = harness.Row{}
			for column, value := range r {
				if column != "_field" && column != "_value" && column != "result" && column != "table" {
					points[at][column] = value
				}
			}
		}
		points[at][r["_field"].(string)] = r["_value"]
	}
	return slices.Collect(maps.Values(points))
}
