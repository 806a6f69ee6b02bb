package e2e_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
	"pymon-bridge/test/harness"
)

// clocked is a run of a suite of test/testdata/clocks. begun and ended are by a clock that is right.
type clocked struct {
	commit       string
	file         harness.Pymon
	begun, ended time.Time
}

// has says whether a time lies in the run. The times of a frozen run are late by as much as its session.
func (c clocked) has(at time.Time) bool {
	return c.begun.Before(at) && at.Before(c.ended.Add(time.Minute))
}

// runClocked runs the suite in a new commit. Each test computes for the given seconds. The clock of the client shows the
// time in Kolkata.
func runClocked(t *testing.T, suite, remote, branch string, work float64, number int) clocked {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(harness.Root(t), "test", "testdata", "clocks", suite))))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "VERSION"), fmt.Append(nil, number), 0o600))
	run := clocked{begun: time.Now()}
	r := harness.Pytest{Suite: dir, Git: true, Env: []string{"TZ=Asia/Kolkata", fmt.Sprint("WORK=", work)},
		Args: []string{"--remote-server", remote, "--tag", "branch=" + branch}}.Run(t)
	require.Equal(t, 0, r.ExitCode, r.Output())
	run.ended, run.commit, run.file = time.Now(), r.ScmRef, harness.ReadPymon(t, r.Database)
	return run
}

// Real tests change the zone of their process or replace its clock. The suites have comments on how they do it.
func TestClocksThatLie(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		suite string
		tests []string
		log   string
	}{
		{"moved", []string{"test_before", "test_zone", "test_zone_by_a_quarter_of_an_hour", "test_frozen", "test_frozen_in_the_future",
			"test_an_hour_goes_by", "test_settings_are_loaded", "test_after"}, "the clock of a test is not the clock of its session"},
		{"frozen", []string{"test_list", "test_pay"}, `the date of a session is wrong`},
	} {
		t.Run(tt.suite, func(t *testing.T) {
			t.Parallel()
			server := harness.SharedInflux(t)
			bridge, bucket, meta := startBridge(t, server, harness.BridgeConfig{})
			var runs []clocked
			for i := range 8 {
				runs = append(runs, runClocked(t, tt.suite, bridge.URL+"/p/shop", "main", 0.05, i))
			}
			runs = append(runs, runClocked(t, tt.suite, bridge.URL+"/p/shop", "feature", 0.6, 8))
			assert.Contains(t, bridge.Log(), tt.log)

			// The gate takes the run that came last, and finds each test that became slower.
			r, report := check(t, bridge, "--branch", "main")
			assert.Equal(t, 1, r.ExitCode, r.Stdout)
			assert.Equal(t, runs[8].commit, report.ScmRef)
			for _, test := range tt.tests {
				assert.Equal(t, monitor.StatusRegression, cpuOf(report, test).Status, test)
			}
			assertRunsInOrder(t, bridge.URL, runs, len(tt.tests))

			bridge.WaitDelivered()
			assertTrueTimes(t, points(t, server, bucket), runs)
			bridge.Restart()
			posts := newPoster(bridge.URL + "/p/shop")
			for _, m := range runs[0].file.Metrics {
				posts.mustPost(t, "/metrics/", metricJSON(m))
			}
			assert.Equal(t, float64(len(tt.tests)), bridge.Metrics()[`pymon_bridge_repeats_total{class="metric"}`])
			bridge.WaitDelivered()
			assert.Len(t, points(t, server, bucket), 9*len(tt.tests))
			assertReadBack(t, influx.Config{URL: server.URL, Token: server.Token, Org: server.Org, Bucket: bucket, MetaBucket: meta}, bridge.Data)
		})
	}
}

