package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"

	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
	"pymon-bridge/test/harness"
)

// lost is a bridge that has delivered everything, and has stopped. Its file is kept, to compare it with the one that is made
// again.
type lost struct {
	influx       *harness.Influx
	bucket, meta string
	bridge       *harness.Bridge
	projects     []string
}

// lose makes a bridge with records of every kind: of real clients, with odd texts, of a run of several processes, of outcomes and
// ends, and a history that can be judged.
func lose(t *testing.T) *lost {
	t.Helper()
	l := &lost{influx: harness.SharedInflux(t), projects: []string{"shop", "odd", "plugin", "xdist"}}
	l.bridge, l.bucket, l.meta = startBridge(t, l.influx, harness.BridgeConfig{})
	for _, fixture := range harness.Fixtures(t) {
		if old(fixture) || !regexp.MustCompile("pymon-c-1.6.6|unescaped|kolkata|dup-|gitempty|opt-desctag-HEAD|vHEAD-all").MatchString(fixture.Name) {
			continue
		}
		project := strings.ReplaceAll(fixture.Name, "+", ".")
		fixture.Replay(t, l.bridge.URL+"/p/"+project)
		l.projects = append(l.projects, project)
	}
	assertOdd(t, l.bridge.URL+"/p/odd", fine("context", "/contexts/", oddContext()))
	assertOdd(t, l.bridge.URL+"/p/odd", fine("session", "/sessions/", oddSession()))
	for _, c := range oddAccepted() {
		assertOdd(t, l.bridge.URL+"/p/odd", c)
	}
	folder := filepath.Join(harness.Root(t), "plugin")
	harness.Pytest{Python: harness.Plugin92, Suite: filepath.Join(folder, "testdata", "sample"), Git: true,
		Args: []string{"-p", "pymon_bridge", "--remote-server", l.bridge.URL + "/p/plugin", "-n", "2"},
		Env:  []string{"PYTHONPATH=" + folder, "TZ=Asia/Kolkata", "WITNESS=" + filepath.Join(t.TempDir(), "said.json")}}.Run(t)
	harness.Pytest{Args: []string{"--remote-server", l.bridge.URL + "/p/xdist", "-n", "2", "--tag", "branch=main", "--tag", "machine=büro"}}.Run(t)
	for i := range 12 {
		postJob(t, newBulkPoster(l.bridge.URL+"/p/shop"), fmt.Sprintf("%040d", i), "tests", shopTests, map[string]float64{"test_pay": 0.1 + float64(i%3)/100})
	}
	l.bridge.WaitDelivered()
	l.bridge.Stop()
	return l
}

var shopTests = []string{"test_cart", "test_pay", "test_list", "test_ship"}

// env returns the variables that name the InfluxDB.
func (l *lost) env() []string {
	return []string{"INFLUX_URL=" + l.influx.URL, "INFLUX_ORG=" + l.influx.Org, "INFLUX_TOKEN=" + l.influx.Token,
		"INFLUX_BUCKET=" + l.bucket, "PYMON_META_BUCKET=" + l.meta}
}

// bringBack imports into a directory.
func (l *lost) bringBack(t *testing.T, data string, args ...string) harness.Result {
	t.Helper()
	return harness.RunProgram(t, l.env(), append([]string{"import", "--from-influx", "--data", data}, args...)...)
}

// serve serves a directory without an InfluxDB.
func serve(t *testing.T, data string) *harness.Bridge {
	t.Helper()
	return harness.StartBridge(t, harness.BridgeConfig{Data: data, Args: []string{"--page-size", "100000"}})
}

// answersOf returns what every list of a project says. Reports are not there to bring back.
func answersOf(t *testing.T, bridge *harness.Bridge, project string) map[string]string {
	t.Helper()
	base := "/p/" + project + "/api/v1"
	var doc struct {
		Paths map[string]map[string]any
	}
	readJSON(t, bridge.URL, base+"/openapi.json", &doc)
	answers := map[string]string{}
	for path, methods := range doc.Paths {
		if methods["get"] == nil || strings.Contains(path, "{") || strings.Contains(path, "regressions") || strings.Contains(path, "drift") || strings.Contains(path, "openapi") {
			continue
		}
		r := request{method: http.MethodGet, path: base + path}.send(t, bridge.URL)
		answers[path] = fmt.Sprint(r.status, " ", regexp.MustCompile(`"report":(null|\{[^{}]*\})`).ReplaceAllString(r.body, ""))
	}
	require.Greater(t, len(answers), 10)
	return answers
}

