package e2e_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// requireProject has the arguments of a bridge behind a load balancer. Such a bridge refuses requests without a project.
var requireProject = []string{"--require-project"}

// nginx, with its documented configuration, is in front of two bridges with one InfluxDB. Real pytest runs in a project of
// each bridge. The first bridge dies and is started again. Then records of its project reach the second bridge.
func TestEachProjectHasOneBridge(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	first, bucket, meta := startBridge(t, influx, harness.BridgeConfig{Args: requireProject, HandOver: true})
	second := harness.StartBridge(t, harness.BridgeConfig{Influx: influx, Bucket: bucket, MetaBucket: meta, Args: requireProject})
	balancer := harness.StartBalancer(t, "nginx", first.URL, second.URL).URL
	project, other := projectOf(t, balancer, first), projectOf(t, balancer, second)

	mine := runBehind(t, balancer+"//p//"+project+"/")
	others := runBehind(t, balancer+"/p/"+other+"/api/v1")
	for _, server := range []string{balancer, first.URL} {
		assertHas(t, server, project, 1, len(mine.Metrics))
	}
	for _, server := range []string{balancer, second.URL} {
		assertHas(t, server, other, 1, len(others.Metrics))
	}
	assertJudges(t, balancer, project, second.URL)
	assertJudges(t, balancer, other, first.URL)

	process, posts := newMachine(), newPoster(balancer+"//p/"+project+"/")
	process.enrol(t, posts)
	late := process.metrics("test_cart[without its bridge]", process.started, writers)
	first.Kill()
	refused := make(chan []string)
	go func() { refused <- posts.postAll(late, http.StatusCreated) }()
	assertHas(t, balancer, other, 1, len(others.Metrics))
	first.Start()
	assert.Empty(t, <-refused, "the requests wait in the queue of the socket")
	assertHas(t, second.URL, project, 0, 0)
	first.WaitDelivered()

	astray := process.metrics("test_cart[astray]", process.started, 3)
	newPoster(second.URL+"/p/"+project).mustPostAll(t, astray)
	second.WaitDelivered()
	assertHas(t, balancer, project, 2, len(mine.Metrics)+len(late))
	stored := points(t, influx, bucket)
	assertArrived(t, slices.Concat(mine.Metrics, others.Metrics, late, astray), stored)
	assertSessions(t, append(slices.Concat(mine.Sessions, others.Sessions), harness.PymonSession{SessionH: process.session,
		RunDate: process.started.Format(harness.Isoformat), ScmRef: "c0ffee", Description: `{"branch": "main"}`}), influx.Points(meta, "sessions"))
	assert.Len(t, influx.Points(meta, "contexts"), 3)
	for _, p := range stored {
		if p.text("session_h") == process.session {
			assert.Equal(t, []string{project, "Linux-x86_64 8x Intel 32G py3.11", process.session, "c0ffee", "main"},
				[]string{p.tag("project"), p.tag("env"), p.text("run"), p.text("scm_ref"), p.text("branch")}, p.tag("item_variant"))
		}
	}
}

// runBehind runs real pytest with a remote server, and returns the rows of the plugin's own file.
func runBehind(t *testing.T, remote string) harness.Pymon {
	t.Helper()
	run := harness.Pytest{Git: true, Args: []string{"--remote-server", remote, "--tag", "run=ci-7", "--tag", "branch=main",
		"--restrict-scope-to", "function,module", "flat", "shop"}}.Run(t)
	require.NotContains(t, run.Output(), "Cannot insert", "the plugin's message about a server that refuses")
	file := harness.ReadPymon(t, run.Database)
	require.Greater(t, len(file.Metrics), 10)
	return file
}

// projectOf returns a project whose requests the load balancer sends to the bridge.
func projectOf(t *testing.T, balancer string, bridge *harness.Bridge) string {
	t.Helper()
	for n := range 100 {
		project := fmt.Sprintf("team-%d", n)
		header, _ := ask(t, balancer+"/p/"+project+"/api/v1/runs/")
		if "http://"+header.Get("Pymon-Bridge") == bridge.URL {
			return project
		}
	}
	require.Fail(t, "none of 100 projects belongs to this bridge")
	return ""
}

