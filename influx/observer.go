package influx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// observer is the HTTP transport of one batch writer. It says that each request is compressed, binds it to the delivery
// that it is part of, and keeps what was answered.
type observer struct {
	base    http.RoundTripper
	timeout time.Duration // of one request
	now     func() time.Time
	hide    func(string) string // removes tokens from a text

	// mu is held while a request is on its way. So requests come one by one, and end waits for the last answer.
	mu sync.Mutex
	// ctx is that of the delivery on its way, nil when there is none. The client makes its requests with a context
	// of its own, in its own goroutine, so that it can reach them only here.
	ctx     context.Context
	answers []answer
}

func newObserver(cfg Config) *observer {
	return &observer{base: cfg.Transport, timeout: cfg.Timeout, now: cfg.Now, hide: cfg.token.hide}
}

// begin starts a delivery.
func (o *observer) begin(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ctx, o.answers = ctx, nil
}

// end finishes it and returns the answers to all of its requests.
func (o *observer) end() []answer {
	o.mu.Lock()
	defer o.mu.Unlock()
	answers := o.answers
	o.ctx, o.answers = nil, nil
	return answers
}

// RoundTrip sends one write request. The client sees the answer as it came, but no more than [maxError] bytes of it.
func (o *observer) RoundTrip(req *http.Request) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ctx == nil {
		closeBody(req)
		return nil, errors.New("a write outside of a delivery")
	}
	ctx, cancel := context.WithTimeout(o.ctx, o.timeout)
	defer cancel()
	resp, err := o.exchange(ctx, req)
	if err != nil {
		o.answers = append(o.answers, answer{message: o.hide(o.explain(ctx, err))})
		return nil, err
	}
	return resp, nil
}

// exchange sends the request and reads the answer to its end, so that it outlives ctx.
func (o *observer) exchange(ctx context.Context, req *http.Request) (*http.Response, error) {
	packed, err := io.ReadAll(req.Body)
	closeBody(req)
	if err != nil {
		return nil, err
	}
	if !bytes.HasSuffix(packed, []byte("\n")) { // a compressed batch of less than 160 MB ends with another byte
		return nil, errors.New("this version of the InfluxDB client adds no line break to a record, and this program takes one away")
	}
	packed = packed[:len(packed)-1]
	out := req.Clone(ctx)
	out.Header.Set("Content-Encoding", "gzip")
	out.ContentLength = int64(len(packed))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed)), nil }
	out.Body, _ = out.GetBody() // never fails
	resp, err := o.base.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	// The status has been received; words that break off change nothing about it.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxError))
	_ = resp.Body.Close()
	said, own := words(resp.Header, body)
	o.answers = append(o.answers, answer{
		status:     resp.StatusCode,
		message:    o.hide(said),
		retryAfter: retryAfter(resp.Header, o.now()),
		own:        own,
	})
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// explain says why there was no answer.
func (o *observer) explain(ctx context.Context, err error) string {
	if o.ctx.Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", o.timeout)
	}
	return err.Error()
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
