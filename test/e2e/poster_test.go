package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// writers is the number of clients that post at the same time.
const writers = 16

// poster posts records like the plugin.
type poster struct{ *harness.Poster }

func newPoster(base string) *poster { return &poster{harness.NewPoster(base)} }

// newBulkPoster returns a poster that keeps its connections. It is faster, for records that only prepare a test.
func newBulkPoster(base string) *poster {
	p := newPoster(base)
	p.Client.Transport = &http.Transport{MaxIdleConnsPerHost: writers}
	return p
}

// reply is the answer to a record. err says why there is no answer.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

// try posts one record.
func (p *poster) try(path, body string) reply {
	r, err := p.Send(http.MethodPost, path, body)
	if err != nil {
		return reply{err: err}
	}
	return reply{r.Status, r.Header, r.Body, nil}
}

// mustPost asserts that the record is accepted.
func (p *poster) mustPost(t *testing.T, path, body string) {
	t.Helper()
	p.MustPost(t, path, body)
}

// postAll posts metrics from several clients. It returns the answers with another status than the given one.
func (p *poster) postAll(metrics []harness.PymonMetric, status int) (others []string) {
	queue := make(chan harness.PymonMetric)
	var mu sync.Mutex
	var busy sync.WaitGroup
	for range writers {
		busy.Go(func() {
			for m := range queue {
				if r := p.try("/metrics/", metricJSON(m)); r.status != status {
					mu.Lock()
					others = append(others, fmt.Sprintf("%d %.300s %v", r.status, r.body, r.err))
					mu.Unlock()
				}
			}
		})
	}
	for _, m := range metrics {
		queue <- m
	}
	close(queue)
	busy.Wait()
	return others
}

// mustPostAll posts metrics from several clients and asserts that each is accepted.
func (p *poster) mustPostAll(t *testing.T, metrics []harness.PymonMetric) {
	t.Helper()
	others := p.postAll(metrics, http.StatusCreated)
	require.Empty(t, others[:min(3, len(others))], "%d of %d records were not accepted", len(others), len(metrics))
}

// machine is one pytest process on one machine.
type machine struct {
	context, session string // hashes
	started          time.Time
}

// newMachine returns a process that starts now. Its clock shows UTC.
func newMachine() machine {
	return machine{context: harness.Unique("context"), session: harness.Unique("session"), started: time.Now().UTC()}
}

func (m machine) contextJSON() string { return harness.ContextJSON(m.context) }

func (m machine) sessionJSON() string { return harness.SessionJSON(m.session, m.started) }

// endJSON is the session with its end.
func (m machine) endJSON() string {
	return strings.TrimSuffix(m.sessionJSON(), "}") + `, "exit_status": 0, "collected": 0, "deselected": 0, "partial": null}`
}

// enrol posts the context and the session.
func (m machine) enrol(t *testing.T, p *poster) {
	t.Helper()
	p.mustPost(t, "/contexts/", m.contextJSON())
	p.mustPost(t, "/sessions/", m.sessionJSON())
}

// metric returns a measurement of a test that started at the given time. Its floats are random, so no other metric equals
// it.
func (m machine) metric(variant string, start time.Time) harness.PymonMetric {
	return harness.NewMetric(m.session, m.context, variant, start)
}

// metrics returns n measurements of a test. Each starts a microsecond after the one before.
func (m machine) metrics(variant string, start time.Time, n int) []harness.PymonMetric {
	all := make([]harness.PymonMetric, n)
	for i := range all {
		all[i] = m.metric(variant, start.Add(time.Duration(i)*time.Microsecond))
	}
	return all
}

func metricJSON(m harness.PymonMetric) string { return harness.MetricJSON(m) }

// count returns the number of points of each metric.
func count(stored []point) map[harness.PymonMetric]int {
	n := map[harness.PymonMetric]int{}
	for _, p := range stored {
		n[p.metric()]++
	}
	return n
}

// once returns the result of count when each of the metrics is exactly one point.
func once(metrics []harness.PymonMetric) map[harness.PymonMetric]int {
	n := make(map[harness.PymonMetric]int, len(metrics))
	for _, m := range metrics {
		n[m] = 1
	}
	return n
}
