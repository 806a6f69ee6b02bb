// Writes how often each test ran on each day (UTC), what it usually took and what at most. Results arrive late, after an
// outage days late, so the last days are computed anew each time, which overwrites what is there with the same or more.
import "date"

option task = {name: {{.Name}}, every: 1d, offset: 30m}

today = date.truncate(t: now(), unit: 1d)
daysAgo = (n) => date.sub(d: date.scale(d: 1d, n: n), from: today)

measured = (field, start, stop) =>
    from(bucket: {{.Bucket}})
        |> range(start: start, stop: stop)
        |> filter(fn: (r) => r._measurement == "test_metrics" and r._field == field)

write = (tables=<-, field) =>
    tables
        |> group()
        |> set(key: "_measurement", value: "test_daily")
        |> set(key: "_field", value: field)
        |> to(bucket: {{.DailyBucket}})

// InfluxDB counts where the data is.
counts = (field) =>
    measured(field: field, start: daysAgo(n: {{.Days}}), stop: today)
        |> aggregateWindow(every: 1d, fn: count, createEmpty: false, timeSrc: "_start")
        |> write(field: field + "_count")

maxima = (field) =>
    measured(field: field, start: daysAgo(n: {{.Days}}), stop: today)
        |> aggregateWindow(every: 1d, fn: max, createEmpty: false, timeSrc: "_start")
        |> write(field: field + "_max")

// Flux cuts windows slowly: a query for each day takes a fifth of the time.
medianOf = (field, n) =>
    measured(field: field, start: daysAgo(n: n), stop: daysAgo(n: n - 1))
        |> median()
        |> duplicate(column: "_start", as: "_time")

medians = (field) =>
    union(
        tables: [
{{- range .PastDays}}
            medianOf(field: field, n: {{.}}),
{{- end}}
        ],
    )
        |> write(field: field + "_median")
{{range .Fields}}
counts(field: "{{.}}") |> yield(name: "{{.}}_count")
maxima(field: "{{.}}") |> yield(name: "{{.}}_max")
medians(field: "{{.}}") |> yield(name: "{{.}}_median")
{{end -}}
