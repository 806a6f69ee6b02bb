// Turns the bridge's verdicts, measurement "regressions", into statuses: one for each verdict, and another one when the
// verdict changes. A verdict has the time at which its run started and may be written days later. So each time all verdicts
// of the window are compared with their statuses, which InfluxDB keeps for seven days.
//
// All work is done in one table, as far as possible: a table for each test would take a hundred times as long.
import "experimental"
import "influxdata/influxdb/monitor"
import "math"
import "system"

option task = {name: {{.Name}}, every: {{.Every}}, offset: 0s}

// Rules look at the statuses since their last turn. So a status must have the time at which it is written, and not the time
// at which this turn was due.
option now = () => system.time()

option monitor.write = (tables=<-) =>
    tables
        |> experimental.group(mode: "extend", columns: [{{.Test}}, "branch", "verdict", "news"])
        |> experimental.to(bucket: "_monitoring")

check = {_check_id: "", _check_name: {{.Name}}, _type: "custom", tags: {bucket: {{.Bucket}}}}

// A row for each verdict: the level of a regression, the status of all others.
verdicts = (start, stop) =>
    from(bucket: {{.Bucket}})
        |> range(start: start, stop: stop)
        |> filter(fn: (r) => r._measurement == "regressions")
        |> filter(
            fn: (r) =>
                r._field == "level" and (r._value == "warn" or r._value == "crit")
                or
                r._field == "status" and (r._value == "suspect" or r._value == "accepted" or r._value == "improvement" or r._value == "resolved" or r._value == "ok"),
        )
        |> group()
        |> keep(columns: [{{.Test}}, "_time", "_value"])
        |> set(key: "_field", value: "verdict")

// A row for each status, in the order in which they were written, with the time and the value of its verdict.
statuses = (start) =>
    from(bucket: "_monitoring")
        |> range(start: start, stop: 1d)
        |> filter(fn: (r) => r._measurement == "statuses" and r._field == "_source_timestamp")
        |> filter(fn: (r) => r._check_name == {{.Name}})
        |> group()
        |> sort(columns: ["_time"])
        |> rename(columns: {_time: "written"})
        |> keep(columns: [{{.Test}}, "branch", "verdict", "written", "_value"])
        |> toTime()
        |> rename(columns: {_value: "_time", verdict: "_value"})

// The verdicts that have no status, or another one. A verdict that was taken back before it had a status needs none.
unsaid = (verdicts, statuses) =>
    union(tables: [verdicts, statuses |> drop(columns: ["branch", "written"]) |> set(key: "_field", value: "said")])
        |> pivot(rowKey: [{{.Test}}, "_time"], columnKey: ["_field"], valueColumn: "_value")
        |> filter(fn: (r) => exists r.verdict)
        |> filter(fn: (r) => if exists r.said then r.said != r.verdict else r.verdict != "ok")

times =
    unsaid(verdicts: verdicts(start: -{{.Window}}, stop: 1d), statuses: statuses(start: -7d))
        |> keep(columns: ["_time"])
        |> unique(column: "_time")
        |> sort(columns: ["_time"])
        |> findColumn(fn: (key) => true, column: "_time")

// From here on only runs with unsaid verdicts are read. Mostly there are none, and the range is empty.
some = length(arr: times) > 0
first = if some then times[0] else time(v: 0)
last = if some then experimental.addDuration(d: 1ns, to: times[length(arr: times) - 1]) else time(v: 1)
known = statuses(start: if some then -7d else -1ns)

details =
    from(bucket: {{.Bucket}})
        |> range(start: first, stop: last)
        |> filter(fn: (r) => r._measurement == "regressions")
        |> filter(
            fn: (r) =>
                r._field == "status" or r._field == "baseline" or r._field == "value" or r._field == "ratio" or r._field == "delta"
                or
                r._field == "run" or r._field == "scm_ref" or r._field == "branch" or r._field == "build"
                or
                r._field == "last_good" or r._field == "first_bad" or r._field == "item_fs_loc" or r._field == "page",
        )
        |> drop(columns: ["_start", "_stop", "_measurement"])
        |> group(columns: ["_field"])

