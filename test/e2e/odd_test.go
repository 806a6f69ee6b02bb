package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// members is a JSON object. Its values are JSON texts.
type members map[string]string

// oddContext, oddSession and oddMetric return bodies as the plugin sends them.
func oddContext() members {
	return members{"h": `"c0ffee"`, "cpu_count": "8", "cpu_frequency": "2300.0", "cpu_type": `"x86_64"`, "cpu_vendor": `"Intel"`,
		"ram_total": "32100", "machine_node": `"ci-1"`, "machine_type": `"x86_64"`, "machine_arch": `"64bit"`,
		"system_info": `"Linux - 6.1.0"`, "python_info": `"3.11.7"`}
}

func oddSession() members {
	return members{"session_h": `"5e55"`, "run_date": `"2026-11-22T16:03:15.107220"`, "scm_ref": `"c0ffee"`, "description": `{"branch": "main"}`}
}

func oddMetric() members {
	return members{"session_h": `"5e55"`, "context_h": `"c0ffee"`, "item_start_time": `"2026-11-22T16:03:15.107220"`,
		"item_path": `"tests.test_odd"`, "item": `"test_odd"`, "item_variant": `"test_odd"`, "item_fs_loc": `"tests/test_odd.py"`,
		"kind": `"function"`, "component": `"odd"`, "total_time": "0.25", "user_time": "0.5", "kernel_time": "0.125",
		"cpu_usage": "2.5", "mem_usage": "1.5"}
}

// with returns the object with one value changed. The value "" removes the member.
func (m members) with(name, value string) members {
	changed := maps.Clone(m)
	if changed[name] = value; value == "" {
		delete(changed, name)
	}
	return changed
}

// body returns the object as JSON, with the members in the order of their names.
func (m members) body() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%q: %s", name, m[name]))
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// odd is an unusual request with its expected answer.
type odd struct {
	name   string
	r      request
	status int
	fields []string // names of fields in the answer, in alphabetical order
	says   string   // part of the answer's message
}

// wrong returns a POST that is refused because of its fields.
func wrong(name, path string, m members, fields ...string) odd {
	return odd{name: name, r: request{method: http.MethodPost, path: path, body: m.body()}, status: http.StatusBadRequest, fields: fields, says: "invalid "}
}

// fine returns a POST that is unusual and accepted.
func fine(name, path string, m members) odd {
	return odd{name: name, r: request{method: http.MethodPost, path: path, body: m.body()}, status: http.StatusCreated}
}

// notJSON returns a POST of a metric that is not a JSON object.
func notJSON(name, body, says string) odd {
	return odd{name: name, r: request{method: http.MethodPost, path: "/metrics/", body: body}, status: http.StatusBadRequest, says: says}
}

