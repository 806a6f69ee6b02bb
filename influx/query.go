package influx

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

const (
	msgpackType = "application/x-msgpack"

	// chunkSize is how many rows InfluxDB gathers before it sends them. A row may have megabytes.
	chunkSize = "100"
)

// params are the values that a query refers to as $NAME: texts, and patterns as {"regex": TEXT}. They travel beside the
// query, never in its text, so that nothing in them can become part of it.
type params map[string]any

// query runs a query in InfluxQL on a bucket and hands each row of the answer to visit as it arrives. It returns the
// answer's length in bytes. The answer may take any time, but InfluxDB must not be silent for longer than a request
// may take. An error of visit is found in the error.
func (r rest) query(ctx context.Context, bucket, query string, p params, visit func(row) error) (size int64, err error) {
	silence := fmt.Errorf("InfluxDB was silent for %s", r.timeout)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	body := &watched{alarm: time.AfterFunc(r.timeout, func() { cancel(silence) }), within: r.timeout}
	defer body.alarm.Stop()
	req, err := r.queryRequest(ctx, bucket, query, p)
	if err != nil {
		return 0, monitor.Errorf(monitor.EInternal, "make a query to InfluxDB: %w", err)
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {msgpackType}}
	err = r.do(req, header, func(resp *http.Response) error {
		if kind := resp.Header.Get("Content-Type"); kind != msgpackType {
			return monitor.Errorf(monitor.EUnavailable, "InfluxDB answers InfluxQL in %q instead of MessagePack", kind)
		}
		body.Reader = resp.Body
		return decodeRows(body, visit)
	})
	if err != nil && context.Cause(ctx) == silence {
		err = monitor.Errorf(monitor.EUnavailable, "%w", silence)
	}
	return body.size, err
}

// queryRequest makes a request to the query route of version 1. It names a bucket as that version does: a database,
// and after a slash a retention policy.
func (r rest) queryRequest(ctx context.Context, bucket, query string, p params) (*http.Request, error) {
	values, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	database, policy, _ := strings.Cut(bucket, "/")
	form := url.Values{"db": {database}, "q": {query}, "params": {string(values)}, "epoch": {"ns"},
		"chunked": {"true"}, "chunk_size": {chunkSize}}
	if policy != "" {
		form.Set("rp", policy)
	}
	return http.NewRequestWithContext(ctx, http.MethodPost, r.client.HTTPService().ServerURL()+"query", strings.NewReader(form.Encode()))
}

// watched reads an answer, counts its bytes, and raises the alarm when InfluxDB is silent. The time that passes between
// two reads is the caller's and does not count.
type watched struct {
	io.Reader
	alarm  *time.Timer
	within time.Duration
	size   int64
}

func (w *watched) Read(b []byte) (int, error) {
	w.alarm.Reset(w.within)
	defer w.alarm.Stop()
	n, err := w.Reader.Read(b)
	w.size += int64(n)
	return n, err
}