// The unsaid verdicts with all that is known of them.
complete =
    union(
        tables: [
            details,
            unsaid(verdicts: verdicts(start: first, stop: last), statuses: known)
                |> rename(columns: {verdict: "_value"})
                |> keep(columns: [{{.Test}}, "_time", "_value"])
                |> set(key: "_field", value: "verdict")
                |> group(columns: ["_field"]),
        ],
    )
        |> pivot(rowKey: [{{.Test}}, "_time"], columnKey: ["_field"], valueColumn: "_value")
        |> filter(fn: (r) => exists r.verdict)

// The last status of each test and branch that has an unsaid verdict.
before =
    union(
        tables: [
            complete
                |> keep(columns: [{{.Test}}, "branch", "verdict"])
                |> rename(columns: {verdict: "_value"})
                |> set(key: "_field", value: "unsaid"),
            known
                |> sort(columns: ["_time", "written"])
                |> drop(columns: ["written"])
                |> set(key: "_field", value: "verdict"),
        ],
    )
        |> pivot(rowKey: [{{.Test}}, "branch"], columnKey: ["_field"], valueColumn: "_value")
        |> filter(fn: (r) => exists r.unsaid and exists r.verdict)
        |> map(fn: (r) => ({r with _time: time(v: 0), unsaid: "no"}))

rank = (verdict) =>
    if verdict == "crit" then
        4
    else if verdict == "warn" then
        3
    else if verdict == "suspect" then
        2
    else if verdict == "improvement" then
        1
    else
        0

// A verdict is news unless the last status says the same, since a regression stays one for many runs. That a mere suspicion
// is taken back is no news.
news = (r) => not exists r.worse or r.worse != 0 and not (r.verdict == "ok" and r.worse == rank(verdict: "ok") - rank(verdict: "suspect"))

compared =
    union(tables: [complete |> set(key: "unsaid", value: "yes"), before])
        |> map(fn: (r) => ({r with worse: rank(verdict: r.verdict)}))
        |> group(columns: [{{.Test}}, "branch"])
        |> sort(columns: ["_time"])
        |> difference(columns: ["worse"], keepFirst: true)
        |> group()
        |> filter(fn: (r) => r.unsaid == "yes")
        |> map(
            fn: (r) =>
                ({r with _measurement: "regressions",
                    measured: r.value,
                    news: if news(r: r) then "yes" else "no",
                }),
        )
        |> drop(columns: ["unsaid", "worse", "value"])
        |> group(columns: ["_measurement"])

round = (x) => string(v: math.round(x: x * 1000.0) / 1000.0)
amount = (r, x) => round(x: x) + (if r.metric == "mem_usage" then " MiB" else " s")
figures = (r) =>
    if exists r.baseline and exists r.measured and exists r.ratio then
        ", " + amount(r: r, x: r.baseline) + " -> " + amount(r: r, x: r.measured) + ", " + round(x: r.ratio) + " times"
    else
        ""
commits = (r) => if r.first_bad == "(none)" then "" else ", since commits " + r.last_good + ".." + r.first_bad
page = (r) => if exists r.page then ", see " + r.page else ""
words = (r) =>
    if r.verdict == "ok" then
        "taken back"
    else if r.verdict == "suspect" then
        "suspect, for the next runs to confirm"
    else
        r.status

compared
    |> monitor.check(
        data: check,
        messageFn: (r) =>
            words(r: r) + ": " + r.item_path + " " + r.item_variant + " (" + r.metric + figures(r: r) + ") on " + r.env + commits(r: r) + "; project "
                + r.project + ", branch " + r.branch + ", commit " + r.scm_ref + ", run " + r.run + page(r: r),
        crit: (r) => r.verdict == "crit",
        warn: (r) => r.verdict == "warn",
        info: (r) => r.verdict == "suspect",
        ok: (r) => r.verdict == "accepted" or r.verdict == "improvement" or r.verdict == "resolved" or r.verdict == "ok",
    )
