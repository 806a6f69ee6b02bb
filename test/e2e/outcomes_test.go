package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// kolkata is the offset from UTC that the clock of a client states, in seconds.
const kolkata = 19800

// pluginRun is a run as this project's plugin posts it: tests with their outcomes in lists, and the end of the session.
type pluginRun struct {
	machine
	outcomes []string // of the tests
}

// newPluginRun returns a run of a client whose clock states its offset and is three hours late, and so shows another zone.
func newPluginRun(outcomes ...string) pluginRun {
	r := pluginRun{machine: newMachine(), outcomes: outcomes}
	r.started = r.started.Add(kolkata*time.Second - 3*time.Hour)
	return r
}

// body returns the body of the session. more has further members.
func (r pluginRun) body(more string) string {
	return strings.TrimSuffix(r.sessionJSON(), "}") + fmt.Sprintf(`, "utc_offset": %d, "method": "m2"%s}`, kolkata, more)
}

func (r pluginRun) end(status int, partial string) string {
	return r.body(fmt.Sprintf(`, "exit_status": %d, "collected": %d, "deselected": 0, "partial": %s`, status, len(r.outcomes), partial))
}

// passed says whether the test i goes to metrics/.
func (r pluginRun) passed(i int) bool { return r.outcomes[i] == "passed" || r.outcomes[i] == "xpassed" }

func nodeID(i int) string { return fmt.Sprintf("tests/test_shop.py::TestShop::test_cart[%d]", i) }

// row returns the test i. A skipped test measured nothing.
func (r pluginRun) row(i int) string {
	m := r.metric(fmt.Sprintf("test_cart[%d]", i), r.started.Add(time.Duration(i)*time.Second))
	m.TotalTime, m.UserTime, m.KernelTime, m.CPUUsage, m.MemUsage = float64(i)+0.5, 0.25, 0, 0.5, 1
	row := strings.TrimSuffix(strings.TrimSpace(metricJSON(m)), "}")
	if r.outcomes[i] == "skipped" {
		row = strings.NewReplacer(fmt.Sprintf(`"total_time":%g`, m.TotalTime), `"total_time":null`, `"mem_usage":1`, `"mem_usage":null`).Replace(row)
	}
	return fmt.Sprintf(`%s, "nodeid": %q, "outcome": %q, "attempts": 2, "setup_time": 0.125, "mem_peak": %d.5, "mem_test": null}`,
		row, nodeID(i), r.outcomes[i], 100+i)
}

// post posts the tests in lists.
func (r pluginRun) post(t *testing.T, p *poster) {
	t.Helper()
	lists := map[string][]string{}
	for i := range r.outcomes {
		route := "/outcomes/"
		if r.passed(i) {
			route = "/metrics/"
		}
		lists[route] = append(lists[route], r.row(i))
	}
	for route, rows := range lists {
		answer := p.try(route, "["+strings.Join(rows, ", ")+"]")
		assert.Equal(t, http.StatusCreated, answer.status, "%s %v", answer.body, answer.err)
		assert.JSONEq(t, fmt.Sprintf(`{"accepted": %d}`, len(rows)), answer.body)
	}
}