// TestAFileIsMadeAgainFromInfluxDB throws away the file of a bridge that has delivered everything.
func TestAFileIsMadeAgainFromInfluxDB(t *testing.T) {
	t.Parallel()
	l := lose(t)
	before := serve(t, l.bridge.Data)
	t.Run("with the same answers", func(t *testing.T) { l.assertSameAnswers(t, before) })
	t.Run("which is delivered to other places only", func(t *testing.T) { l.assertDeliveredElsewhere(t) })
}

// assertSameAnswers holds that the file that comes back gives the same answers, and that the next run is judged as the lost
// file would have judged it.
func (l *lost) assertSameAnswers(t *testing.T, before *harness.Bridge) {
	data := filepath.Join(t.TempDir(), "again")
	r := l.bringBack(t, data)
	require.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Regexp(t, `(?m)^http://\S+ org=.*: new: \d+ contexts, \d+ sessions, [\d,]+ metrics, \d+ outcomes. There already: no records\.$`, r.Stdout)
	assert.Contains(t, r.Stdout, "The file has no tokens, since they are not in InfluxDB.")

	after := serve(t, data)
	for _, project := range l.projects {
		want, got := answersOf(t, before, project), answersOf(t, after, project)
		for path := range want {
			assert.Equal(t, want[path], got[path], "%s of %s", path, project)
		}
	}
	assert.Equal(t, viewed(t, l.bridge.Data), viewed(t, data))

	commit := fmt.Sprintf("%040d", 12)
	var reports []string
	for _, bridge := range []*harness.Bridge{before, after} {
		postJob(t, newBulkPoster(bridge.URL+"/p/shop"), commit, "tests", shopTests, map[string]float64{"test_pay": 0.3})
		r := harness.RunProgram(t, nil, "check", "--url", bridge.URL+"/p/shop", "--format", "json")
		reports = append(reports, comparable(t, r.Stdout))
	}
	assert.Contains(t, reports[0], `"suspect"`)
	assert.Equal(t, reports[0], reports[1])
	assert.NotContains(t, after.Log(), "run is judged", "the runs that came back")
}

// viewed returns the rows of the views of a file, sorted.
func viewed(t *testing.T, data string) (rows []string) {
	stored := harness.Stored(t, data)
	for _, m := range stored.Metrics {
		rows = append(rows, fmt.Sprintf("%#v", m))
	}
	for _, s := range stored.Sessions {
		rows = append(rows, fmt.Sprintf("%#v", s))
	}
	for _, c := range stored.Contexts {
		rows = append(rows, fmt.Sprintf("%#v", c))
	}
	slices.Sort(rows)
	return rows
}

// assertDeliveredElsewhere holds that nothing goes to the InfluxDB that the file came from, and everything to another one.
func (l *lost) assertDeliveredElsewhere(t *testing.T) {
	data := filepath.Join(t.TempDir(), "again")
	r := l.bringBack(t, data, "--json")
	require.Equal(t, 0, r.ExitCode, r.Stderr)
	var result struct {
		New, Repeats, Skipped map[string]int
	}
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &result), r.Stdout)
	assert.Empty(t, result.Repeats)
	assert.NotNil(t, result.Skipped)
	want := map[string]int{"context": len(l.influx.Points(l.meta, "contexts")), "session": len(l.influx.Points(l.meta, "sessions")),
		"metric": len(l.influx.Points(l.bucket, "test_metrics")), "outcome": len(l.influx.Points(l.bucket, "test_outcomes"))}
	assert.Equal(t, want, result.New)

	same := harness.StartBridge(t, harness.BridgeConfig{Data: data, Influx: l.influx, Bucket: l.bucket, MetaBucket: l.meta})
	same.WaitReady()
	same.WaitDelivered()
	sent, _ := same.Metrics().Sum("pymon_bridge_delivered_total")
	assert.Zero(t, sent)
	same.Stop()

	bucket, meta := harness.Unique("pytest"), harness.Unique("meta")
	other := harness.StartBridge(t, harness.BridgeConfig{Data: data, Influx: l.influx, Bucket: bucket, MetaBucket: meta})
	other.WaitReady()
	other.WaitDelivered()
	for measurement, from := range map[string][2]string{"contexts": {l.meta, meta}, "sessions": {l.meta, meta},
		"test_metrics": {l.bucket, bucket}, "test_outcomes": {l.bucket, bucket}} {
		assert.ElementsMatch(t, l.influx.Points(from[0], measurement), l.influx.Points(from[1], measurement), measurement)
	}
}