// assertRunsInOrder asserts that the bridge lists the runs in their order, each with all tests, at its true time.
func assertRunsInOrder(t *testing.T, base string, runs []clocked, tests int) {
	t.Helper()
	var list struct {
		Runs []struct {
			ScmRef   string `json:"scm_ref"`
			Sessions []struct {
				RunDate string `json:"run_date"`
			} `json:"sessions"`
			Tests   int       `json:"tests"`
			Started time.Time `json:"started"`
			Ended   time.Time `json:"ended"`
		} `json:"runs"`
	}
	readJSON(t, base, "/p/shop/api/v1/runs/", &list)
	require.Len(t, list.Runs, len(runs))
	for i, run := range runs {
		got := list.Runs[i]
		assert.Equal(t, run.commit, got.ScmRef, "the order")
		assert.Equal(t, tests, got.Tests)
		require.Len(t, got.Sessions, 1)
		assert.Equal(t, run.file.Sessions[0].RunDate, got.Sessions[0].RunDate, "the text as sent")
		assert.True(t, run.has(got.Started) && run.has(got.Ended) && got.Started.Before(got.Ended),
			"from %s to %s, not from %s to %s", run.begun, run.ended, got.Started, got.Ended)
	}
}

// assertTrueTimes asserts that each row of the clients is one point, and lies in its run.
func assertTrueTimes(t *testing.T, stored []point, runs []clocked) {
	t.Helper()
	var sent []harness.PymonMetric
	bySession := map[string]clocked{}
	for _, run := range runs {
		sent = append(sent, run.file.Metrics...)
		bySession[run.file.Sessions[0].SessionH] = run
	}
	assertArrived(t, sent, stored)
	for _, p := range stored {
		run, at := bySession[p.text("session_h")], p.row["_time"].(time.Time)
		assert.True(t, run.has(at), "%s: %s is not from %s to %s", p.tag("item"), at, run.begun, run.ended)
	}
}

// assertReadBack reads the points from InfluxDB into a new file. The file must have the runs of the bridge. A row that is
// posted then must be a repeat.
func assertReadBack(t *testing.T, cfg influx.Config, data string) {
	t.Helper()
	reader, err := influx.NewReader(cfg)
	require.NoError(t, err)
	zones := monitor.Zones{Server: time.UTC}
	db := sqlite.New(filepath.Join(t.TempDir(), sqlite.FileName), zones, slog.New(slog.DiscardHandler))
	require.NoError(t, db.Open(t.Context()))
	defer func() { assert.NoError(t, db.Close()) }()
	var again []*monitor.Record
	for p, err := range reader.Points(t.Context(), time.Time{}, time.Time{}) {
		require.NoError(t, err)
		require.NoError(t, db.Append(t.Context(), []*monitor.Record{p.Record}))
		if p.Metric != nil {
			posted := *p.Metric
			posted.At = monitor.Instant{}
			again = append(again, &monitor.Record{Project: p.Project, Received: time.Now(), Metric: &posted})
		}
	}
	require.NoError(t, db.Append(t.Context(), again))
	for _, rec := range again {
		assert.True(t, rec.Repeat, "%s was read back, and then posted", rec.Metric.Item)
	}
	original := sqlite.New(filepath.Join(data, sqlite.FileName), zones, slog.New(slog.DiscardHandler))
	require.NoError(t, original.OpenShared(t.Context()))
	defer func() { assert.NoError(t, original.Close()) }()
	assert.Equal(t, samplesOf(t, original), samplesOf(t, db))
}

// samplesOf returns what runs are judged by: the runs, the last one first, with the starts of their tests.
func samplesOf(t *testing.T, db *sqlite.DB) (all []string) {
	t.Helper()
	runs, err := db.RunInfos(t.Context(), monitor.RunInfoQuery{Project: "shop"})
	require.NoError(t, err)
	for _, run := range runs {
		all = append(all, run.ID, time.Unix(0, run.Started).String())
		for s, err := range db.Samples(t.Context(), monitor.Tests, []*monitor.RunInfo{run}) {
			require.NoError(t, err)
			all = append(all, fmt.Sprint(s.Series.Item, s.Start, s.CPUTime))
		}
	}
	return all
}
