package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// answersAbout returns what a bridge answers about a project.
func answersAbout(t *testing.T, bridge *harness.Bridge, project string) (all []string) {
	t.Helper()
	for _, path := range []string{"metrics/?format=csv", "sessions/", "contexts/", "runs/", "components/", "outcomes/?format=csv",
		"resources/memory/head/50/metrics", "resources/time/tail/50/metrics", "metrics/count"} {
		resp, err := http.Get(bridge.URL + "/p/" + project + "/api/v1/" + path)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		all = append(all, fmt.Sprint(path, resp.StatusCode, string(body)))
	}
	return all
}

// pointsOf has the points of a project, by measurement.
func pointsOf(influx *harness.Influx, bucket, meta, project string) map[string][]string {
	all := map[string][]string{}
	for measurement, rows := range contents(influx, bucket, meta) {
		for _, row := range rows {
			if row["project"] == project {
				all[measurement] = append(all[measurement], fmt.Sprint(row))
			}
		}
		slices.Sort(all[measurement])
	}
	return all
}

// One project of two is removed from the file and from InfluxDB, while clients of both go on posting. The other project
// keeps every answer and every point. What arrives of the removed project meanwhile is new, and is delivered.
func TestDeleteRemovesOneProject(t *testing.T) {
	t.Parallel()
	const before = 1100 // measurements of each project: a removal takes 500 at once
	influx := harness.SharedInflux(t)
	bridge, bucket, meta := startBridge(t, influx, harness.BridgeConfig{Args: []string{"--client-timezone", "UTC", "--quiet-after", "1h"}})
	now := time.Now()
	enrolled := map[string]machine{}
	post := map[string]*poster{}
	for _, project := range []string{"gone", "shop"} {
		post[project] = newBulkPoster(bridge.URL + "/p/" + project)
		enrolled[project] = newMachine()
		enrolled[project].enrol(t, post[project])
	}
	var busy sync.WaitGroup
	for project, posts := range post {
		busy.Go(func() {
			posts.mustPostAll(t, enrolled[project].metrics("test_cart[before]", now, before))
			posts.mustPost(t, "/sessions/", enrolled[project].endJSON()) // otherwise a pause could be taken for the end, and a report replaced
		})
	}
	busy.Wait()
	bridge.WaitDelivered()
	waitReports(t, bridge, 2)
	answers, points := answersAbout(t, bridge, "shop"), pointsOf(influx, bucket, meta, "shop")
	require.Len(t, points["test_metrics"], before)
	result := harness.RunProgram(t, nil, "delete", "--project", "gone", "--data", bridge.Data)
	assert.Equal(t, 1, result.ExitCode)
	assert.Contains(t, result.Stderr, "Project gone has 1100 measurements, 0 outcomes, 1 session, 1 context in 1 run, 1 report and 0 tokens, from ")
	assert.Contains(t, result.Stderr, "nothing is removed: expected a yes, or --yes, to remove project gone")

	done := make(chan harness.Result)
	go func() {
		done <- harness.RunProgram(t, nil, "delete", "--project", "gone", "--yes", "--data", bridge.Data)
	}()
	require.Eventually(t, func() bool { // nobody sees the project any more, and the caches forget it
		return statusOfGet(t, bridge.URL+"/p/gone/sessions/"+enrolled["gone"].session) == http.StatusNoContent
	}, time.Minute, 10*time.Millisecond)
	meanwhile := newMachine() // the same project, in a new pytest
	meanwhile.enrol(t, post["gone"])
	var late []harness.PymonMetric
	var slowest time.Duration
	for n := 0; ; n++ {
		start := time.Now()
		from := meanwhile
		if n%2 == 0 { // the pytest that runs goes on
			from = enrolled["gone"]
		}
		late = append(late, from.metric("test_cart[late]", start))
		post["gone"].mustPost(t, "/metrics/", metricJSON(late[n]))
		slowest = max(slowest, time.Since(start))
		select {
		case result = <-done:
		case <-time.After(5 * time.Millisecond): // a client that never rests takes the processor from the removal
			continue
		}
		break
	}
	require.Equal(t, 0, result.ExitCode, result.Stderr)
	assert.Regexp(t, `^Removed \d+ records, 1 report and 0 tokens of project gone from the file.\nDeleted its points from http.*\n$`, result.Stdout)
	t.Logf("the slowest of %d posts meanwhile took %s", len(late), slowest)
	bridge.WaitDelivered()
	again(t, bridge.Data, 0, "replay", "--since", "0s") // behind the replay of what arrived meanwhile

	assert.Equal(t, answers, answersAbout(t, bridge, "shop"))
	assert.Equal(t, points, pointsOf(influx, bucket, meta, "shop"))
	stored := 0
	for _, row := range pointsOf(influx, bucket, meta, "gone")["test_metrics"] {
		assert.NotContains(t, row, "test_cart[before]")
		stored++
	}
	resp, err := http.Get(bridge.URL + "/p/gone/api/v1/metrics/count")
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Contains(t, string(body), fmt.Sprint(stored), "each new measurement is in the file and in InfluxDB")
	assert.Equal(t, len(late), stored)
}