// comparable leaves out of a report what differs between two runs of the same tests at different times.
func comparable(t *testing.T, report string) string {
	t.Helper()
	report = regexp.MustCompile(`session-[0-9a-f]{12}`).ReplaceAllString(report, "session")
	var content any
	require.NoError(t, json.Unmarshal([]byte(report), &content), report)
	text, err := json.MarshalIndent(content, "", " ")
	require.NoError(t, err)
	return regexp.MustCompile(`"(started|judged|page)": "[^"]*"`).ReplaceAllString(string(text), `"$1"`)
}

// TestOneProjectComesBack brings back one project, into a file that has records already.
func TestOneProjectComesBack(t *testing.T) {
	t.Parallel()
	l := &lost{influx: harness.SharedInflux(t)}
	l.bridge, l.bucket, l.meta = startBridge(t, l.influx, harness.BridgeConfig{})
	p := newBulkPoster(l.bridge.URL + "/p/bank")
	postJob(t, p, "c0ffee", "tests", shopTests, nil)
	p.Base = l.bridge.URL + "/p/shop"
	m := newMachine()
	m.context = "c0ffee" // the plugin does not post it, since the bridge knows it from the other project
	p.mustPost(t, "/sessions/", m.sessionJSON())
	for _, row := range m.metrics("test_cart", m.started, 10) {
		p.mustPost(t, "/metrics/", metricJSON(row))
	}
	l.bridge.WaitDelivered()
	l.bridge.Stop()

	data := filepath.Join(t.TempDir(), "again")
	r := l.bringBack(t, data, "--project", "shop")
	require.Equal(t, 0, r.ExitCode, r.Stderr)
	r = l.bringBack(t, data, "--project", "shop")
	require.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stdout, ": new: no records. There already: 1 session, 10 metrics.\n")
	r = l.bringBack(t, data, "--project", "nothing", "--project", "nobody")
	assert.Equal(t, 1, r.ExitCode, "nothing came back")
	assert.Contains(t, r.Stderr, fmt.Sprintf("buckets %q and %q in organisation %q have nothing of nothing, nobody: expected", l.bucket, l.meta, l.influx.Org))
	both := filepath.Join(t.TempDir(), "both")
	r = l.bringBack(t, both, "--project", "bank", "--project", "shop", "--project", "shpo")
	assert.Equal(t, 1, r.ExitCode, "one name is wrong")
	assert.Contains(t, r.Stderr, "have nothing of shpo: expected")
	assert.Contains(t, r.Stdout, "Project bank: new: 1 context, 1 session, 4 metrics. There already: no records.\n")
	assert.Contains(t, r.Stdout, "Project shop: new: 1 session, 10 metrics. There already: no records.\n")
	before, after := serve(t, l.bridge.Data), serve(t, data)
	assert.Equal(t, answersOf(t, before, "shop"), answersOf(t, after, "shop"))
	bank := answersOf(t, after, "bank")
	assert.Contains(t, bank["/contexts/"], "c0ffee", "the machine of the other project measured this one too")
	assert.Contains(t, bank["/sessions/"], "204")
	assert.Contains(t, bank["/metrics/"], "204")
}

