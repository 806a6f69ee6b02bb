package journal_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/journal"
	"pymon-bridge/monitor"
)

// proxied is an InfluxDB behind a proxy that answers some requests itself. It is the HTTP transport of a real writer.
type proxied struct {
	fails  func(request int) bool
	status int
	body   string

	mu       sync.Mutex
	requests int
	stored   map[string]bool // names of tests
}

const influxWords = `{"code":"unprocessable entity","message":"partial write: field type conflict dropped=1"}`

func (p *proxied) RoundTrip(req *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.requests++; p.fails(p.requests) {
		return response(p.status, p.body), nil
	}
	if req.Header.Get("Content-Encoding") != "gzip" {
		return response(http.StatusNoContent, ""), nil
	}
	zip, err := gzip.NewReader(req.Body)
	if err != nil {
		return nil, err
	}
	lines, err := io.ReadAll(zip)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(lines, []byte("test_bad")) {
		return response(http.StatusUnprocessableEntity, influxWords), nil
	}
	for line := range strings.Lines(string(lines)) {
		if _, name, ok := strings.Cut(line, "item=test_"); ok {
			p.stored[name[:strings.IndexAny(name, ", ")]] = true
		}
	}
	return response(http.StatusNoContent, ""), nil
}

func (p *proxied) has(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stored[name]
}

func (p *proxied) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.stored)
}

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// A proxy answers requests at random, or each n-th one, in words that are not InfluxDB's. Records arrive one by one and in
// a batch. All good ones arrive. Only the records that InfluxDB refuses are buried, and each is in the log.
func TestNoGoodRecordIsBuriedWhateverAProxyAnswers(t *testing.T) {
	every := func(n int) func(int) bool { return func(request int) bool { return request%n == 0 } }
	bodies := []string{"", "<html>no", `{"message":"no"}`}
	for i, fails := range []func(int) bool{every(2), every(3), every(10), func(int) bool { return rand.IntN(3) == 0 }} {
		for k, status := range []int{400, 401, 403, 404, 413, 422, 500, 502, 503} {
			body := bodies[(i+k)%len(bodies)] // so each status comes with each body
			t.Run(fmt.Sprintf("pattern %d, %d %s", i, status, body), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					behindProxy(t, &proxied{fails: fails, status: status, body: body, stored: map[string]bool{}})
				})
			})
		}
	}
}

func behindProxy(t *testing.T, p *proxied) {
	w, err := influx.Open(influx.Config{URL: "http://influx", Token: "secret", Org: "o", Transport: p}, discard())
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	j, log := newFakeJournal(), &log{}
	j.stored = func(seq uint64) bool { return p.has(strings.TrimPrefix(j.recs[seq-1].Metric.Item, "test_")) }
	c := journal.NewCourier(j, renamed{w}, j, j, log.logger())
	require.NoError(t, c.Open(t.Context()))
	n := 0
	add := func() {
		n++
		rec := metric1("p", "", "")
		rec.Metric.Item = fmt.Sprintf("test_%d", n)
		if n == 3 || n == 20 {
			rec.Metric.Item = "test_bad"
		}
		j.add(rec)
	}
	for range 6 {
		add()
		c.Wake()
		after(200 * time.Millisecond)
	}
	for range 24 {
		add()
	}
	for minutes := 0; minutes < 600 && p.count()+len(j.deadSeqs()) < n; minutes++ {
		after(time.Minute)
	}
	assert.Equal(t, 28, p.count())
	dead := j.deadSeqs()
	if p.status != http.StatusRequestEntityTooLarge { // else they may be set aside
		assert.Equal(t, []uint64{3, 20}, dead)
	}
	assert.Subset(t, []uint64{3, 20}, dead)
	assert.Equal(t, len(dead), strings.Count(log.String(), "it is a dead letter"))
	assert.Empty(t, j.wrong)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, c.Close(ctx))
}

// renamed gives a writer the name of the fake journal's destination.
type renamed struct{ monitor.Sink }

func (renamed) Destination() monitor.Destination { return dest }
