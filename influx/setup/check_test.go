package setup_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/influx/setup"
	"pymon-bridge/test/harness"
)

// within is the longest that something may take to become visible in InfluxDB.
const within = 90 * time.Second

// verdict is a point of measurement "regressions".
type verdict struct {
	test, status, level string
	branch              string
	at                  time.Time
}

// line returns it as docs/data-model.md describes it.
func (v verdict) line() string {
	branch := v.branch
	if branch == "" {
		branch = "main"
	}
	figures := "baseline=0.5,limit=0.6,value=1.125,delta=0.625,ratio=2.25,p=1e-07,q=0.0001,"
	if v.status == "not_judged" {
		figures = "value=1.125,"
	}
	return fmt.Sprintf(`regressions,component=checkout,env=Linux-x86_64\ 8x,item=test_pay,item_path=tests.pay,item_variant=%s,kind=function,`+
		`metric=cpu_time,project=webshop status="%s",level="%s",%sn=12i,run="run-%d",scm_ref="c0ffee",branch="%s",build="(none)",against="main",`+
		`last_good="900d",first_bad="bad1",item_fs_loc="tests/pay.py" %d`,
		v.test, v.status, v.level, figures, v.at.Unix(), branch, v.at.UnixNano())
}

func write(server *harness.Influx, bucket string, verdicts ...verdict) {
	var lines []string
	for _, v := range verdicts {
		lines = append(lines, v.line())
	}
	server.Write(bucket, strings.Join(lines, "\n"))
}

// statuses returns "test level verdict news" of each status of a check, in the order in which they were written; those
// written at once by test.
func statuses(server *harness.Influx, check string) []string {
	rows := server.Query(`from(bucket: "_monitoring") |> range(start: -1d, stop: 1d)
		|> filter(fn: (r) => r._measurement == "statuses" and r._field == "_source_timestamp" and r._check_name == "` + check + `")
		|> group() |> sort(columns: ["_value", "_time", "item_variant"])`)
	var all []string
	for _, r := range rows {
		all = append(all, fmt.Sprint(r["item_variant"], " ", r["_level"], " ", r["verdict"], " ", r["news"]))
	}
	return all
}

// turns waits until a check was run twice more without an error, which is once from beginning to end.
func turns(t *testing.T, server *harness.Influx, name string) {
	t.Helper()
	seen := map[string]bool{}
	require.Eventually(t, func() bool {
		var found struct {
			Checks []struct{ Name, LatestCompleted, LastRunStatus, LastRunError string }
		}
		get(t, server, "checks?limit=100&orgID="+server.OrgID, &found)
		for _, c := range found.Checks {
			if c.Name == name && c.LatestCompleted != "" {
				require.Empty(t, c.LastRunError)
				seen[c.LatestCompleted] = true
			}
		}
		return len(seen) > 2
	}, within, 100*time.Millisecond)
}

// Each verdict becomes one status, and another one whenever it changes, however late it is written.
func TestVerdictsBecomeStatuses(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	apply(t, cfg)
	check := "pymon-bridge regressions (" + cfg.Bucket + ")"
	soon := func(want ...string) {
		t.Helper()
		slices.Sort(want)
		var got []string
		assert.Eventually(t, func() bool {
			got = statuses(server, check)
			slices.Sort(got)
			return slices.Equal(want, got)
		}, within, 100*time.Millisecond)
		require.Equal(t, want, got)
		turns(t, server, check)
		got = statuses(server, check)
		slices.Sort(got)
		require.Equal(t, want, got, "said once")
	}
	turns(t, server, check) // an empty bucket is no error

	now := time.Now().Add(time.Second)
	first, second := now.Add(-3*24*time.Hour), now.Add(-2*24*time.Hour)
	crit := verdict{test: "crit", status: "regression", level: "crit", at: first}
	warn := verdict{test: "warn", status: "regression", level: "warn", at: first}
	suspect := verdict{test: "suspect", status: "suspect", level: "(none)", at: first}
	better := verdict{test: "better", status: "improvement", level: "(none)", at: first}
	taken := verdict{test: "taken", status: "regression", level: "crit", at: first}
	write(server, cfg.Bucket, crit, warn, suspect, better, taken,
		verdict{test: "unjudged", status: "not_judged", level: "(none)", at: first},
		verdict{test: "never_said", status: "ok", level: "(none)", at: first},
		verdict{test: "too_old", status: "regression", level: "crit", at: now.Add(-cfg.CheckWindow - time.Hour)})
	said := []string{"taken crit crit yes", "crit crit crit yes", "warn warn warn yes", "suspect info suspect yes", "better ok improvement yes"}
	soon(said...)

	// The next run: what stays is no news, what becomes worse is, and so is the same on another branch.
	crit.at, warn.at, warn.level = second, second, "crit"
	taken.status, taken.level = "accepted", "(none)" // the same run, judged again
	write(server, cfg.Bucket, crit, warn, taken, verdict{test: "crit", status: "regression", level: "crit", branch: "feature/x", at: second.Add(time.Nanosecond)})
	said = append(said, "taken ok accepted yes", "crit crit crit no", "warn crit crit yes", "crit crit crit yes")
	soon(said...)

	// Verdicts are taken back.
	crit.status, crit.level, suspect.status = "ok", "(none)", "ok"
	write(server, cfg.Bucket, crit, suspect)
	said = append(said, "crit ok ok yes", "suspect ok ok no")
	soon(said...)

	// A regression of the run before is none any more.
	warn.at, warn.status, warn.level = second.Add(time.Hour), "resolved", "(none)"
	write(server, cfg.Bucket, warn)
	said = append(said, "warn ok resolved yes")
	soon(said...)

	// Several runs that were judged while InfluxDB was away, one of them five days ago.
	for n := range 3 {
		write(server, cfg.Bucket, verdict{test: "late", status: "regression", level: "warn", at: now.Add(time.Duration(n-5) * 24 * time.Hour)})
	}
	said = append(said, "late warn warn yes", "late warn warn no", "late warn warn no")
	soon(said...)
	message := server.Query(`from(bucket: "_monitoring") |> range(start: -1d, stop: 1d)
		|> filter(fn: (r) => r._measurement == "statuses" and r._field == "_message" and r.item_variant == "better")`)
	require.Len(t, message, 1)
	require.Equal(t, fmt.Sprintf("improvement: tests.pay better (cpu_time, 0.5 s -> 1.125 s, 2.25 times) on Linux-x86_64 8x, since commits 900d..bad1; "+
		"project webshop, branch main, commit c0ffee, run run-%d", first.Unix()), message[0]["_value"])
}

// Names of buckets are names, whatever they look like.
func TestOddNames(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	cfg.Bucket = harness.Unique(`odd ${r} \ {{.Name}} %s é`)
	cfg.DailyBucket = harness.Unique(`daily ${r} \`)
	cfg.Fallback = true
	apply(t, cfg)
	for _, s := range apply(t, cfg) {
		require.Equal(t, setup.Current, s.State, s.What)
	}
	write(server, cfg.Bucket, verdict{test: "crit", status: "regression", level: "crit", at: time.Now()})
	turns(t, server, "pymon-bridge regressions ("+cfg.Bucket+")")
	rows := server.Query(`from(bucket: "_monitoring") |> range(start: -1d, stop: 1d)
		|> filter(fn: (r) => r._measurement == "statuses" and r._field == "_message")`)
	require.Len(t, rows, 1)
	require.Equal(t, cfg.Bucket, rows[0]["bucket"])
	runTask(t, server, "daily rollup ("+cfg.Bucket)
}
