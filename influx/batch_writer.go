package influx

import (
	"context"
	"iter"
	"net/http"
	"sync"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"

	"pymon-bridge/monitor"
)

const (
	// maxBatch is how many points are handed to the client before a flush. The client's own batch size is above it, so
	// that each flush is one request.
	maxBatch = 10_000

	// never is the client's own flush interval: a flush that nobody asked for would be an answer to no question.
	never = 365 * 24 * time.Hour
)

// batchWriter writes to one bucket through the client's WriteAPI and finds out what became of it. One batch at a time is
// on its way: the client's Flush must not run twice at once, and an answer must belong to one batch.
type batchWriter struct {
	mu       sync.Mutex
	client   influxdb2.Client
	api      api.WriteAPI
	errs     <-chan error
	observer *observer
	closed   bool
}

func newBatchWriter(cfg Config, bucket string) *batchWriter {
	observer := newObserver(cfg)
	options := influxdb2.DefaultOptions().
		SetApplicationName(applicationName).
		SetHTTPClient(&http.Client{Transport: observer, CheckRedirect: noRedirect}).
		SetBatchSize(maxBatch + 1).
		SetFlushInterval(uint(never.Milliseconds())).
		SetMaxRetries(0).  // what fails is not queued in the client, where Flush would drop it
		SetUseGZip(false). // the observer compresses, faster
		SetPrecision(time.Nanosecond)
	client := influxdb2.NewClientWithOptions(cfg.URL, "", options)
	writeAPI := client.WriteAPI(cfg.Org, bucket)
	return &batchWriter{client: client, api: writeAPI, errs: writeAPI.Errors(), observer: observer}
}

// send writes lines and reports what became of all of them together. Lines that are encoded here take less than half
// of the time that the client takes with its own points (see BenchmarkWriter).
func (b *batchWriter) send(ctx context.Context, lines iter.Seq[string]) monitor.Reply {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return monitor.Reply{Kind: monitor.Unavailable, Message: "the InfluxDB writer is closed"}
	}
	b.drain() // an error of an earlier batch says nothing about this one
	b.observer.begin(ctx)
	for line := range lines {
		b.api.WriteRecord(line)
	}
	b.api.Flush() // returns when the request has been answered or has failed
	return replyOf(b.observer.end(), b.drain())
}

// drain empties the client's channel of errors, which holds one, and returns it.
func (b *batchWriter) drain() error {
	select {
	case err := <-b.errs:
		return err
	default:
		return nil
	}
}

// close ends the client's goroutines. Nothing is left to flush then.
func (b *batchWriter) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		b.client.Close()
	}
}

// noRedirect keeps the client from turning a POST into a GET, or from taking its token elsewhere.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
