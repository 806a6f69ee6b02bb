// Judges the CPU time of tests within InfluxDB, for results that no bridge judges. It is simpler than the bridge's way and
// meant for some hundred tests. For each test and class of machine the median of the last 3 runs is compared with that of
// up to 30 runs before them, by the median absolute deviation. Before that the whole suite is compared in the same way,
// which shows a slow machine. A status is written when the level of a test changes.
import "experimental"
import "influxdata/influxdb/monitor"
import "math"
import "system"

option task = {name: {{.Name}}, every: {{.FallbackEvery}}, offset: 0s}

option now = () => system.time()

option monitor.write = (tables=<-) =>
    tables
        |> experimental.group(mode: "extend", columns: [{{.Test}}, "branch", "verdict", "news"])
        |> experimental.to(bucket: "_monitoring")

check = {_check_id: "", _check_name: {{.Name}}, _type: "custom", tags: {bucket: {{.Bucket}}}}

runs =
    from(bucket: {{.Bucket}})
        |> range(start: -30d)
        |> filter(fn: (r) => r._measurement == "test_metrics" and r.kind == "function")
        |> filter(fn: (r) => r._field == "user_time" or r._field == "kernel_time")
        |> drop(columns: ["_start", "_stop", "_measurement"])
        |> group(columns: ["_field"])
        |> pivot(rowKey: [{{.Series}}, "_time"], columnKey: ["_field"], valueColumn: "_value")
        |> filter(fn: (r) => exists r.user_time and exists r.kernel_time)
        |> map(fn: (r) => ({r with _value: r.user_time + r.kernel_time}))
        |> drop(columns: ["user_time", "kernel_time"])
        |> group(columns: [{{.Series}}])
        |> sort(columns: ["_time"], desc: true)

recent = runs |> limit(n: 3)
before = runs |> limit(n: 30, offset: 3)

usual = before |> median() |> rename(columns: {_value: "baseline"})
deviation =
    join(tables: {before: before, usual: usual}, on: [{{.Series}}])
        |> map(fn: (r) => ({r with _value: math.abs(x: r._value - r.baseline)}))
        |> median()

figure = (tables=<-, name) =>
    tables
        |> keep(columns: [{{.Series}}, "_value"])
        |> set(key: "_field", value: name)
        |> group(columns: ["_field"])

// Below 10 ms, which is one tick of the clock, there is nothing to compare.
tests =
    union(
        tables: [
            before |> median() |> figure(name: "baseline"),
            before |> count() |> toFloat() |> figure(name: "n"),
            deviation |> figure(name: "mad"),
            recent |> median() |> figure(name: "measured"),
        ],
    )
        |> pivot(rowKey: [{{.Series}}], columnKey: ["_field"], valueColumn: "_value")
        |> filter(fn: (r) => exists r.mad and exists r.measured and exists r.n and exists r.baseline)
        |> filter(fn: (r) => r.n >= 12.0 and r.baseline >= 0.01)
        |> map(fn: (r) => ({r with ratio: r.measured / r.baseline}))

// How much slower the whole suite is on each class of machine.
suites =
    tests
        |> keep(columns: ["project", "env", "ratio"])
        |> group(columns: ["project", "env"])
        |> median(column: "ratio")
        |> rename(columns: {ratio: "offset"})
        |> group()

latest =
    runs
        |> limit(n: 1)
        |> keep(columns: [{{.Series}}, "_time"])
        |> group()

judged =
    join(tables: {t: tests |> group(), s: suites}, on: ["project", "env"])
        |> map(fn: (r) => ({r with ratio: r.ratio / r.offset, delta: r.measured / r.offset - r.baseline}))
        |> map(
            fn: (r) => {
                noise = math.mMax(x: 1.4826 * r.mad, y: 0.05 * r.baseline)
                worse = r.delta > 5.0 * noise and r.delta >= 0.02 and r.ratio >= 1.2
                fine = r.delta < 2.5 * noise or r.delta < 0.01 or r.ratio < 1.1

                return {r with verdict:
                        if worse and r.ratio >= 1.5 then
                            "crit"
                        else if worse then
                            "warn"
                        else if fine then
                            "ok"
                        else
                            "between",
                }
            },
        )
        // A test between fine and worse keeps its status.
        |> filter(fn: (r) => r.verdict != "between")

said =
    from(bucket: "_monitoring")
        |> range(start: -7d, stop: 1d)
        |> filter(fn: (r) => r._measurement == "statuses" and r._field == "_source_timestamp")
        |> filter(fn: (r) => r._check_name == {{.Name}})
        |> group()
        |> sort(columns: ["_time"])
        |> keep(columns: [{{.Series}}, "verdict"])
        |> rename(columns: {verdict: "_value"})
        |> set(key: "_field", value: "said")

// The tests whose verdict differs from their last status. A test without a status counts as ok.
changed =
    union(tables: [judged |> keep(columns: [{{.Series}}, "verdict"]) |> rename(columns: {verdict: "_value"}) |> set(key: "_field", value: "verdict"), said])
        |> group()
        |> pivot(rowKey: [{{.Series}}], columnKey: ["_field"], valueColumn: "_value")
        |> filter(fn: (r) => exists r.verdict)
        |> filter(fn: (r) => if exists r.said then r.said != r.verdict else r.verdict != "ok")
        |> keep(columns: [{{.Series}}])

round = (x) => string(v: math.round(x: x * 1000.0) / 1000.0)

join(tables: {a: join(tables: {c: changed, j: judged}, on: [{{.Series}}]), b: latest}, on: [{{.Series}}])
    |> map(
        fn: (r) =>
            ({r with _measurement: "test_metrics",
                metric: "cpu_time",
                branch: "(none)",
                news: "yes",
                status: if r.verdict == "ok" then "ok" else "regression",
            }),
    )
    |> group(columns: ["_measurement"])
    |> monitor.check(
        data: check,
        messageFn: (r) =>
            r.status + ": " + r.item_path + " " + r.item_variant + " (cpu_time, " + round(x: r.baseline) + " s -> " + round(x: r.measured) + " s, "
                + round(x: r.ratio) + " times) on " + r.env + "; project " + r.project,
        crit: (r) => r.verdict == "crit",
        warn: (r) => r.verdict == "warn",
        ok: (r) => r.verdict == "ok",
    )
