package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// The verdict of a test is what the kept report says of it, and of no other one. What the report says nothing of was as usual.
func TestVerdictOfTheLastMeasurement(t *testing.T) {
	t.Parallel()
	id := monitor.TestID{Component: "shop", ItemPath: "tests", Item: "test_pay", ItemVariant: "test_pay", Kind: "function"}
	kept := func(change func(*monitor.Result)) monitor.Result {
		r := monitor.Result{TestID: id, Metric: monitor.MetricCPUTime, Status: monitor.StatusRegression, Baseline: 1, Limit: 2}
		r.Env = "m"
		change(&r)
		return r
	}
	past := func(names int, ranks [2]int, n int) *pastOf {
		h := &pastOf{id: id, names: names, ranks: ranks, History: report.History{Env: "m"}}
		for range n {
			h.Points = append(h.Points, report.HistoryPoint{CPU: 1, Wall: 2, Memory: monitor.Number(math.NaN())})
		}
		return h
	}
	fine := monitor.Summary{OK: 3}
	for name, tc := range map[string]struct {
		h       *pastOf
		report  monitor.Report
		cpu     monitor.Status // "" for no result
		wall    monitor.Status
		noteHas string
	}{
		"its own":          {past(1, [2]int{}, 9), monitor.Report{Summary: fine, Results: []monitor.Result{kept(func(*monitor.Result) {})}}, "regression", "ok", ""},
		"of another env":   {past(1, [2]int{}, 9), monitor.Report{Summary: fine, Results: []monitor.Result{kept(func(r *monitor.Result) { r.Env = "x" })}}, "ok", "ok", ""},
		"of another part":  {past(1, [2]int{}, 9), monitor.Report{Summary: fine, Results: []monitor.Result{kept(func(r *monitor.Result) { r.Component = "" })}}, "ok", "ok", ""},
		"the second":       {past(2, [2]int{1, 1}, 9), monitor.Report{Summary: fine, Results: []monitor.Result{kept(func(r *monitor.Result) { r.Occurrence = 1 })}}, "regression", "ok", ""},
		"the first of two": {past(2, [2]int{1, 1}, 9), monitor.Report{Summary: fine, Results: []monitor.Result{kept(func(*monitor.Result) {})}}, "regression", "ok", "2 measurements"},
		"only learning":    {past(1, [2]int{}, 9), monitor.Report{Summary: monitor.Summary{Learning: 3}}, "learning", "learning", ""},
		"too few":          {past(1, [2]int{}, 5), monitor.Report{Summary: fine}, "learning", "learning", ""},
		"not judged":       {past(1, [2]int{}, 9), monitor.Report{Summary: monitor.Summary{NotJudged: 3}}, "", "", ""},
	} {
		tc.h.choose(&tc.report)
		tc.h.complete(&tc.report)
		got := map[string]monitor.Status{}
		for _, r := range tc.h.Results {
			got[r.Metric] = r.Status
			assert.Equal(t, "m", r.Env, name)
		}
		assert.Equal(t, tc.cpu, got[monitor.MetricCPUTime], name)
		assert.Equal(t, tc.wall, got[monitor.MetricTotalTime], name)
		assert.NotContains(t, got, monitor.MetricMemUsage, name)
		assert.Equal(t, tc.noteHas == "", len(tc.h.Notes) == 0, name)
		for _, note := range tc.h.Notes {
			assert.Contains(t, note, tc.noteHas, name)
		}
	}
}