func oddBodies() []odd {
	const contexts, sessions, metrics = "/contexts/", "/sessions/", "/metrics/"
	cases := []odd{
		notJSON("empty", "", "not JSON"),
		notJSON("white space", " \r\n\t", "not JSON"),
		notJSON("a NUL", "\x00", "not JSON"),
		notJSON("a byte order mark", "\ufeff"+oddMetric().body(), "not JSON"),
		notJSON("half an object", oddMetric().body()[:100], "not JSON"),
		notJSON("two objects", oddMetric().body()+"{}", "not JSON"),
		notJSON("comma at the end", strings.Replace(oddMetric().body(), "}", ",}", 1), "not JSON"),
		notJSON("single quotes", strings.ReplaceAll(oddMetric().body(), `"`, `'`), "not JSON"),
		notJSON("a form", "item=test_a&total_time=1", "not JSON"),
		notJSON("XML", "<metric/>", "not JSON"),
		notJSON("invalid UTF-8", strings.Replace(oddMetric().body(), "test_odd", "\xff\xfe", 1), "UTF-8"),
		notJSON("unescaped newline", strings.Replace(oddMetric().body(), "test_odd", "a\nb", 1), "control character"),
		notJSON("unknown escape", strings.Replace(oddMetric().body(), "test_odd", `\x41`, 1), "escape"),
		notJSON("leading zero", oddMetric().with("total_time", "01").body(), "not JSON"),
		notJSON("hexadecimal", oddMetric().with("total_time", "0x10").body(), "not JSON"),
		notJSON("a plus sign", oddMetric().with("total_time", "+1").body(), "not JSON"),
		notJSON("a million brackets", strings.Repeat("[", 1_000_000), "nested"),
		notJSON("nested objects", oddMetric().with("extra", strings.Repeat(`{"a":`, 1000)+"1"+strings.Repeat("}", 1000)).body(), "nested"),
	}
	for kind, body := range map[string]string{"text": `"metric"`, "number": "1", "null": "null", "boolean": "true"} {
		cases = append(cases, odd{name: "a " + kind + " instead of an object", status: http.StatusBadRequest, fields: []string{""},
			r: request{method: http.MethodPost, path: metrics, body: body}, says: "invalid metric"})
	}
	cases = append(cases, odd{name: "a list in a list", status: http.StatusBadRequest, fields: []string{"[0]"},
		r: request{method: http.MethodPost, path: metrics, body: "[[]]"}, says: "1 of 1 rows are invalid"})
	for name := range oddMetric() {
		if name != "component" {
			cases = append(cases, wrong("metric without "+name, metrics, oddMetric().with(name, ""), name))
		}
	}
	for name := range oddSession() {
		cases = append(cases, wrong("session without "+name, sessions, oddSession().with(name, ""), name))
	}
	for name := range oddContext() {
		if name != "cpu_vendor" {
			cases = append(cases, wrong("context without "+name, contexts, oddContext().with(name, ""), name))
		}
	}
	return append(cases,
		wrong("nothing of a metric", metrics, members{}, slices.Sorted(maps.Keys(oddMetric().with("component", "")))...),
		wrong("wrong case", metrics, oddMetric().with("item", "").with("Item", `"test_odd"`), "item"),
		wrong("number for a text", metrics, oddMetric().with("item", "1"), "item"),
		wrong("object for a text", metrics, oddMetric().with("component", "{}"), "component"),
		wrong("null for a hash", metrics, oddMetric().with("session_h", "null"), "session_h"),
		wrong("text for a number", metrics, oddMetric().with("total_time", `"0.25"`), "total_time"),
		wrong("boolean for a number", metrics, oddMetric().with("cpu_usage", "true"), "cpu_usage"),
		wrong("null for a number", metrics, oddMetric().with("mem_usage", "null"), "mem_usage"),
		wrong("too large for a float", metrics, oddMetric().with("mem_usage", "1e400"), "mem_usage"),
		wrong("two wrong fields", metrics, oddMetric().with("kind", "[]").with("user_time", "{}"), "kind", "user_time"),
		wrong("no date", metrics, oddMetric().with("item_start_time", `"yesterday"`), "item_start_time"),
		wrong("empty date", metrics, oddMetric().with("item_start_time", `""`), "item_start_time"),
		wrong("seconds since 1970", metrics, oddMetric().with("item_start_time", `"1795363395.1"`), "item_start_time"),
		wrong("a day that does not exist", metrics, oddMetric().with("item_start_time", `"2026-02-30T12:00:00"`), "item_start_time"),
		wrong("an hour that does not exist", metrics, oddMetric().with("item_start_time", `"2026-02-01T24:00:00"`), "item_start_time"),
		wrong("before 1970", metrics, oddMetric().with("item_start_time", `"1969-12-31T23:59:59"`), "item_start_time"),
		wrong("after 2199", sessions, oddSession().with("run_date", `"2200-01-01T00:00:00"`), "run_date"),
		wrong("list as description", sessions, oddSession().with("description", "[]"), "description"),
		wrong("empty session hash", sessions, oddSession().with("session_h", `""`), "session_h"),
		wrong("empty context hash", contexts, oddContext().with("h", `""`), "h"),
		wrong("fraction of a processor", contexts, oddContext().with("cpu_count", "1.5"), "cpu_count"),
		wrong("more than 64 bits", contexts, oddContext().with("ram_total", "9223372036854775808"), "ram_total"),
		wrong("NaN for a whole number", contexts, oddContext().with("ram_total", "NaN"), "ram_total"),
	)
}