// ask sends a GET and returns the answer, whose status must be 200.
func ask(t *testing.T, url string) (header http.Header, body string) {
	t.Helper()
	r := request{method: "GET"}.send(t, url)
	require.Equal(t, http.StatusOK, r.status, "%s: %s", url, r.body)
	return r.header, r.body
}

// assertHas asserts that a project has these numbers of sessions and metrics on a server.
func assertHas(t *testing.T, server, project string, sessions, metrics int) {
	t.Helper()
	for list, n := range map[string]int{"sessions": sessions, "metrics": metrics} {
		_, body := ask(t, server+"/p/"+project+"/api/v1/"+list+"/count")
		assert.JSONEq(t, fmt.Sprintf(`{"count": %d}`, n), body, list)
	}
}

// assertJudges asserts that the project's bridge judges its run through the load balancer. The bridge at the address other
// does not know the run.
func assertJudges(t *testing.T, balancer, project, other string) {
	t.Helper()
	_, body := ask(t, balancer+"/p/"+project+"/api/v1/runs/ci-7")
	assert.Contains(t, body, `"run":"ci-7"`)
	status := request{method: "GET", path: "/p/" + project + "/sessions/0"}.send(t, balancer).status
	assert.Contains(t, []int{http.StatusOK, http.StatusNoContent}, status, "docs/ci.md uses this request to test the address")
	r := harness.RunProgram(t, nil, "check", "--url", balancer, "--project", project, "--run", "ci-7")
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	r = harness.RunProgram(t, nil, "check", "--url", other, "--project", project)
	assert.Equal(t, 2, r.ExitCode, r.Stdout)
	assert.Contains(t, r.Stderr, "has no runs")
}

// Each documented configuration runs in front of two stand-ins for bridges. A load balancer that retries sends a request
// without an answer to the same bridge again.
func TestDocumentedBalancersKeepEachProjectAtOneBridge(t *testing.T) {
	t.Parallel()
	for name, retries := range map[string]bool{"nginx": false, "haproxy": true, "envoy": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bridges := map[string]*standIn{}
			for range 2 {
				b := startStandIn(t)
				bridges[b.address] = b
			}
			addresses := slices.Sorted(maps.Keys(bridges))
			balancer := harness.StartBalancer(t, name, "http://"+addresses[0], "http://"+addresses[1])
			projects := assertProjectsStay(t, balancer.URL)
			require.Len(t, projects, 2, "each bridge has projects")
			assertPassesOn(t, balancer.URL, projects[addresses[0]])
			assertAsksNoOther(t, balancer.URL, retries, bridges[addresses[0]], projects[addresses[0]], projects[addresses[1]])
		})
	}
}

// assertProjectsStay asserts that all requests of a project go to one bridge, with the path as it was sent. It returns a
// project of each bridge, by the bridge's address.
func assertProjectsStay(t *testing.T, balancer string) (projects map[string]string) {
	t.Helper()
	projects = map[string]string{}
	for n := range 20 {
		project := fmt.Sprintf("team-%d", n)
		answered := map[string]bool{} // by address of the bridge
		for _, path := range []string{"/p/" + project + "/metrics/", "//p//" + project + "//metrics/", "/p/" + project + "?page=2",
			"/p/" + project + "/api/v1/metrics/?page=2", "/p/" + project + "/api/v1/items/a%2F%2Fb%5B+c%25/metrics"} {
			r := request{method: "POST", path: path, header: []string{"X-Forwarded-For", "203.0.113.9"}}.send(t, balancer)
			require.Equal(t, http.StatusCreated, r.status, path)
			assert.NotEmpty(t, r.header.Get("Pymon-Bridge"))
			assert.Equal(t, merged(path), merged(r.header.Get("Path")))
			said, saw, _ := strings.Cut(r.header.Get("For"), ",")
			assert.Equal(t, "203.0.113.9", said, "what the client says")
			assert.Contains(t, trustsThisMachine(t), strings.TrimSpace(saw), "what the balancer saw")
			assert.Equal(t, balancer, "http://"+r.header.Get("Asked-Host"))
			answered[r.header.Get("Stand-In")] = true
			projects[r.header.Get("Stand-In")] = project
		}
		assert.Len(t, answered, 1, project)
	}
	for _, path := range []string{"/metrics/", "/api/v1/metrics/", "/-/ready", "/"} {
		assert.Equal(t, http.StatusNotFound, request{method: "GET", path: path}.send(t, balancer).status, path)
	}
	return projects
}

