package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// startReplica starts a bridge that reads from buckets which another one writes to.
func startReplica(t *testing.T, influx *harness.Influx, bucket, meta string) *harness.Bridge {
	t.Helper()
	replica := harness.StartBridge(t, harness.BridgeConfig{Influx: influx, Bucket: bucket, MetaBucket: meta,
		Args: []string{"--store", "influx"}})
	replica.WaitReady()
	return replica
}

// get asks a bridge and returns its answer, in which its own address is left out.
func get(t *testing.T, bridge *harness.Bridge, path string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(bridge.URL + path)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, strings.ReplaceAll(string(text), bridge.URL, "")
}

var sum = regexp.MustCompile(`"(total|user|kernel)_time":[^,}]+`)

// rounded leaves the last digits of sums out, which depend on the order in which they were added up.
func rounded(body string) string {
	return sum.ReplaceAllStringFunc(body, func(s string) string {
		name, number, _ := strings.Cut(s, ":")
		f, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return s
		}
		return name + ":" + strconv.FormatFloat(f, 'f', 9, 64)
	})
}

// questions are paths below the API that real runs of pytest have something to say to.
func questions(rows harness.Pymon) []string {
	m := rows.Metrics[len(rows.Metrics)/2]
	all := []string{"/metrics/", "/metrics/?page=2", "/metrics/count", "/sessions/", "/sessions/count", "/sessions/?with_flags=run&restrict_flags=ci-7",
		"/contexts/", "/contexts/count", "/components/", "/pipelines/", "/pipelines/main/builds", "/pipelines/main/builds/7/sessions",
		"/filters/scope/function/metrics", "/filters/scm/" + rows.Sessions[0].ScmRef + "/metrics",
		"/sessions/" + m.SessionH, "/sessions/" + m.SessionH + "/metrics", "/contexts/" + m.ContextH + "/metrics", "/runs/", "/runs/ci-7",
		"/items/" + url.PathEscape(m.Item) + "/metrics", "/variants/" + url.PathEscape(m.ItemVariant) + "/metrics",
		"/metrics/?format=csv", "/sessions/?format=ndjson"}
	for _, resource := range []string{"memory", "cpu", "total_time"} {
		all = append(all, "/resources/"+resource+"/head/7/metrics", "/resources/"+resource+"/tail/7/metrics")
	}
	return all
}

// TestReplicaAnswersTheSame has real runs posted to one bridge. Once it has delivered them, one that took nothing
// answers every question from InfluxDB as the first does from its file.
func TestReplicaAnswersTheSame(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, meta := startBridge(t, influx, harness.BridgeConfig{Args: []string{"--page-size", "20"}})
	replica := harness.StartBridge(t, harness.BridgeConfig{Influx: influx, Bucket: bucket, MetaBucket: meta,
		Args: []string{"--store", "influx", "--page-size", "20"}})
	tags := []string{"--remote-server", bridge.URL + "/p/shop", "--tag", "pipeline_branch=main", "--tag", "pipeline_build_no=7", "--tag", "run=ci-7"}
	run := harness.Pytest{Git: true, Args: append(tags, "-n", "2")}.Run(t)
	bridge.WaitDelivered()
	rows := harness.ReadPymon(t, run.Database)
	require.Greater(t, len(rows.Metrics), 50)

	for _, base := range []string{"/api/v1", "/p/shop/api/v1", "/p/other/api/v1"} {
		for _, path := range questions(rows) {
			status, want := get(t, bridge, base+path)
			gotStatus, got := get(t, replica, base+path)
			assert.Equal(t, status, gotStatus, base+path)
			if strings.HasPrefix(path, "/runs/") {
				want, got = rounded(want), rounded(got)
			}
			assert.Equal(t, want, got, base+path)
			if base != "/p/other/api/v1" {
				assert.Equal(t, http.StatusOK, status, "%s: %s", base+path, want)
			}
		}
	}
	// Names that would mean something in a query are names.
	for _, name := range []string{`" or true or r.item == "`, `") |> drop(columns: ["_value"]) //`, `${v.bucket}`, `.*`, `%`} {
		for _, path := range []string{"/items/" + url.PathEscape(name) + "/metrics", "/filters/scm/" + url.PathEscape(name) + "/metrics",
			"/runs/" + url.PathEscape(name)} {
			status, want := get(t, bridge, "/api/v1"+path)
			gotStatus, got := get(t, replica, "/api/v1"+path)
			assert.Equal(t, status, gotStatus, path)
			assert.Equal(t, want, got, path)
			assert.NotContains(t, got, rows.Metrics[0].SessionH, path)
		}
	}
}