// oddAccepted returns requests that look unusual but are right. Each has a different metric.
func oddAccepted() []odd {
	const metrics = "/metrics/"
	named := func(name string) members {
		return oddMetric().with("item_variant", fmt.Sprintf("%q", "accepted "+name))
	}
	post := func(name, path, body string, header ...string) odd {
		return odd{name: name, r: request{method: http.MethodPost, path: path, body: body, header: header}, status: http.StatusCreated}
	}
	return []odd{
		fine("NaN", metrics, named("NaN").with("total_time", "NaN")),
		fine("Infinity", metrics, named("Infinity").with("cpu_usage", "Infinity")),
		fine("-Infinity", metrics, named("-Infinity").with("mem_usage", "-Infinity")),
		fine("all absent", metrics, named("all absent").with("total_time", "NaN").with("user_time", "NaN").with("kernel_time", "NaN").
			with("cpu_usage", "NaN").with("mem_usage", "NaN")),
		fine("no component", metrics, named("no component").with("component", "")),
		fine("null component", metrics, named("null component").with("component", "null")),
		fine("integers for floats", metrics, named("integers for floats").with("total_time", "1").with("mem_usage", "-0")),
		fine("unknown members", metrics, named("unknown members").with("test_passed", "true").with("x", `[{"y": null}]`)),
		fine("unknown kind", metrics, named("unknown kind").with("kind", `"class"`)),
		fine("zone in the date", metrics, named("zone in the date").with("item_start_time", `"2026-11-22T16:03:15+05:30"`)),
		post("repeated member", metrics, `{"item": 1, `+named("repeated member").body()[1:]),
		post("white space", metrics, " \r\n\t"+strings.ReplaceAll(named("white space").body(), ": ", "\n:\t")+"\n"),
		post("no slash", "/metrics", named("no slash").body()),
		post("two slashes", "//metrics//", named("two slashes").body()),
		post("a query", "/metrics/?a=b", named("a query").body()),
		post("no content type", metrics, named("no content type").body()),
		post("a charset", metrics, named("a charset").body(), "Content-Type", "application/json; charset=utf-8"),
	}
}

func oddRoutes() []odd {
	const metrics = "/metrics/"
	metric := oddMetric().body()
	cases := []odd{
		{name: "20 MB", r: request{method: http.MethodPost, path: metrics, body: strings.Repeat("x", 20<<20)}, status: 413, says: "larger than"},
		{name: "20 MB of JSON", r: request{method: http.MethodPost, path: "/sessions/", body: oddSession().with("description", `"`+strings.Repeat("x", 20<<20)+`"`).body()}, status: 413, says: "larger than"},
		{name: "said to be XML", r: request{method: http.MethodPost, path: metrics, body: metric, header: []string{"Content-Type", "text/xml"}}, status: 400, fields: []string{"Content-Type"}},
		{name: "said to be a form", r: request{method: http.MethodPost, path: metrics, body: metric, header: []string{"Content-Type", "application/x-www-form-urlencoded"}}, status: 400, fields: []string{"Content-Type"}},
		{name: "said to be compressed", r: request{method: http.MethodPost, path: metrics, body: metric, header: []string{"Content-Encoding", "gzip"}}, status: 415, fields: []string{"Content-Encoding"}},
		{name: "unknown hash", r: request{method: http.MethodGet, path: "/contexts/0000"}, status: 204},
		{name: "odd hash", r: request{method: http.MethodGet, path: "/sessions/%00%FF%2F..%25"}, status: 204},
		{name: "a hash of 8 KB", r: request{method: http.MethodGet, path: "/contexts/" + strings.Repeat("%25", 2700)}, status: 204},
		{name: "a client of 2020", r: request{method: http.MethodGet, path: "/contexts/?environ_hash=0000"}, status: 400, says: "1.3.0 or newer"},
	}
	for _, path := range []string{"/metric/", "/metrics/1", "/metrics/1/2", "/builds/", "/favicon.ico", "/..%2f..%2fetc/passwd", "/api/v2/metrics/", "/p/", "/p/a/b/metrics/"} {
		cases = append(cases, odd{name: "unknown route " + path, r: request{method: http.MethodPost, path: path, body: metric}, status: 404, says: "no such route"})
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, "PROPFIND", "post"} {
		cases = append(cases, odd{name: "wrong method " + method, r: request{method: method, path: metrics}, status: 405, says: "allowed are"})
	}
	return cases
}

