package setup_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx/setup"
	"pymon-bridge/test/harness"
)

// runTask runs the task whose name contains what, to its end.
func runTask(t *testing.T, server *harness.Influx, what string) {
	t.Helper()
	var tasks struct{ Tasks []struct{ ID, Name string } }
	get(t, server, "tasks?limit=100&orgID="+server.OrgID, &tasks)
	for _, task := range tasks.Tasks {
		if !strings.Contains(task.Name, what) {
			continue
		}
		var run struct{ ID, Status string }
		require.Equal(t, http.StatusCreated, call(t, server, server.Token, http.MethodPost, "tasks/"+task.ID+"/runs", map[string]any{}, &run))
		require.Eventually(t, func() bool {
			// A run is not found for a moment while it moves from those that are going on to those that have ended.
			call(t, server, server.Token, http.MethodGet, "tasks/"+task.ID+"/runs/"+run.ID, nil, &run)
			require.NotEqual(t, "failed", run.Status)
			return run.Status == "success"
		}, within, 50*time.Millisecond)
		return
	}
	require.Fail(t, "no such task", what)
}

// measured is one measurement of one test.
type measured struct {
	env, test string
	at        time.Time
	values    map[string]float64
}

func (m measured) line() string {
	var fields []string
	for name, value := range m.values {
		fields = append(fields, fmt.Sprintf("%s=%v", name, value))
	}
	return fmt.Sprintf(`test_metrics,component=c,env=%s,item=%s,item_path=tests.m,item_variant=%s,kind=function,project=p %s,run="r" %d`,
		m.env, m.test, m.test, strings.Join(fields, ","), m.at.UnixNano())
}

var fields = []string{"total_time", "user_time", "kernel_time", "cpu_usage", "mem_usage"}

// daily computes what the rollup of these is to be: by environment, test, day and field.
func daily(all []measured, since, until time.Time) map[string]float64 {
	values := map[string][]float64{}
	for _, m := range all {
		if m.at.Before(since) || !m.at.Before(until) {
			continue
		}
		for field, value := range m.values {
			key := strings.Join([]string{m.env, m.test, m.at.UTC().Format(time.DateOnly), field}, " ")
			values[key] = append(values[key], value)
		}
	}
	want := map[string]float64{}
	for key, of := range values {
		slices.Sort(of)
		want[key+"_count"] = float64(len(of))
		want[key+"_max"] = of[len(of)-1]
		want[key+"_median"] = (of[(len(of)-1)/2] + of[len(of)/2]) / 2
	}
	return want
}

// rolledUp returns what is in the bucket of the rollup, in the same form.
func rolledUp(server *harness.Influx, bucket string) map[string]float64 {
	got := map[string]float64{}
	for _, p := range server.Points(bucket, "test_daily") {
		for _, field := range fields {
			for _, what := range []string{"_count", "_max", "_median"} {
				key := fmt.Sprint(p["env"], " ", p["item_variant"], " ", p["_time"].(time.Time).UTC().Format(time.DateOnly), " ", field, what)
				switch value := p[field+what].(type) {
				case float64:
					got[key] = value
				case int64:
					got[key] = float64(value)
				}
			}
		}
	}
	return got
}

// The rollup is what a computation from the plain measurements gives, by test, class of machine and day; also where
// measurements arrive when their day was already rolled up.
func TestRollup(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	apply(t, cfg)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	since := today.AddDate(0, 0, -cfg.RollupDays)
	random := rand.New(rand.NewPCG(1, 2))
	var all []measured
	store := func(m measured) {
		all = append(all, m)
		server.Write(cfg.Bucket, m.line())
	}
	some := func(at time.Time) measured {
		m := measured{[]string{"big", "small"}[random.IntN(2)], fmt.Sprint("test_", random.IntN(4)), at, map[string]float64{}}
		for _, field := range fields {
			m.values[field] = random.Float64()
		}
		return m
	}
	for range 150 {
		store(some(since.Add(time.Duration(random.Int64N(int64(5 * 24 * time.Hour)))))) // until tomorrow
	}
	store(some(since))                       // the first instant of a day
	store(some(today.Add(-time.Nanosecond))) // the last one
	store(some(since.Add(-time.Nanosecond))) // too early
	partial := some(today.Add(-time.Hour))
	partial.test, partial.values = "test_partial", map[string]float64{"total_time": 1.5}
	store(partial)

	runTask(t, server, "daily rollup ("+cfg.Bucket)
	require.NotEmpty(t, daily(all, since, today))
	require.Equal(t, daily(all, since, today), rolledUp(server, cfg.DailyBucket))

	for range 20 {
		store(some(since.Add(time.Duration(random.Int64N(int64(4 * 24 * time.Hour))))))
	}
	for range 2 {
		runTask(t, server, "daily rollup ("+cfg.Bucket)
		require.Equal(t, daily(all, since, today), rolledUp(server, cfg.DailyBucket))
	}
}

// Without the detector a test that stays slower is found, a slow machine is not, and it resolves.
func TestFallback(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	cfg.Fallback = true
	var program string
	for _, s := range apply(t, cfg) {
		if strings.Contains(s.What, "fallback") {
			program = s.Flux
		}
	}
	check := "pymon-bridge fallback (" + cfg.Bucket + ")"
	random := rand.New(rand.NewPCG(3, 4))
	begin := time.Now().Add(-48 * time.Hour)
	run := func(n int, slow map[int]float64, machine float64) {
		var lines []string
		for i := range 40 {
			factor := machine * (1 + 0.06*random.NormFloat64())
			if slow[i] != 0 {
				factor *= slow[i]
			}
			seconds := (0.1 + 0.05*float64(i%7)) * factor
			lines = append(lines, measured{"big", fmt.Sprint("test_", i), begin.Add(time.Duration(n) * time.Hour).Add(time.Duration(i) * time.Millisecond),
				map[string]float64{"user_time": seconds * 0.75, "kernel_time": seconds * 0.25}}.line())
		}
		server.Write(cfg.Bucket, strings.Join(lines, "\n"))
		server.Query(program)
	}
	for n := range 20 {
		run(n, nil, 1)
	}
	for n := range 3 {
		run(20+n, nil, 1.6)
	}
	require.Empty(t, statuses(server, check), "noise and a slow machine")
	slow := map[int]float64{5: 2.5, 12: 1.4}
	for n := range 3 {
		run(23+n, slow, 1)
	}
	require.ElementsMatch(t, []string{"test_5 crit crit yes", "test_12 warn warn yes"}, statuses(server, check))
	for n := range 3 {
		run(26+n, nil, 1)
	}
	require.ElementsMatch(t, []string{"test_5 crit crit yes", "test_12 warn warn yes", "test_5 ok ok yes", "test_12 ok ok yes"}, statuses(server, check))
	require.Equal(t, setup.Current, states(apply(t, cfg))["check "+fmt.Sprintf("%q", check)])
}
