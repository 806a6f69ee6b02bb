package main

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pymon-bridge/test/harness"
)

// result is what a load brought out.
type result struct {
	tally   tally
	fates   [stored + 1]int // of rows, before the check
	kept    *kept           // nil for the plain server
	course  course
	behind  int           // undelivered records at the end
	oldest  time.Duration // age of the oldest of them
	settled time.Duration // how long their delivery took from then on
	cpu     time.Duration // CPU time of the bridge
	commits int
	commit  time.Duration // time of one on average, synced
}

// err says what a bridge must not do, or is nil.
func (r *result) err() error {
	errs := []error{r.kept.err()}
	for _, kind := range posting {
		if l := r.tally.kinds[kind]; l != nil && l.refused+l.unanswered+l.late > 0 {
			errs = append(errs, fmt.Errorf("%s: %d refused, %d without an answer, %d not sent", kind, l.refused, l.unanswered, l.late))
		}
	}
	if sent := r.fates[accepted] + r.fates[refused] + r.fates[unknown]; sent+r.tally.missed != r.tally.due {
		errs = append(errs, fmt.Errorf("%d rows were due, %d were sent, and %d were not", r.tally.due, sent, r.tally.missed))
	}
	for i, values := range r.course {
		if _, flat := growth(values, gauges[i].slack); !flat && len(values) >= settled {
			errs = append(errs, fmt.Errorf("the %s grows", gauges[i].title))
		}
	}
	return errors.Join(errs...)
}

// measureBridge loads a bridge that delivers into InfluxDB.
func measureBridge(tb testing.TB, influx *harness.Influx, with harness.BridgeConfig, c config) *result {
	tb.Helper()
	with.Influx, with.Bucket, with.MetaBucket = influx, influx.NewBucket("metrics", 0), influx.NewBucket("metadata", 0)
	bridge := harness.StartBridge(tb, with)
	bridge.WaitReady()
	l, r := new(ledger), new(result)
	t := target{url: bridge.URL, bridge: true}
	all := beginAll(t, c, l)
	end := time.Now().Add(c.duration)
	wait := start(all, t, c, l, &r.tally)
	r.course = watch(bridge, end)
	wait()
	metrics := bridge.Metrics()
	r.behind = int(metrics["pymon_bridge_journal_depth"])
	r.oldest = time.Duration(metrics["pymon_bridge_journal_oldest_age_seconds"] * float64(time.Second))
	r.cpu = time.Duration(metrics["process_cpu_seconds_total"] * float64(time.Second))
	r.commits = int(metrics["pymon_bridge_commit_duration_seconds_count"])
	r.commit = time.Duration(metrics["pymon_bridge_commit_duration_seconds_sum"] / float64(max(1, r.commits)) * float64(time.Second))
	begin := time.Now()
	bridge.WaitDelivered()
	r.settled = time.Since(begin)
	r.fates = l.count()
	k := check(tb, bridge, influx, with.Bucket, l)
	r.kept = &k
	if state := bridge.Stop(); !state.Success() {
		tb.Errorf("the bridge ended with %v", state)
	}
	return r
}
