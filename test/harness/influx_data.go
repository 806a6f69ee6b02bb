package harness

import (
	"net/http"
	"net/url"
	"time"
)

// Row is one record of a Flux result by column. Values are float64, int64, uint64, bool, string or time.Time. A missing
// value is absent. A missing text is "", because InfluxDB's CSV writes missing and empty texts in the same way.
type Row map[string]any

// Query runs a Flux query as the organisation's owner and returns the records of all tables, in order. Floats have the exact
// bits and texts the exact bytes, except carriage returns: InfluxDB drops them when it writes CSV.
func (i *Influx) Query(flux string) []Row {
	i.tb.Helper()
	answer, err := i.client().call(http.MethodPost, "/api/v2/query?org="+url.QueryEscape(i.Org), map[string]any{
		"query": flux, "type": "flux",
		"dialect": map[string]any{"header": true, "annotations": []string{"datatype", "group", "default"}},
	})
	if err != nil {
		i.tb.Fatalf("%v\nquery: %s", err, flux)
	}
	rows, err := parseFluxCSV(string(answer))
	if err != nil {
		i.tb.Fatalf("%v\nquery: %s", err, flux)
	}
	return rows
}

// Points returns every point of a measurement in a bucket. A point is one row. Its columns are the tags, the fields and
// `_time`.
func (i *Influx) Points(bucket, measurement string) []Row {
	i.tb.Helper()
	return i.PointsBetween(bucket, measurement, time.Unix(0, 0), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC))
}

// PointsBetween returns the points of a range of time, like Points. The field must have one type in this range: InfluxDB
// leaves out days with another type and reports no error.
func (i *Influx) PointsBetween(bucket, measurement string, start, stop time.Time) []Row {
	i.tb.Helper()
	type key struct {
		tags string
		at   any
	}
	points, tagsOf := map[key]Row{}, map[any]string{} // InfluxDB answers with a table for each field of a series
	var order []key
	for _, r := range i.Query(`from(bucket: ` + quoteFlux(bucket) + `) |> range(start: ` +
		start.UTC().Format(time.RFC3339Nano) + `, stop: ` + stop.UTC().Format(time.RFC3339Nano) +
		`) |> filter(fn: (r) => r._measurement == ` + quoteFlux(measurement) + `)`) {
		field, value, table := r["_field"].(string), r["_value"], r["table"]
		for _, column := range []string{"_field", "_value", "_start", "_stop", "result", "table"} {
			delete(r, column)
		}
		if tagsOf[table] == "" {
			tagsOf[table] = tagsKey(r)
		}
		k := key{tagsOf[table], r["_time"]}
		if points[k] == nil {
			points[k] = r
			order = append(order, k)
		}
		points[k][field] = value
	}
	all := make([]Row, len(order))
	for n, k := range order {
		all[n] = points[k]
	}
	return all
}

// Write stores lines of line protocol with times in nanoseconds.
func (i *Influx) Write(bucket, lines string) {
	i.tb.Helper()
	if status, answer := i.TryWrite(bucket, lines); status != http.StatusNoContent {
		i.tb.Fatalf("InfluxDB refused to store: %d %s", status, answer)
	}
}

// TryWrite is Write, and returns InfluxDB's answer instead of failing the test.
func (i *Influx) TryWrite(bucket, lines string) (status int, answer string) {
	i.tb.Helper()
	query := url.Values{"org": {i.Org}, "bucket": {bucket}, "precision": {"ns"}}
	status, body, err := i.client().do(http.MethodPost, "/api/v2/write?"+query.Encode(), lines)
	if err != nil {
		i.tb.Fatal(err)
	}
	return status, string(body)
}

func (i *Influx) client() influxClient { return influxClient{url: i.URL, token: i.Token} }
