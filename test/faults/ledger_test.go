package faults_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// clients is how many clients post at the same time.
const clients = 8

// ledger knows what became of the metrics that clients posted.
type ledger struct {
	mu       sync.Mutex
	accepted map[harness.PymonMetric]bool // answered with 201
	open     map[harness.PymonMetric]bool // not accepted: the bridge may have kept them or not
	cut      int                          // attempts that reached a bridge and got no answer
	since    time.Time                    // of the first attempt in a row that was not accepted; zero after one that was
	longest  time.Duration                // that no attempt was accepted
}

func newLedger() *ledger {
	return &ledger{accepted: map[harness.PymonMetric]bool{}, open: map[harness.PymonMetric]bool{}}
}

// note writes down the status of an attempt.
func (l *ledger) note(m harness.PymonMetric, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if status == 0 {
		l.cut++
	}
	switch status {
	case http.StatusCreated:
		l.accepted[m] = true
		delete(l.open, m)
		if !l.since.IsZero() {
			l.longest, l.since = max(l.longest, time.Since(l.since)), time.Time{}
		}
	default:
		if l.open[m] = true; l.since.IsZero() {
			l.since = time.Now()
		}
	}
}

// copied returns the accepted metrics so far.
func (l *ledger) copied() map[harness.PymonMetric]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.accepted)
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

// poster posts to a bridge like the plugin.
type poster struct {
	*harness.Poster
	t *testing.T
}

func newPoster(t *testing.T, base, token string) *poster {
	p := &poster{harness.NewPoster(base), t}
	p.Client.Timeout = time.Minute
	if token != "" {
		p.Header.Set("Authorization", "Bearer "+token)
	}
	return p
}

// refused is instead of a status where no bridge listens.
const refused = -1

// post returns the status of the answer, 0 for none.
func (p *poster) post(path, body string) int { return p.send(http.MethodPost, path, body) }

func (p *poster) send(method, path, body string) int {
	reply, err := p.Send(method, path, body)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return refused
	}
	return reply.Status // also of an answer that was cut off
}

// insist posts until the answer is 201.
func (p *poster) insist(path, body string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return p.post(path, body) == http.StatusCreated }, 2*time.Minute, 10*time.Millisecond, path)
}

// pytest is a run that posts metrics from several clients until it is stopped.
type pytest struct {
	posts            *poster
	ledger           *ledger
	session, context string
	started          time.Time
	stopped          chan struct{}
	busy             sync.WaitGroup
}

// startPytest enrols a new session that starts at a time, and begins to post.
func startPytest(t *testing.T, l *ledger, posts *poster, started time.Time) *pytest {
	t.Helper()
	p := &pytest{posts: posts, ledger: l, session: harness.Unique("session"), context: harness.Unique("context"),
		started: started, stopped: make(chan struct{})}
	p.posts.insist("/contexts/", harness.ContextJSON(p.context))
	p.posts.insist("/sessions/", harness.SessionJSON(p.session, started))
	for n := range clients {
		p.busy.Go(func() { p.client(fmt.Sprintf("test_cart[%d]", n)) })
	}
	return p
}

// client posts one metric after the other. It repeats every second one until it is accepted.
func (p *pytest) client(variant string) {
	for n := 0; !p.ended(); n++ {
		m := harness.NewMetric(p.session, p.context, variant, p.started.Add(time.Duration(n)*time.Microsecond))
		for {
			status := p.posts.post("/metrics/", harness.MetricJSON(m))
			p.ledger.note(m, status)
			if status == http.StatusCreated || n%2 == 1 || p.ended() {
				break
			}
			time.Sleep(time.Duration(5+rand.IntN(10)) * time.Millisecond)
		}
		time.Sleep(20 * time.Millisecond) // leaves the processor to other tests
	}
}

func (p *pytest) ended() bool {
	select {
	case <-p.stopped:
		return true
	default:
		return false
	}
}

// stop ends the run.
func (p *pytest) stop() {
	close(p.stopped)
	p.busy.Wait()
}

// accepts waits until so many more metrics are accepted.
func (l *ledger) accepts(t *testing.T, more int) {
	t.Helper()
	until := l.count() + more
	require.Eventually(t, func() bool { return l.count() >= until }, 2*time.Minute, 5*time.Millisecond, "nothing more is accepted")
}

// tally is a row of the table.
type tally struct {
	rounds, accepted, delivered, dead, lost, doubled int
	longest                                          time.Duration
}

// add adds the numbers of another tally of the same row.
func (a *tally) add(b tally) {
	a.rounds, a.accepted, a.delivered, a.dead = a.rounds+b.rounds, a.accepted+b.accepted, a.delivered+b.delivered, a.dead+b.dead
	a.lost, a.doubled, a.longest = a.lost+b.lost, a.doubled+b.doubled, max(a.longest, b.longest)
}

// compare compares what is stored somewhere with what was accepted. It names what is lost, doubled, or was never posted.
func (l *ledger) compare(t *testing.T, where string, accepted map[harness.PymonMetric]bool, stored map[harness.PymonMetric]int) (lost, doubled int) {
	t.Helper()
	name := func(what string, m harness.PymonMetric, n *int) {
		if *n++; *n <= 3 {
			t.Errorf("%s %s: %s of session %s at %s", what, where, m.ItemVariant, m.SessionH, m.ItemStartTime)
		}
	}
	for m := range accepted {
		if stored[m] == 0 {
			name("lost", m, &lost)
		}
	}
	foreign := 0
	for m, n := range stored {
		if n > 1 {
			name("doubled", m, &doubled)
		}
		if !l.accepted[m] && !l.open[m] {
			foreign++
		}
	}
	assert.Zero(t, foreign, "metrics in %s that nobody posted", where)
	return lost, doubled
}

// inFile counts the metrics of a data directory.
func inFile(t *testing.T, data string) map[harness.PymonMetric]int {
	t.Helper()
	stored := map[harness.PymonMetric]int{}
	for _, m := range harness.Stored(t, data).Metrics {
		stored[m]++
	}
	return stored
}

// inInflux counts the points of a bucket. No text of these metrics needs the encoding of the data model.
func inInflux(t *testing.T, influx *harness.Influx, bucket string) map[harness.PymonMetric]int {
	t.Helper()
	stored := map[harness.PymonMetric]int{}
	for _, row := range influx.Points(bucket, "test_metrics") {
		text := func(name string) string { return column[string](t, row, name) }
		number := func(name string) float64 { return column[float64](t, row, name) }
		stored[harness.PymonMetric{
			SessionH: text("session_h"), ContextH: text("context_h"), ItemStartTime: text("item_start_time"),
			ItemPath: text("item_path"), Item: text("item"), ItemVariant: text("item_variant"), ItemFSLoc: text("item_fs_loc"),
			Kind: text("kind"), Component: text("component"), TotalTime: number("total_time"), UserTime: number("user_time"),
			KernelTime: number("kernel_time"), CPUUsage: number("cpu_usage"), MemUsage: number("mem_usage"),
		}]++
	}
	return stored
}

func column[T any](t *testing.T, row harness.Row, name string) T {
	t.Helper()
	value, ok := row[name].(T)
	require.True(t, ok, "a point without %s: %v", name, row)
	return value
}
