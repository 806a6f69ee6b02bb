package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// cannedJudge returns a prepared report for each run.
type cannedJudge map[string]*monitor.Report

func (j cannedJudge) Judge(_ context.Context, q monitor.JudgeQuery) (*monitor.Report, error) {
	return j[q.Run], nil
}

// The worker and the file process the runs of a matrix of two machines. A test regresses on one machine and is ok again
// later. The runs between are on the other machine or lack the test.
func TestMatrixReportsAResolvedRegressionOnce(t *testing.T) {
	db := sqlite.New(filepath.Join(t.TempDir(), sqlite.FileName), monitor.Zones{Server: time.UTC}, slog.New(slog.DiscardHandler))
	require.NoError(t, db.Open(t.Context()))
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	reports := cannedJudge{}
	worker := judge.NewWorker(reports, db, slog.New(slog.DiscardHandler))
	kept := make(chan *monitor.Report)
	worker.OnKept = func(r *monitor.Report, _ time.Duration) { kept <- r }
	require.NoError(t, worker.Open())
	t.Cleanup(func() { assert.NoError(t, worker.Close()) })

	const fine, slow = monitor.StatusOK, monitor.StatusRegression
	now := time.Now().UTC().Truncate(time.Second)
	for i, run := range []struct {
		env, item string
		status    monitor.Status
		resolved  bool
	}{
		{"linux", "test_pay", slow, false}, {"mac", "test_pay", fine, false},
		{"linux", "test_pay", slow, false}, {"mac", "test_pay", fine, false},
		{"linux", "test_ship", fine, false}, {"mac", "test_ship", fine, false},
		{"linux", "test_pay", fine, true}, {"mac", "test_pay", fine, false},
		{"linux", "test_pay", fine, false}, {"mac", "test_pay", fine, false},
	} {
		id, start := fmt.Sprint("run-", i), now.Add(time.Duration(i)*time.Minute)
		session := &monitor.Session{SessionH: id, RunDate: start.Format("2006-01-02T15:04:05.000000"), Tags: []monitor.Tag{
			{Name: "run", Value: monitor.Text{String: id}}, {Name: "branch", Value: monitor.Text{String: "main"}}}}
		require.NoError(t, db.Append(t.Context(), []*monitor.Record{{Project: "shop", Received: start, Session: session}}))
		value := map[monitor.Status]monitor.Number{fine: 1, slow: 2}[run.status]
		reports[id] = &monitor.Report{Project: "shop", Run: id, Branch: "main", Started: start, Previous: fmt.Sprint("run-", i-1),
			Results: []monitor.Result{{TestID: monitor.TestID{Item: run.item, Env: run.env}, Metric: monitor.MetricCPUTime,
				Status: run.status, Baseline: 1, Value: value, Ratio: value}}}
		worker.Ended("shop", id)
		r := <-kept
		assert.Equal(t, run.resolved, r.Results[0].Status == monitor.StatusResolved, "%s on %s", id, run.env)
	}
}
