package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/test/harness"
)

// raw is a request that no HTTP library can send.
type raw struct {
	name     string
	text     string
	statuses []int // statuses of all answers, until the bridge closes the connection
}

// rawRequests returns requests with one metric below one base path. A good request has the status 201.
func rawRequests(base, metric string) []raw {
	post := "POST " + base + "/metrics/ HTTP/1.1\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(metric))
	whole := post + "Host: localhost\r\n" + length + "\r\n" + metric
	chunked := func(chunks string) string {
		return post + "Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
	}
	return []raw{
		{"nothing", "", nil},
		{"line ends", "\r\n\r\n", []int{400}},
		{"no HTTP", "hello\r\n\r\n", []int{400}},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 100) + "\r\n\r\n", []int{400}},
		{"another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{404}},
		{"a version that does not exist", strings.Replace(whole, "HTTP/1.1", "HTTP/9.9", 1), []int{505}},
		{"no version", "GET /-/healthy\r\n\r\n", []int{400}},
		{"no host", post + length + "\r\n" + metric, []int{400}},
		{"two hosts", post + "Host: x\r\nHost: y\r\n" + length + "\r\n" + metric, []int{400}},
		{"header without a colon", post + "Host: localhost\r\nbroken\r\n\r\n", []int{400}},
		{"NUL in a header", post + "Host: localhost\r\nX: a\x00b\r\n" + length + "\r\n" + metric, []int{400}},
		{"space in a header's name", post + "Host: localhost\r\nContent Length: 5\r\n\r\n", []int{400}},
		{"headers of 1 MB", post + "Host: localhost\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", []int{431}},
		{"a path of 1 MB", "GET /contexts/" + strings.Repeat("x", 1<<20) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", []int{431}},
		{"negative length", post + "Host: localhost\r\nContent-Length: -1\r\n\r\n" + metric, []int{400}},
		{"length that is no number", post + "Host: localhost\r\nContent-Length: ten\r\n\r\n" + metric, []int{400}},
		{"two lengths", post + "Host: localhost\r\nContent-Length: 5\r\n" + length + "\r\n" + metric, []int{400}},
		{"body shorter than its length", whole[:len(whole)-10], []int{400}},
		{"no body", post + "Host: localhost\r\n" + length + "\r\n", []int{400}},
		{"length above all", post + "Host: localhost\r\nContent-Length: 9223372036854775807\r\n\r\n" + metric, []int{413}},
		{"a space before a colon", post + "Host: localhost\r\nContent-Length : 5\r\n\r\n", []int{400}},
		{"two transfer encodings", post + "Host: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", []int{501}},
		{"chunked, and something else", post + "Host: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", []int{501}},
		{"a size of 20 digits", chunked(strings.Repeat("f", 20) + "\r\n" + metric), []int{400}},
		{"a length and chunks", post + "Host: localhost\r\n" + length + "Transfer-Encoding: chunked\r\n\r\n" +
			fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(metric), metric) + whole, []int{201, 201}},
		{"unknown transfer encoding", post + "Host: localhost\r\nTransfer-Encoding: gzip\r\n\r\n" + metric, []int{501}},
		{"broken chunks", chunked("zz\r\n" + metric), []int{400}},
		{"chunks without an end", chunked(fmt.Sprintf("%x\r\n%s\r\n", len(metric), metric)), []int{400}},
		{"bad percent sign in the path", "POST " + base + "/metrics/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", []int{400}},
		{"unknown expectation", post + "Host: localhost\r\nExpect: wonders\r\n" + length + "\r\n" + metric, []int{417}},
		{"in chunks", chunked(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(metric), metric)), []int{201}},
		{"whole address in the first line", strings.Replace(whole, "POST ", "POST http://localhost", 1), []int{201}},
		{"HTTP/1.0", strings.Replace(whole, "HTTP/1.1", "HTTP/1.0", 1), []int{201}},
		{"after an expected 100", post + "Host: localhost\r\nExpect: 100-continue\r\n" + length + "\r\n" + metric, []int{201}},
		{"two requests at once", whole + whole, []int{201, 201}},
		{"a good one, then none", whole + "POST", []int{201, 400}},
		{"line feeds only", strings.ReplaceAll(whole, "\r\n", "\n"), []int{201}},
	}
}

// The test sends bytes that no HTTP library would send, and a good request after each.
func TestRawRequestsGetTheExpectedStatus(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--client-timezone", "UTC"}})
	posts, process := newPoster(bridge.URL), newMachine()
	var want []harness.PymonMetric
	for _, base := range basePaths {
		metric := process.metric("raw "+base, time.Now())
		want = append(want, metric) // stored once, although several requests have it
		for n, c := range rawRequests(base, metricJSON(metric)) {
			var got []int
			for _, answer := range sendRaw(t, bridge.URL, c.text) {
				got = append(got, answer.status)
				if answer.status >= http.StatusBadRequest && answer.status != http.StatusExpectationFailed {
					assert.NotEmpty(t, answer.body, c.name)
				}
			}
			assert.Equal(t, c.statuses, got, "%s: %.200q", c.name, c.text)
			good := process.metric(fmt.Sprintf("good %s %d", base, n), time.Now())
			posts.mustPost(t, base+"/metrics/", metricJSON(good))
			want = append(want, good)
		}
	}
	assert.ElementsMatch(t, want, harness.Stored(t, bridge.Data).Metrics)
	assertNoFault(t, bridge)
}
