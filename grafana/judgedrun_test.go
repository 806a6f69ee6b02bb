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

// judgedRun is a run with the tests that regressed, by class of machine. The name "slow" is not a test: it means that the
// whole run was slow on this class of machine. The test "grows" grows slowly.
type judgedRun struct {
	project, branch, run string
	envs                 map[string][]string
}

// of returns a judged run. name has the project, the branch and the id of the run, such as web/main/7. The branch may have
// slashes.
func of(name string, envs map[string][]string) judgedRun {
	project, rest, _ := strings.Cut(name, "/")
	at := strings.LastIndexByte(rest, '/')
	return judgedRun{project, rest[:at], rest[at+1:], envs}
}

// on returns the regressed tests on one class of machine.
func on(env string, tests ...string) map[string][]string { return map[string][]string{env: tests} }

// report returns the report of the bridge on the run.
func (f judgedRun) report(at time.Time) *monitor.Report {
	r := &monitor.Report{Project: f.project, Branch: f.branch, Against: f.branch, Run: f.run, Started: at, Suite: monitor.Suite{Status: monitor.StatusOK}}
	for env, tests := range f.envs {
		m := monitor.Machine{Env: env, Status: monitor.StatusOK, Offset: map[string]monitor.Number{monitor.MetricCPUTime: 1}}
		for n, test := range tests {
			if test == "slow" {
				m.Status, m.Offset[monitor.MetricCPUTime], r.Suite.Status = monitor.StatusSlowMachine, 1.5, monitor.StatusSlowMachine
				continue
			}
			result := monitor.Result{
				TestID: monitor.TestID{ItemPath: "tests", Item: test, ItemVariant: test, Kind: "function", Env: env, Occurrence: n},
				Metric: monitor.MetricCPUTime, Status: monitor.StatusRegression, Level: monitor.LevelCrit, Baseline: 1, Limit: 1.2, Value: 2, Ratio: 2, Delta: 1}
			if test == "grows" {
				result.Status, result.Level, result.Drift = monitor.StatusDrift, "", &monitor.Drift{First: 1, Now: 2, Ratio: 2}
				r.Summary.Drifts++
			}
			r.Results = append(r.Results, result)
		}
		r.Suite.Machines = append(r.Suite.Machines, m)
	}
	return r
}

// alerts delivers the reports of runs that start one hour apart. It returns the alerts of a rule one hour after the last.
func alerts(t *testing.T, uid string, runs []judgedRun) []string {
	t.Helper()
	return alertsOf(t, rules(t)[uid], runs)
}

// alertsOf is alerts for a rule that the test may have changed.
func alertsOf(t *testing.T, r rule, runs []judgedRun) []string {
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
	for _, row := range r.rowsAt(t, db, bucket, at.Add(time.Hour)) {
		assert.True(t, r.fires(row))
		alert := fmt.Sprint(row["project"], " ", row["branch"])
		for _, label := range []string{"env", "test"} {
			if row[label] != nil {
				alert += fmt.Sprint(" ", row[label])
			}
		}
		if row["suite"] != nil {
			alert += " slow"
		}
		all = append(all, alert)
	}
	slices.Sort(all)
	return all
}