func statusOfGet(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// When InfluxDB denies the deletion, the command says so, and the next bridge that delivers there deletes the points. Without a
// bridge, the command does the work itself, with the InfluxDB that its flags or variables name.
func TestDeleteIsTriedAgain(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bucket, meta := influx.NewBucket("pytest", 0), influx.NewBucket("meta", 0)
	config := harness.BridgeConfig{Influx: influx, Bucket: bucket, MetaBucket: meta, Data: t.TempDir(),
		Args: []string{"--client-timezone", "UTC", "--no-judge"}}
	bridge := harness.StartBridge(t, config)
	posts, process := newBulkPoster(bridge.URL+"/p/gone"), newMachine()
	process.enrol(t, posts)
	posts.mustPostAll(t, process.metrics("test_cart[1]", time.Now(), 50))
	bridge.WaitDelivered()
	bridge.Stop()
	env := []string{"INFLUX_URL=" + influx.URL, "INFLUX_ORG=" + influx.Org, "INFLUX_BUCKET=" + bucket, "PYMON_META_BUCKET=" + meta}
	result := harness.RunProgram(t, append(env, "INFLUX_TOKEN=wrong"), "delete", "--project", "gone", "--yes", "--data", bridge.Data)
	assert.Equal(t, 1, result.ExitCode)
	assert.Contains(t, result.Stdout, "Removed 52 records")
	assert.Contains(t, result.Stderr, " still has points of project gone. The bridge that delivers there asks it again until it deletes them: ")
	assert.Len(t, influx.Points(bucket, "test_metrics"), 50)
	assert.Contains(t, result.Stderr, "a project is removed from the file, but the destination still has its points")
	assert.NotContains(t, result.Stderr, "removed completely")
	status := func() string { return harness.RunProgram(t, nil, "status", "--data", bridge.Data).Stdout }
	const owed = " may still have points of project gone, which was removed at "
	assert.Contains(t, status(), owed)
	harness.StartBridge(t, config)
	require.Eventually(t, func() bool { return !strings.Contains(status(), owed) }, time.Minute, 100*time.Millisecond)
	assertNoPoints(t, influx, bucket, meta)

	result = harness.RunProgram(t, nil, "delete", "--project", "gone", "--yes", "--data", bridge.Data)
	assert.Equal(t, 0, result.ExitCode, result.Stderr)
	assert.Contains(t, result.Stderr, "The file has nothing of project gone; InfluxDB may have points.")
	assertNoPoints(t, influx, bucket, meta)
}

func assertNoPoints(t *testing.T, influx *harness.Influx, bucket, meta string) {
	t.Helper()
	for measurement, rows := range contents(influx, bucket, meta) {
		assert.Empty(t, rows, measurement)
	}
}
