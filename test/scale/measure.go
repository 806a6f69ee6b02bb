package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// results are what our schema came to.
type results struct {
	counts *counts

	fed     time.Duration // until everything was accepted
	settled time.Duration // until everything was delivered and judged
	cpu     time.Duration // of the bridge, for that
	file    int64         // pymon.db
	log     int64         // pymon.db-wal
	bridge  memory        // after all that
	starts  time.Duration // of the bridge, on its file
	started memory        // of the bridge after its start
	reads   []timed
	influx  storage
	spans   []span
	boards  [][]cost // by span
	answers []answer
}

// storage is what InfluxDB needs for a schema.
type storage struct {
	buckets []bucket
	busy    memory        // after the last write
	calm    memory        // compacted, started again, and asked the questions
	start   time.Duration // of InfluxDB, with everything compacted
}

func (s storage) bytes() (sum int64) {
	for _, b := range s.buckets {
		sum += b.bytes
	}
	return sum
}

// startBridge starts a bridge that makes its buckets, and takes the times of the simulation as they are stated.
func startBridge(tb testing.TB, influx *harness.Influx, with harness.BridgeConfig) (bridge *harness.Bridge, bucket, meta string) {
	tb.Helper()
	bucket, meta = harness.Unique("pytest"), harness.Unique("pytest_meta")
	with.Influx, with.Bucket, with.MetaBucket = influx, bucket, meta
	with.Args = append([]string{"--client-timezone", "UTC", "--quiet-after", "5s"}, with.Args...)
	bridge = harness.StartBridge(tb, with)
	bridge.WaitReady()
	return bridge, bucket, meta
}

// measureOurs feeds a bridge, and measures it and InfluxDB.
func measureOurs(tb testing.TB, with harness.BridgeConfig, c config) *results {
	tb.Helper()
	influx := harness.StartInflux(tb)
	bridge, bucket, meta := startBridge(tb, influx, with)
	r := &results{counts: newCounts(), spans: spans(c.days)}
	begin := time.Now()
	check(tb, newFeeder(bridge.URL).feed(newTeam(c.seed, c.tests), c.days, r.counts))
	r.fed = time.Since(begin)
	tb.Logf("%d days are accepted after %v", c.days, r.fed.Round(time.Second))
	settle(tb, bridge, r.counts.measured)
	r.settled = time.Since(begin)
	r.cpu = time.Duration(bridge.Metrics()["process_cpu_seconds_total"] * float64(time.Second))
	tb.Logf("everything is delivered and judged after %v", r.settled.Round(time.Second))
	r.bridge, r.influx.busy = memoryOf(bridge.PID()), memoryOf(influx.PID())
	r.file, r.log = fileSize(tb, bridge, "pymon.db"), fileSize(tb, bridge, "pymon.db-wal")
	bridge.Stop()
	var err error
	r.influx.start, err = compact(influx)
	check(tb, err)
	begin = time.Now()
	bridge.Start()
	r.starts = time.Since(begin)
	bridge.WaitReady()
	r.reads, err = reads(bridge, with.Program, r.counts)
	check(tb, err)
	r.started = memoryOf(bridge.PID())
	for _, name := range []string{bucket, meta} {
		b, err := bucketOf(influx, name)
		check(tb, err)
		r.influx.buckets = append(r.influx.buckets, b)
	}
	for _, s := range r.spans {
		costs, err := askDashboards(influx, bucket, s, chosen(r.counts, classOf(r.counts.last)))
		check(tb, err)
		r.boards = append(r.boards, costs)
	}
	var flux []string
	for _, q := range questions(r.counts) {
		flux = append(flux, q.ours)
	}
	r.answers = answers(influx, bucket, flux, r.spans)
	r.influx.calm = memoryOf(influx.PID())
	bridge.Stop()
	influx.Stop()
	return r
}

// measureNaive writes the same runs in the other schema, and measures InfluxDB.
func measureNaive(tb testing.TB, c config) *results {
	tb.Helper()
	influx := harness.StartInflux(tb)
	n := &naive{influx: influx, bucket: influx.NewBucket("naive", 0)}
	r := &results{counts: newCounts(), spans: spans(c.naiveDays)}
	begin := time.Now()
	check(tb, n.feed(newTeam(c.seed, c.tests), c.naiveDays, r.counts))
	r.fed = time.Since(begin)
	tb.Logf("the other schema is written after %v", r.fed.Round(time.Second))
	r.influx.busy = memoryOf(influx.PID())
	var err error
	r.influx.start, err = compact(influx)
	check(tb, err)
	b, err := bucketOf(influx, n.bucket)
	check(tb, err)
	r.influx.buckets = []bucket{b}
	var flux []string
	for _, q := range questions(r.counts) {
		flux = append(flux, q.naive)
	}
	r.answers = answers(influx, n.bucket, flux, r.spans)
	r.influx.calm = memoryOf(influx.PID())
	influx.Stop()
	return r
}

// classOf returns the class of machine of a run with one session of the plugin.
func classOf(r *run) string {
	c := r.sessions[0].context
	return monitor.MachineClass(&monitor.Context{Env: monitor.Environment(&monitor.Context{SystemInfo: c.system, MachineType: c.kind,
		CPUCount: int64(c.cpus), CPUVendor: monitor.Text{String: c.vendor}, RAMTotal: int64(c.memory), PythonInfo: c.python})},
		&monitor.Session{Marks: monitor.Marks{Method: "m2"}})
}

// settle waits until everything is delivered, so many runs are judged, and no report follows.
func settle(tb testing.TB, bridge *harness.Bridge, runs int) {
	tb.Helper()
	const quiet, stuck = 10 * time.Second, 5 * time.Minute
	type progress struct{ depth, judged, reports float64 }
	for last, since := (progress{}), time.Now(); ; time.Sleep(time.Second) {
		m := bridge.Metrics()
		now := progress{m["pymon_bridge_journal_depth"], m["pymon_bridge_judged_runs_total"], m["pymon_bridge_delivered_reports_total"]}
		if now != last {
			last, since = now, time.Now()
		}
		switch still := time.Since(since); {
		case still > quiet && now.depth == 0 && now.judged >= float64(runs) && now.reports > 0:
			return
		case still > stuck:
			tb.Fatalf("nothing moves: %v records wait, %v of %d runs are judged, %v reports are delivered", now.depth, now.judged, runs, now.reports)
		}
	}
}

func fileSize(tb testing.TB, bridge *harness.Bridge, name string) int64 {
	tb.Helper()
	info, err := os.Stat(filepath.Join(bridge.Data, name))
	check(tb, err)
	return info.Size()
}

func check(tb testing.TB, err error) {
	if err != nil {
		tb.Helper()
		tb.Fatal(err)
	}
}
