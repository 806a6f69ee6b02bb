package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// pymonSample returns the path of a `.pymon` file of a real run.
func pymonSample(t *testing.T, name string) string {
	return filepath.Join(harness.Root(t), "sqlite", "testdata", name)
}

// importedCounts is what the command import says of its files together.
type importedCounts struct {
	New, Repeats map[string]int
	Skipped      map[string]int
	Zones        []string
}

// importFiles runs the command import, and returns its exit status and what it says.
func importFiles(t *testing.T, args ...string) (int, importedCounts) {
	t.Helper()
	r := harness.RunProgram(t, []string{"TZ=UTC"}, append([]string{"import", "--json"}, args...)...)
	assert.NotContains(t, r.Stderr, "level=INFO", "a command prints what people ask for")
	if r.ExitCode == 0 {
		written := slices.Contains(args, "--data") && !slices.Contains(args, "--dry-run")
		assert.Equal(t, written, strings.Contains(r.Stderr, "pymon-bridge: the records are kept in /"), "it says where: %s", r.Stderr)
	}
	var answer struct {
		Files []struct {
			Timezone              string
			New, Repeats, Skipped map[string]int
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &answer), "%s%s", r.Stdout, r.Stderr)
	all := importedCounts{map[string]int{}, map[string]int{}, map[string]int{}, nil}
	for _, f := range answer.Files {
		all.Zones = append(all.Zones, f.Timezone)
		for _, part := range []struct{ from, to map[string]int }{{f.New, all.New}, {f.Repeats, all.Repeats}, {f.Skipped, all.Skipped}} {
			for name, n := range part.from {
				part.to[name] += n
			}
		}
	}
	return r.ExitCode, all
}

// TestTheFileOfALiveRunAddsNothing replays the requests of real runs, and then imports the files that these runs wrote: into the
// data directory, and into the serving bridge. The requests are days or years late, so their times follow from their arrival.
func TestTheFileOfALiveRunAddsNothing(t *testing.T) {
	t.Parallel()
	files := map[string][]string{"gen-b-1.3.0-1.5.1.pymon": {"pymon-b-1.3.0", "pymon-b-1.5.1"}, "gen-c-1.6.6.pymon": {"pymon-c-1.6.6", "pymon-c-1.6.6-xdist"}}
	for file, fixtures := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			bridge := harness.StartBridge(t, harness.BridgeConfig{})
			for _, fixture := range harness.Fixtures(t) {
				if slices.Contains(fixtures, fixture.Name) {
					for _, reply := range fixture.Replay(t, bridge.URL+"/p/shop") {
						require.Less(t, reply.Status, 300)
					}
				}
			}
			before := harness.Stored(t, bridge.Data)
			var status int
			var said importedCounts
			for _, path := range []string{"/p/shop", "/p/elsewhere", ""} {
				status, said = importFiles(t, "--to", bridge.URL+path, "--timezone", "Asia/Kolkata", pymonSample(t, file))
				assert.Zero(t, status)
				assert.Empty(t, said.New, path)
			}
			bridge.Stop()
			for _, project := range []string{"shop", "elsewhere"} {
				status, said = importFiles(t, "--data", bridge.Data, "--project", project, pymonSample(t, file))
				assert.Zero(t, status)
				assert.Empty(t, said.New)
				assert.Equal(t, len(before.Metrics), said.Repeats["metric"])
				assert.Equal(t, len(before.Sessions), said.Repeats["session"])
			}
			assert.Equal(t, before, harness.Stored(t, bridge.Data))
		})
	}
}