// TestReplicaWithoutInfluxDB has reads answered with 503 while InfluxDB is away and writes accepted, which can be read
// when it is back.
func TestReplicaWithoutInfluxDB(t *testing.T) {
	t.Parallel()
	influx := harness.StartInflux(t)
	bucket, meta := harness.Unique("pytest"), harness.Unique("meta")
	replica := startReplica(t, influx, bucket, meta)
	posts, process := newPoster(replica.URL), newMachine()
	process.context = strings.Repeat("c0", 16) // as long as pytest-monitor's
	process.enrol(t, posts)
	first := process.metrics("test_cart[before]", time.Now(), 3)
	posts.mustPostAll(t, first)
	replica.WaitDelivered()
	_, body := get(t, replica, "/api/v1/metrics/count")
	assert.JSONEq(t, `{"count": 3}`, body)

	influx.Stop()
	for _, path := range []string{"/api/v1/metrics/", "/api/v1/metrics/count", "/api/v1/sessions/", "/api/v1/runs/", "/api/v1/metrics/?format=csv",
		"/api/v1/regressions"} {
		asked := time.Now()
		status, body := get(t, replica, path)
		assert.Less(t, time.Since(asked), 5*time.Second, path)
		assert.Equal(t, http.StatusServiceUnavailable, status, path)
		assert.Contains(t, body, "InfluxDB", path)
	}
	posts.mustPostAll(t, process.metrics("test_cart[while away]", time.Now(), 5))
	for range 3 { // also when it is known that there is something to deliver
		asked := time.Now()
		status, body := get(t, replica, "/api/v1/regressions")
		assert.Less(t, time.Since(asked), 5*time.Second)
		assert.Equal(t, http.StatusServiceUnavailable, status)
		assert.Contains(t, body, "InfluxDB")
	}
	status, _ := get(t, replica, "/contexts/"+process.context)
	assert.Equal(t, http.StatusOK, status, "what pytest-monitor asks does not need InfluxDB")

	influx.Start()
	replica.WaitDelivered()
	_, body = get(t, replica, "/api/v1/metrics/count")
	assert.JSONEq(t, `{"count": 8}`, body)
}

// TestReplicaJudgesWhatItAccepted asks right after the last measurement of a run, of which InfluxDB has a part only.
func TestReplicaJudgesWhatItAccepted(t *testing.T) {
	t.Parallel()
	proxy := harness.StartProxy(t, harness.SharedInflux(t))
	bucket, meta := harness.Unique("pytest"), harness.Unique("meta")
	replica := startReplica(t, proxy.Influx(), bucket, meta)
	posts, process := newPoster(replica.URL), newMachine()
	process.enrol(t, posts)
	posts.mustPostAll(t, process.metrics("test_cart[first]", time.Now(), 80))
	replica.WaitDelivered()

	hold, held := make(chan struct{}), make(chan struct{}, 1)
	proxy.OnWrite(func(w *harness.Write) harness.Answer {
		select {
		case held <- struct{}{}:
		default:
		}
		<-hold
		return w.Forward()
	})
	posts.mustPostAll(t, process.metrics("test_cart[last]", time.Now(), 20))
	<-held
	time.AfterFunc(3*time.Second, func() { close(hold) })
	asked := time.Now()
	status, body := get(t, replica, "/api/v1/regressions?scm_ref=c0ffee")
	assert.Greater(t, time.Since(asked), 2*time.Second, "it waits for the rest")
	require.Equal(t, http.StatusOK, status, body)
	assert.Contains(t, body, `"tests": 100`)

	// However the moment of the question and those of delivery meet.
	proxy.OnWrite(nil)
	for i := range 10 {
		run := newMachine()
		run.enrol(t, posts)
		posts.mustPostAll(t, run.metrics("test_cart[again]", time.Now(), 5+i))
		status, body = get(t, replica, "/api/v1/regressions?run="+run.session)
		require.Equal(t, http.StatusOK, status, body)
		assert.Contains(t, body, fmt.Sprintf(`"tests": %d,`, 5+i))
	}
}
