package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// A short form of the year. InfluxDB has a series for each test on each class of machine, whatever the number of runs, hosts, branches
// and commits. In the other schema each measurement is a series.
func TestSeriesDoNotGrowWithRuns(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, meta := startBridge(t, influx, harness.BridgeConfig{})
	team, c := newTeam(1, 24), newCounts()
	f := newFeeder(bridge.URL)
	for range 2 {
		require.NoError(t, f.feed(team, 3, c))
		bridge.WaitDelivered()
		assert.Equal(t, len(c.series), seriesOf(influx, bucket, "test_metrics"))
		assert.Equal(t, c.metrics, points(influx, bucket))
		accepted := bridge.Metrics()
		assert.EqualValues(t, c.sessions+c.ends, accepted[`pymon_bridge_accepted_total{class="session"}`])
		assert.EqualValues(t, c.outcomes, accepted[`pymon_bridge_accepted_total{class="outcome"}`])
	}
	assert.Greater(t, c.metrics, 3*len(c.series))
	for _, measurement := range []string{"sessions", "contexts"} {
		assert.LessOrEqual(t, seriesOf(influx, meta, measurement), 256, "one for each prefix of a hash")
	}

	n := &naive{influx: influx, bucket: influx.NewBucket("naive", 0)}
	require.NoError(t, n.feed(newTeam(1, 24), 6, newCounts()))
	assert.Equal(t, c.metrics, points(influx, n.bucket))
	assert.Equal(t, c.metrics, seriesOf(influx, n.bucket, "test_metrics"))
}

// points counts the measurements of tests in a bucket.
func points(influx *harness.Influx, bucket string) int {
	rows := influx.Query(`from(bucket: "` + bucket + `") |> range(start: 2024-12-31T00:00:00Z, stop: 2026-01-02T00:00:00Z)
		|> filter(fn: (r) => r._measurement == "test_metrics" and r._field == "total_time") |> count() |> group() |> sum()`)
	return int(rows[0]["_value"].(int64))
}

// The data are the same each time, so that two measurements compare.
func TestASeedGivesTheSameData(t *testing.T) {
	t.Parallel()
	bodies := func(seed uint64) (all []string) {
		team := newTeam(seed, 30)
		for day := range 8 {
			for _, r := range team.day(day) {
				for _, s := range r.sessions {
					all = append(all, string(s.context.body()), string(s.body(true)))
					for _, row := range s.rows {
						all = append(all, string(row.append(nil, s)))
					}
				}
			}
		}
		return all
	}
	assert.Equal(t, bodies(1), bodies(1))
	assert.NotEqual(t, bodies(1), bodies(2))
}

// Pages and queries are asked about a test that has points.
func TestAnExampleWasMeasured(t *testing.T) {
	r := run{sessions: []*session{{rows: []row{{outcome: "skipped"}}}, {rows: []row{{outcome: "failed"}, {outcome: "passed", seconds: 7}}}}}
	assert.EqualValues(t, 7, r.example().seconds)
}