// TestEveryFileOfPytestMonitorIsImported holds for a file of each generation, and for one that the real pytest-monitor writes
// now, in another time zone. What is stored is equal row by row, in the tables and in the answers of the bridge.
func TestEveryFileOfPytestMonitorIsImported(t *testing.T) {
	t.Parallel()
	run := harness.Pytest{Git: true, Env: []string{"TZ=America/New_York"}, Args: []string{"-n", "2", "--restrict-scope-to", "function,module",
		"--tag", "branch=main", "--description", "nightly"}}.Run(t)
	for name, file := range map[string]string{"now": run.Database, "b": pymonSample(t, "gen-b-1.3.0-1.5.1.pymon"), "c": pymonSample(t, "gen-c-1.6.6.pymon")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := harness.ReadPymon(t, file)
			require.NotEmpty(t, want.Metrics)
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			data := filepath.Join(t.TempDir(), "data")
			args := []string{"--data", data, "--project", "shop", "--timezone", "America/New_York", file}

			status, said := importFiles(t, append(args, "--dry-run")...)
			assert.Zero(t, status)
			assert.Equal(t, len(want.Metrics), said.New["metric"])
			assert.NoDirExists(t, data, "a dry run changes nothing")
			for i := range 2 {
				status, again := importFiles(t, args...)
				assert.Zero(t, status)
				assert.Equal(t, []string{"America/New_York"}, again.Zones)
				if i == 0 {
					assert.Equal(t, said.New, again.New, "as the dry run said")
				} else {
					assert.Empty(t, again.New)
					assert.Equal(t, said.New, again.Repeats)
				}
				stored := harness.Stored(t, data)
				assert.ElementsMatch(t, want.Metrics, stored.Metrics)
				assert.ElementsMatch(t, want.Sessions, stored.Sessions)
				assert.ElementsMatch(t, want.Contexts, stored.Contexts)
			}
			after, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, content, after, "the file stays as it is")

			bridge := harness.StartBridge(t, harness.BridgeConfig{Data: data})
			_, lists := ask(t, bridge.URL+"/p/shop/api/v1/metrics/?format=ndjson")
			var read []harness.PymonMetric
			for line := range strings.Lines(lists) {
				read = append(read, decodeMetric(t, line))
			}
			assert.ElementsMatch(t, want.Metrics, read)
			_, runs := ask(t, bridge.URL+"/p/shop/api/v1/runs/?format=ndjson")
			assert.Equal(t, map[string]int{"now": 1, "b": 2, "c": 2}[name], strings.Count(runs, "\n"), "the sessions of one pytest -n are one run")
		})
	}
}

// TestAnImportIsHistoryAndNoNews imports a file into a bridge that serves and delivers, beside a live run.
func TestAnImportIsHistoryAndNoNews(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, meta := startBridge(t, influx, harness.BridgeConfig{Args: []string{"--quiet-after", "10s"}}) // posts of a run follow each other sooner
	remote := bridge.URL + "/p/shop"
	m := newMachine()
	posts := newBulkPoster(remote)
	m.enrol(t, posts)
	posts.mustPostAll(t, m.metrics("test_cart", m.started, 3))
	require.Eventually(t, func() bool { return strings.Contains(bridge.Log(), "run is judged") }, time.Minute, 10*time.Millisecond)
	counters := func() (all []float64) {
		metrics := bridge.Metrics()
		for _, name := range []string{"pymon_bridge_accepted_total", "pymon_bridge_new_series_total", "pymon_bridge_judged_runs_total"} {
			n, ok := metrics.Sum(name)
			require.True(t, ok, name)
			all = append(all, n)
		}
		return all
	}
	before := counters()
	_, last := ask(t, remote+"/api/v1/regressions")

	file := harness.LargePymon(t, 12, 20)
	for i := range 2 {
		status, said := importFiles(t, "--to", remote, "--timezone", "Europe/Paris", file)
		assert.Zero(t, status)
		assert.Equal(t, 240, []int{said.New["metric"], said.Repeats["metric"]}[i])
	}
	bridge.WaitDelivered()
	again := newMachine() // judged after everything that was there to judge
	again.enrol(t, posts)
	posts.mustPostAll(t, again.metrics("test_cart", again.started, 3))
	require.Eventually(t, func() bool { return strings.Count(bridge.Log(), "run is judged") == 2 }, time.Minute, 10*time.Millisecond)
	now := counters()
	assert.Equal(t, []float64{before[0] + 5, before[1], before[2] + 1}, now, "accepted, new series and judged runs")
	assert.Equal(t, 2, strings.Count(bridge.Log(), "run is complete"), bridge.Log())
	assert.Contains(t, last, m.session)
	_, newest := ask(t, remote+"/api/v1/regressions")
	assert.Contains(t, newest, again.session, "the last run is the live one")
	assert.Regexp(t, `"baseline_runs":[1-9]`, strings.ReplaceAll(newest, " ", ""), "the imported runs are its history")
	assert.NotRegexp(t, `"baseline_runs":[1-9]`, strings.ReplaceAll(last, " ", ""))

	bridge.WaitDelivered()
	assert.Len(t, influx.Points(bucket, "test_metrics"), 240+6)
	marked := 0
	for _, row := range influx.Points(meta, "sessions") {
		if row["imported"] == true {
			marked++
		}
	}
	assert.Equal(t, 12, marked)
	_, runs := ask(t, remote+"/api/v1/runs/?format=ndjson")
	assert.Equal(t, 14, strings.Count(runs, "\n"), "lists have them all")
}