// TestPointsOfOthersAreCounted has points in the buckets that no bridge wrote, and points that a bridge delivered before it knew
// their context or session.
func TestPointsOfOthersAreCounted(t *testing.T) {
	t.Parallel()
	l := &lost{influx: harness.SharedInflux(t)}
	l.bridge, l.bucket, l.meta = startBridge(t, l.influx, harness.BridgeConfig{})
	p := newBulkPoster(l.bridge.URL + "/p/shop")
	postJob(t, p, "c0ffee", "tests", shopTests, nil)
	l.bridge.WaitDelivered()
	l.bridge.Stop()
	now := time.Now().UnixNano()
	l.influx.Write(l.bucket, fmt.Sprintf("test_metrics,item_path=x,project=shop total_time=1 %d\ntest_metrics,item_path=x,env=e total_time=1 %[1]d\n"+
		"test_metrics,item_path=x,env=e,project=shop total_time=1,item_start_time=\"noon\" %[1]d\ntest_outcomes,item_path=x,env=e,project=shop item_start_time=\"2026-11-22\" %[1]d\n"+
		"test_metrics,item_path=x,env=unknown,project=shop total_time=1,item_start_time=\"2026-11-22T00:00:00Z\",session_h=\"nobody\",context_h=\"nothing\",run=\"nobody\" %[1]d", now))
	l.influx.Write(l.bucket, fmt.Sprintf("test_metrics,item_path=x,env=unknown,project=shop total_time=2,item_start_time=\"2026-11-22T00:00:00Z\",session_h=%q,"+
		"context_h=\"c0ffee\",run=\"r\" %d", harness.Unique("late"), now+1))
	l.influx.Write(l.meta, fmt.Sprintf("sessions,project=shop,prefix=ab session_h=\"ab\" %d", now))

	data := filepath.Join(t.TempDir(), "again")
	r := l.bringBack(t, data)
	assert.Equal(t, 1, r.ExitCode, r.Stderr)
	for _, says := range []string{
		": new: 1 context, 1 session, 6 metrics. There already: no records.\n", "Skipped 1: invalid metric: env: expected a non-empty text\n", "Skipped 1: invalid metric: expected a project\n",
		"Skipped 1: invalid metric: item_start_time: expected an ISO 8601 date such as 2026-01-31T12:00:00.123456\n",
		"Skipped 1: invalid outcome: nodeid: expected a non-empty text\n", "Skipped 1: invalid session: run: expected a non-empty text\n",
	} {
		assert.Contains(t, r.Stdout, says)
	}
	db := sqlite.New(filepath.Join(data, sqlite.FileName), monitor.Zones{Server: time.UTC}, slog.New(slog.DiscardHandler))
	require.NoError(t, db.OpenShared(t.Context()))
	defer func() { assert.NoError(t, db.Close()) }()
	all, err := db.Next(t.Context(), "another", 0, 100)
	require.NoError(t, err)
	pinned := map[string]monitor.Origin{} // each delivery has to use it
	for _, p := range all {
		if p.Pinned != nil {
			pinned[p.Metric.ContextH] = *p.Pinned
		}
	}
	assert.Equal(t, map[string]monitor.Origin{"nothing": {Env: "unknown", Run: "nobody"}, "c0ffee": {Env: "unknown", Run: "r"}}, pinned)
}

// TestSessionsWithoutMeasurementsAreNoticed has a bucket of which the measurements are gone.
func TestSessionsWithoutMeasurementsAreNoticed(t *testing.T) {
	t.Parallel()
	l := &lost{influx: harness.SharedInflux(t)}
	l.bridge, l.bucket, l.meta = startBridge(t, l.influx, harness.BridgeConfig{})
	postJob(t, newBulkPoster(l.bridge.URL+"/p/shop"), "c0ffee", "tests", shopTests, nil)
	l.bridge.WaitDelivered()
	l.bridge.Stop()
	l.influx.DeleteBucket(l.bucket)
	l.influx.AddBucket(l.bucket, 0)
	r := l.bringBack(t, filepath.Join(t.TempDir(), "again"))
	assert.Equal(t, 1, r.ExitCode)
	assert.Contains(t, r.Stdout, ": new: 1 context, 1 session.")
	assert.Contains(t, r.Stderr, "has 1 sessions, but bucket \""+l.bucket+"\" answers nothing that they measured")
}

