package grafana_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// found is what was found in one run on some classes of machine: for each of them the tests that regressed, with the
// word slow among them where all of it was slow.
type found struct {
	project, branch, run string
	envs                 map[string][]string
}

// of names the project, branch and id of a run: web/main/7, where a branch may hold slashes.
func of(name string, envs map[string][]string) found {
	project, rest, _ := strings.Cut(name, "/")
	at := strings.LastIndexByte(rest, '/')
	return found{project, rest[:at], rest[at+1:], envs}
}

// on is what was found on one class of machine.
func on(env string, what ...string) map[string][]string { return map[string][]string{env: what} }

// report returns what the bridge would say of the run.
func (f found) report(at time.Time) *monitor.Report {
	r := &monitor.Report{Project: f.project, Branch: f.branch, Against: f.branch, Run: f.run, Started: at, Suite: monitor.Suite{Status: monitor.StatusOK}}
	for env, what := range f.envs {
		m := monitor.Machine{Env: env, Status: monitor.StatusOK, Offset: map[string]monitor.Number{monitor.MetricCPUTime: 1}}
		for n, test := range what {
			if test == "slow" {
				m.Status, m.Offset[monitor.MetricCPUTime], r.Suite.Status = monitor.StatusSlowMachine, 1.5, monitor.StatusSlowMachine
				continue
			}
			r.Results = append(r.Results, monitor.Result{
				TestID: monitor.TestID{ItemPath: "tests", Item: test, ItemVariant: test, Kind: "function", Env: env, Occurrence: n},
				Metric: monitor.MetricCPUTime, Status: monitor.StatusRegression, Level: monitor.LevelCrit, Baseline: 1, Limit: 1.2, Value: 2, Ratio: 2, Delta: 1})
		}
		r.Suite.Machines = append(r.Suite.Machines, m)
	}
	return r
}

// alerts has runs delivered, an hour apart, and returns which alerts of a rule there are an hour later.
func alerts(t *testing.T, uid string, runs []found) []string {
	t.Helper()
	return alertsOf(t, rules(t)[uid], runs)
}

// alertsOf does that for a rule that may have been changed.
func alertsOf(t *testing.T, r rule, runs []found) []string {
	t.Helper()
	db := harness.SharedInflux(t)
	bucket, meta := db.NewBucket("pytest", 0), db.NewBucket("pytest_meta", 0)
	w, err := influx.Open(influx.Config{URL: db.URL, Token: db.Token, Org: db.Org, Bucket: bucket, MetaBucket: meta}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	at := from
	for _, f := range runs {
		at = at.Add(time.Hour)
		v := w.DeliverReport(t.Context(), f.report(at))
		require.Equal(t, monitor.Delivered, v.Kind, v.Message)
	}
	all := []string{}
	for _, row := range r.asked(t, db, bucket, at.Add(time.Hour)) {
		assert.True(t, r.fires(row))
		what := row["test"]
		if what == nil {
			what = "slow"
		}
		all = append(all, fmt.Sprint(row["project"], " ", row["branch"], " ", row["env"], " ", what))
	}
	slices.Sort(all)
	return all
}