// TestErrorsOfAnImport holds that each names the flag or the file, and what was expected, and that nothing is imported then.
func TestErrorsOfAnImport(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	good, dir := pymonSample(t, "gen-c-1.6.6.pymon"), t.TempDir()
	content, err := os.ReadFile(good)
	require.NoError(t, err)
	damaged, data := filepath.Join(dir, "damaged.pymon"), filepath.Join(dir, "data")
	require.NoError(t, os.WriteFile(damaged, content[:len(content)/2], 0o600))
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--data", bridge.Data, good}, "--data: a bridge serves " + bridge.Data + ", so the file cannot be written: send the records to this bridge with --to URL"},
		{[]string{"--data", data, good, damaged}, damaged + " is damaged"},
		{[]string{"--to", bridge.URL, good, damaged}, damaged + " is damaged"},
		{[]string{"--data", data, "--timezone", "Mars", good}, "--timezone: expected a name of the IANA database"},
		{[]string{"--data", data, "--project", "a/b", good}, "--project: expected 1 to 64 letters"},
		{[]string{"--to", "localhost:8080", good}, "--to: expected an address such as http://127.0.0.1:8080/p/my-project"},
		{[]string{"--to", bridge.URL + "/none", good}, "404"},
	} {
		r := harness.RunProgram(t, nil, append([]string{"import"}, tt.args...)...)
		assert.Equal(t, 1, r.ExitCode, tt.args)
		assert.Contains(t, r.Stderr, tt.want)
		assert.NoDirExists(t, data)
	}
	assert.Empty(t, harness.Stored(t, bridge.Data).Metrics)
	r := harness.RunProgram(t, nil, "import")
	assert.Equal(t, 2, r.ExitCode)
	assert.Contains(t, r.Stderr, "expected the name of a file, or --from-influx")
}

// TestAnImportNeedsATokenThatMayWrite holds for a bridge with tokens, whose project counts.
func TestAnImportNeedsATokenThatMayWrite(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	write := addToken(t, bridge.Data, "shop", "--scope", "write")
	read := addToken(t, bridge.Data, "shop", "--scope", "read")
	file := pymonSample(t, "gen-b-1.3.0-1.5.1.pymon")
	require.Eventually(t, func() bool {
		r := harness.RunProgram(t, nil, "import", "--to", bridge.URL, file)
		return r.ExitCode == 1 && strings.Contains(r.Stderr, "401")
	}, time.Minute, 100*time.Millisecond)
	r := harness.RunProgram(t, nil, "import", "--to", bridge.URL, "--token", read, file)
	assert.Contains(t, r.Stderr, "this token lacks the scope write")
	r = harness.RunProgram(t, nil, "import", "--to", bridge.URL+"/p/other", "--token", write, file)
	assert.Contains(t, r.Stderr, "403")
	status, said := importFiles(t, "--to", bridge.URL, "--token", write, file, "--dry-run")
	assert.Zero(t, status)
	assert.Equal(t, map[string]int{"context": 1, "session": 2, "metric": 41}, said.New)
	r = harness.RunProgram(t, nil, "import", "--to", bridge.URL, "--token", write, file, "--dry-run")
	assert.Contains(t, r.Stdout, ": would be new at most: 1 context, 2 sessions, 41 metrics.")
	assert.Empty(t, harness.Stored(t, bridge.Data).Sessions)
	status, again := importFiles(t, "--to", bridge.URL, "--token", write, file)
	assert.Zero(t, status)
	assert.Equal(t, said.New, again.New)
	assert.Len(t, harness.Stored(t, bridge.Data).Metrics, 41, fmt.Sprint(again))
}