// The bridge is killed during a delivery, and again when it has accepted the end. Everything is posted twice. In the end each
// test and its outcome is one point, and the session is one point with its end.
func TestOutcomesAndEndsAreKept(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	proxy := harness.StartProxy(t, influx)
	bridge, bucket, meta := startBridge(t, proxy.Influx(), harness.BridgeConfig{})
	posts := newPoster(bridge.URL)
	run := newPluginRun("passed", "failed", "xpassed", "error", "skipped", "xfailed", "passed")
	posts.mustPost(t, "/contexts/", run.contextJSON())
	posts.mustPost(t, "/sessions/", run.body(""))
	waitHeld := holdNextDelivery(t, proxy)
	run.post(t, posts)
	waitHeld() // InfluxDB has stored metrics, and the bridge has no answer
	bridge.Kill()
	bridge.Start()
	run.post(t, posts)
	posts.mustPost(t, "/sessions/", run.end(1, "null"))
	bridge.Kill()
	bridge.Start()
	posts.mustPost(t, "/sessions/", run.end(1, "null"))
	posts.mustPost(t, "/sessions/", run.end(0, `"-x"`))
	run.post(t, posts)
	bridge.WaitDelivered()

	assert.Len(t, influx.Points(bucket, "test_metrics"), 3)
	outcomes := map[string]harness.Row{}
	for _, p := range influx.Points(bucket, "test_outcomes") {
		outcomes[p["nodeid"].(string)] = p
		assert.Equal(t, "Linux-x86_64 8x Intel 32G py3.11 m2", p["env"])
		assert.Equal(t, run.session, p["run"])
	}
	require.Len(t, outcomes, len(run.outcomes))
	for i, outcome := range run.outcomes {
		p := outcomes[nodeID(i)]
		assert.Equal(t, []any{outcome, int64(2), 0.125, float64(100+i) + 0.5, nil}, []any{p["outcome"], p["attempts"], p["setup_time"],
			p["mem_peak"], p["mem_test"]})
		want := any(float64(i) + 0.5)
		if outcome == "skipped" {
			want = nil
		}
		assert.Equal(t, want, p["total_time"])
		assert.WithinDuration(t, run.started.Add(-kolkata*time.Second+time.Duration(i)*time.Second), p["_time"].(time.Time), time.Millisecond)
	}
	sessions := influx.Points(meta, "sessions")
	require.Len(t, sessions, 1)
	s := sessions[0]
	assert.Equal(t, []any{"complete", int64(1), int64(7), int64(0), "(none)", "m2", true, int64(kolkata)}, []any{s["completion"], s["exit_status"],
		s["collected"], s["deselected"], s["partial"], s["method"], s["states_offset"], s["utc_offset"]})
	assert.WithinDuration(t, time.Now(), time.Unix(0, s["ended"].(int64)), time.Minute)

	counted := read[struct {
		Runs []struct{ Outcomes map[string]int }
	}](t, bridge, "runs/"+run.session).Runs[0].Outcomes
	assert.Equal(t, map[string]int{"passed": 2, "failed": 1, "error": 1, "skipped": 1, "xfailed": 1, "xpassed": 1}, counted)
	type node struct{ NodeID string }
	failed := read[struct{ Outcomes []node }](t, bridge, "runs/"+run.session+"/outcomes?outcome=failed")
	assert.Equal(t, []node{{nodeID(1)}}, failed.Outcomes)
	flaky := read[struct{ Tests []node }](t, bridge, "tests/flaky")
	assert.Equal(t, []node{{nodeID(6)}, {nodeID(0)}}, flaky.Tests, "they passed at the second attempt")
}

// read asks a bridge for a list.
func read[T any](t *testing.T, bridge *harness.Bridge, path string) (answer T) {
	t.Helper()
	response, err := http.Get(bridge.URL + "/api/v1/" + path)
	require.NoError(t, err)
	defer response.Body.Close()
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	return answer
}

// Nothing is silent for as long as --quiet-after. The end of the session makes the bridge judge the run.
func TestARunIsJudgedAtItsEnd(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--quiet-after", "1h"}})
	posts := newPoster(bridge.URL + "/p/shop")
	var last pluginRun
	var whole []string
	for i, partial := range []string{"null", "null", `"-x"`, "null"} {
		last = newPluginRun("passed", "failed", "passed")
		last.started = last.started.Add(time.Duration(i) * time.Minute)
		posts.mustPost(t, "/contexts/", last.contextJSON())
		posts.mustPost(t, "/sessions/", last.body(""))
		last.post(t, posts)
		posts.mustPost(t, "/sessions/", last.end(0, partial))
		if whole = append(whole, last.session); partial != "null" {
			whole = whole[:len(whole)-1]
			_, report := check(t, bridge, "--run", last.session)
			assert.Equal(t, "-x", report.Partial)
			answer := read[struct {
				Runs []struct{ Completion, Partial string }
			}](t, bridge, "runs/"+last.session)
			assert.Equal(t, []struct{ Completion, Partial string }{{"partial", "-x"}}, answer.Runs)
		}
	}
	require.Eventually(t, func() bool { return strings.Count(bridge.Log(), `"run is judged"`) == 4 }, time.Minute, 50*time.Millisecond)
	assert.Equal(t, 3, strings.Count(bridge.Log(), `"run is complete"`))
	assert.Contains(t, bridge.Log(), `"run is partial","reason":"-x"`)
	_, report := check(t, bridge, "--run", last.session)
	assert.Equal(t, whole[1], report.Previous, "a partial run is compared with nothing")
	assert.Contains(t, report.LeftOut, monitor.LeftOut{Reason: "failed, and failed tests are not measured", Runs: []string{}, Branches: []string{},
		Environments: []string{}, Tests: 1})
}