// TestAnImportNamesWhatItLacks holds the errors of wrong commands and of tokens that may do too little.
func TestAnImportNamesWhatItLacks(t *testing.T) {
	t.Parallel()
	l := &lost{influx: harness.SharedInflux(t), bucket: harness.Unique("pytest"), meta: harness.Unique("meta")}
	data := filepath.Join(t.TempDir(), "again")
	r := l.bringBack(t, data, "--influx-token", l.influx.NewToken(l.influx.OnAll("write", "buckets")))
	assert.Equal(t, 1, r.ExitCode)
	assert.Contains(t, r.Stderr, fmt.Sprintf("the token may not read bucket %q in organisation %q", l.meta, l.influx.Org))
	assert.Contains(t, r.Stderr, "give it read access to both buckets, as the token of `pymon-bridge influx setup` has")

	for says, args := range map[string][]string{
		"--from-influx: expected neither --to nor --dry-run beside it":             {"--dry-run"},
		"--until: expected a time after --since":                                   {"--since", "7d", "--until", "2020-01-01"},
		"expected a time such as 2026-01-31T12:00:00Z, a date, or how long ago":    {"--since", "yesterday"},
		"--project: expected up to 64 letters, digits, dots, underscores and hyph": {"--project", "shop", "--project", "a b"},
		"--from-influx: expected no files beside it":                               {"old.pymon"},
	} {
		r := l.bringBack(t, data, args...)
		assert.Equal(t, 2, r.ExitCode, says)
		assert.Contains(t, r.Stderr, says)
	}
	l.influx.AddBucket(l.bucket, 0)
	l.influx.AddBucket(l.meta, 0)
	r = l.bringBack(t, data, "--since", "7d")
	assert.Equal(t, 1, r.ExitCode, "nothing came back")
	assert.Contains(t, r.Stderr, fmt.Sprintf("buckets %q and %q in organisation %q have nothing since 7d", l.bucket, l.meta, l.influx.Org))
	served := harness.StartBridge(t, harness.BridgeConfig{})
	r = l.bringBack(t, served.Data)
	assert.Equal(t, 1, r.ExitCode)
	assert.Contains(t, r.Stderr, "is in use by another pymon-bridge (process ")
}

// TestAnImportThatIsKilledGoesOn kills imports at several moments. The last one completes the file, and does not begin again.
func TestAnImportThatIsKilledGoesOn(t *testing.T) {
	t.Parallel()
	l := &lost{influx: harness.SharedInflux(t)}
	l.bridge, l.bucket, l.meta = startBridge(t, l.influx, harness.BridgeConfig{})
	p, m := newBulkPoster(l.bridge.URL+"/p/shop"), newMachine()
	m.enrol(t, p)
	for week := range 6 {
		for _, row := range m.metrics("test_cart", m.started.AddDate(0, 0, -7*week), 10) {
			row.ItemStartTime += "Z" // so that it is taken as sent
			p.mustPost(t, "/metrics/", metricJSON(row))
		}
	}
	l.bridge.WaitDelivered()
	l.bridge.Stop()

	var stop atomic.Pointer[chan struct{}]
	var queries, killAt atomic.Int64
	target, err := url.Parse(l.influx.URL)
	require.NoError(t, err)
	forward := httputil.NewSingleHostReverseProxy(target)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if queries.Add(1) == killAt.Load() {
			_, _ = io.Copy(io.Discard, r.Body) // else the end of the client is not noticed
			close(*stop.Load())
			<-r.Context().Done()
			return
		}
		forward.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	run := func(data string, kill int64) (said string, asked int64) {
		queries.Store(0)
		killAt.Store(kill)
		noticed := make(chan struct{})
		stop.Store(&noticed)
		cmd := exec.Command(harness.Program(t), "import", "--from-influx", "--data", data)
		cmd.Env = append(append(os.Environ(), l.env()...), "INFLUX_URL="+proxy.URL)
		process := harness.StartProcess(t, cmd)
		if kill > 0 {
			<-noticed
			process.Kill()
			return "", queries.Load()
		}
		assert.Equal(t, 0, process.Wait().ExitCode(), process.Output())
		return process.Output(), queries.Load()
	}
	span := filepath.Join(t.TempDir(), "span")
	r := l.bringBack(t, span, "--since", "20d", "--until", "10d")
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stdout, ": new: 1 context, 1 session, 10 metrics.", "a session too that is not of this time")

	_, whole := run(filepath.Join(t.TempDir(), "whole"), 0)
	data := filepath.Join(t.TempDir(), "again")
	run(data, whole/4)
	run(data, whole-8) // goes on where the other was, and comes to the last weeks
	said, asked := run(data, 0)
	assert.Contains(t, said, "An import was interrupted. This one goes on with the metrics from 20")
	assert.Less(t, asked, whole*3/4)
	before, after := serve(t, l.bridge.Data), serve(t, data)
	assert.Equal(t, answersOf(t, before, "shop"), answersOf(t, after, "shop"))
}
