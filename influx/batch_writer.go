package influx

import (
	"context"
	"net/http"
	"sync"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"

	"pymon-bridge/monitor"
)

// never is the client's own flush interval: a flush that nobody asked for would be an answer to no question.
const never = 365 * 24 * time.Hour

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
		SetBatchSize(2). // above the one record that send hands over, so that only Flush makes a request
		SetFlushInterval(uint(never.Milliseconds())).
		SetMaxRetries(0).  // what fails is not queued in the client, where Flush would drop it
		SetUseGZip(false). // batches are compressed before
		SetPrecision(time.Nanosecond)
	client := influxdb2.NewClientWithOptions(cfg.URL, "", options)
	writeAPI := client.WriteAPI(cfg.Org, bucket)
	return &batchWriter{client: client, api: writeAPI, errs: writeAPI.Errors(), observer: observer}
}

// send writes a packed batch and reports what became of all of it together. The client gets the batch as one record: each
// record is a hand-over to another goroutine, and two copies.
func (b *batchWriter) send(ctx context.Context, batch string) monitor.Reply {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return monitor.Reply{Kind: monitor.Unavailable, Message: "the InfluxDB writer is closed"}
	}
	b.drain() // an error of an earlier batch says nothing about this one
	b.observer.begin(ctx)
	b.api.WriteRecord(batch)
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