// merged merges repeated slashes of a path, as a load balancer may do.
func merged(path string) string { return regexp.MustCompile("/+").ReplaceAllString(path, "/") }

// assertPassesOn asserts that the largest body that bridges accept gets through. When a bridge cuts off its answer, the
// client must get an error.
func assertPassesOn(t *testing.T, balancer, project string) {
	t.Helper()
	const size = 4 << 20 // --max-body
	r := request{method: "POST", path: "/p/" + project + "/metrics/", body: strings.Repeat(" ", size)}.send(t, balancer)
	assert.Equal(t, http.StatusCreated, r.status)
	assert.Equal(t, fmt.Sprint(size), r.header.Get("Read"))

	resp, err := http.Get(balancer + "/p/" + project + "/cut")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	assert.Error(t, err)
	assert.Equal(t, "the beginning", string(text))
}

// assertAsksNoOther asserts that no other bridge gets a project's requests while the project's bridge is stopped. The
// bridge gets them again when it is back.
func assertAsksNoOther(t *testing.T, balancer string, retries bool, bridge *standIn, project, other string) {
	t.Helper()
	post := func(project string) reply { return newPoster(balancer).try("/p/"+project+"/metrics/", "{}") }
	bridge.aborts.Store(1)
	aborted := post(project)
	bridge.stop()
	assert.Equal(t, http.StatusCreated, post(other).status, "the other bridge goes on")
	if !retries {
		assert.Equal(t, http.StatusBadGateway, aborted.status)
		assert.Equal(t, http.StatusBadGateway, post(project).status)
		bridge.start(t)
	} else {
		assert.Equal(t, bridge.address, aborted.header.Get("Stand-In"))
		answer := make(chan reply)
		go func() { answer <- post(project) }()
		select {
		case r := <-answer:
			require.Fail(t, "answered without the project's bridge", "%+v", r)
		case <-time.After(300 * time.Millisecond):
		}
		bridge.start(t)
		assert.Equal(t, bridge.address, (<-answer).header.Get("Stand-In"))
	}
	assert.Equal(t, bridge.address, post(project).header.Get("Stand-In"))
}

// standIn is a stand-in for a bridge. Headers of its answer describe the request.
type standIn struct {
	address string
	aborts  atomic.Int64 // number of next requests to cut off without an answer
	server  *httptest.Server
}

func startStandIn(t *testing.T) *standIn {
	t.Helper()
	b := &standIn{address: harness.FreeAddress(t)}
	b.start(t)
	t.Cleanup(b.stop)
	return b
}

func (b *standIn) start(t *testing.T) {
	t.Helper()
	var l net.Listener
	// For a moment, a child that another test is starting may have the old socket.
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var err error
		l, err = net.Listen("tcp", b.address)
		assert.NoError(c, err)
	}, time.Minute, 5*time.Millisecond)
	b.server = httptest.NewUnstartedServer(b)
	_ = b.server.Listener.Close() // it has another address
	b.server.Listener = l
	b.server.Start()
}

func (b *standIn) stop() { b.server.Close() }

// ServeHTTP implements [http.Handler].
func (b *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil || b.aborts.Add(-1) >= 0 {
		panic(http.ErrAbortHandler)
	}
	for name, value := range map[string]string{"Stand-In": b.address, "Path": r.RequestURI, "Asked-Host": r.Host, "Read": fmt.Sprint(n),
		"For": strings.Join(r.Header.Values("X-Forwarded-For"), ",")} {
		w.Header().Set(name, value)
	}
	w.WriteHeader(http.StatusCreated)
	if strings.HasSuffix(r.URL.Path, "/cut") {
		_, _ = io.WriteString(w, "the beginning")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}