// oddReads returns requests for routes that exist only below /api/v1.
func oddReads() []odd {
	return []odd{
		{name: "GET of metrics", r: request{method: http.MethodGet, path: "/metrics/"}, status: 405, says: "allowed are"},
		{name: "HEAD of metrics", r: request{method: http.MethodHead, path: "/metrics/"}, status: 405}, // without a body
		{name: "machines", r: request{method: http.MethodGet, path: "/machines/"}, status: 404, says: "no such route"},
	}
}

// oddProjects returns paths with names that no project can have. They are not below a base path.
func oddProjects() (cases []odd) {
	for _, project := range []string{"a%20b", "%2e%2e%2f", "caf%C3%A9", strings.Repeat("x", 65), "a%00b", "a+b"} {
		cases = append(cases, odd{name: "project " + project, status: 404, says: "no such project",
			r: request{method: http.MethodPost, path: "/p/" + project + "/metrics/", body: oddMetric().body()}})
	}
	return cases
}

// The test sends each odd request below each base path, and a good request after it. Refused requests store nothing.
func TestOddRequestsGetTheExactAnswer(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--client-timezone", "UTC"}})
	posts, process := newPoster(bridge.URL), newMachine()
	var good []harness.PymonMetric
	accepted, asked := 0, 0
	check := func(base string, c odd) {
		c.r.path = base + c.r.path
		assertOdd(t, bridge.URL, c)
		if asked++; c.status == http.StatusCreated {
			accepted++
		}
		m := process.metric(fmt.Sprintf("good %d", asked), time.Now())
		posts.mustPost(t, base+"/metrics/", metricJSON(m))
		good = append(good, m)
	}
	cases := slices.Concat(oddBodies(), oddAccepted(), oddRoutes())
	require.Greater(t, len(cases), 60)
	for _, base := range basePaths {
		for _, c := range cases {
			check(base, c)
		}
		if strings.HasSuffix(base, "/api/v1") {
			continue
		}
		for _, c := range oddReads() {
			check(base, c)
		}
	}
	for _, c := range oddProjects() {
		check("", c)
	}
	stored := harness.Stored(t, bridge.Data)
	var kept []harness.PymonMetric
	for _, m := range stored.Metrics {
		if strings.HasPrefix(m.ItemVariant, "good ") {
			kept = append(kept, m)
		}
	}
	assert.ElementsMatch(t, good, kept)
	// Two base paths belong to each project. The second request with a metric is a repeat.
	assert.Len(t, stored.Metrics, len(good)+accepted/2)
	assert.Empty(t, stored.Sessions)
	assert.Empty(t, stored.Contexts)
	assertNoFault(t, bridge)
}

// assertOdd sends a request and checks the answer.
func assertOdd(t *testing.T, url string, c odd) {
	t.Helper()
	answer := c.r.send(t, url)
	if !assert.Equal(t, c.status, answer.status, "%s: %s %.100s: %.300s", c.name, c.r.method, c.r.path, answer.body) || c.status < 400 {
		return
	}
	if c.r.method == http.MethodHead {
		assert.Empty(t, answer.body, c.name)
		return
	}
	assertRefusal(t, c, answer.body)
}

// assertRefusal asserts that an error answer is JSON that names the mistake and the wrong fields, and is short.
func assertRefusal(t *testing.T, c odd, body string) {
	t.Helper()
	var refusal struct {
		Message string
		Errors  map[string]string
	}
	if !assert.NoError(t, json.Unmarshal([]byte(body), &refusal), "%s: %q", c.name, body) {
		return
	}
	assert.NotEmpty(t, refusal.Message, c.name)
	assert.Contains(t, refusal.Message, c.says, c.name)
	assert.Equal(t, c.fields, slices.Sorted(maps.Keys(refusal.Errors)), c.name)
	for field, text := range refusal.Errors {
		assert.Contains(t, text, "expected ", "%s: %s", c.name, field)
	}
	assert.Less(t, len(body), 3000, c.name)
}

// assertNoFault asserts that the bridge had no fault of its own: no status 5xx, and no error in its log.
func assertNoFault(t *testing.T, bridge *harness.Bridge) {
	t.Helper()
	for series, n := range bridge.Metrics() {
		if strings.HasPrefix(series, "pymon_bridge_request_duration_seconds_count{") && strings.Contains(series, `status="5`) {
			assert.Zero(t, n, series)
		}
	}
	assert.NotContains(t, bridge.Log(), `"level":"ERROR"`)
}
