package influx

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// Writer delivers points to InfluxDB: metrics to one bucket, contexts and sessions to the other. It implements
// [monitor.Sink] and [monitor.ReportSink] and is safe for concurrent use; what goes to one bucket goes there batch by batch.
type Writer struct {
	cfg    Config
	logger *slog.Logger
	rest   rest

	metrics  *bucketWriter
	metadata *bucketWriter
}

// bucketWriter is the way to one bucket.
type bucketWriter struct {
	*bucket
	*batchWriter
}

// Open checks the settings and returns a Writer. It does not need InfluxDB to be there: see [Writer.Ensure].
// Fails with EInvalid. The Writer must be closed.
func Open(cfg Config, logger *slog.Logger) (*Writer, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	w := &Writer{cfg: cfg, logger: logger, rest: newRest(cfg)}
	w.metrics = w.lane(cfg.Bucket)
	w.metadata = w.lane(cfg.MetaBucket)
	return w, nil
}

func (w *Writer) lane(name string) *bucketWriter {
	return &bucketWriter{
		bucket: newBucket(name, w.cfg, w.rest),
		batchWriter: newBatchWriter(w.cfg, name),
	}
}

// Close ends the Writer, once deliveries on their way are answered. Deliveries after it are Unavailable.
func (w *Writer) Close() error {
	w.metrics.close()
	w.metadata.close()
	if t, ok := w.cfg.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	return nil
}

// Destination names the URL, the organisation and both buckets.
func (w *Writer) Destination() monitor.Destination {
	return monitor.Destination(fmt.Sprintf("%s org=%s bucket=%s meta=%s", w.cfg.URL, w.cfg.Org, w.cfg.Bucket, w.cfg.MetaBucket))
}

// Ensure makes sure that both buckets exist and may be written to, and creates them where the token allows it. It
// is what the first delivery does by itself, so that its error is for people. Fails with EUnavailable when InfluxDB
// does not answer, with EUnauthorized, EForbidden or ENotFound when the operator has to do what the error says.
func (w *Writer) Ensure(ctx context.Context) error {
	for _, l := range []*bucketWriter{w.metadata, w.metrics} {
		if err := l.ensure(ctx); err != nil {
			return err
		}
	}
	if _, retention, ok := w.metadata.oldest(); ok {
		w.logger.Warn("the bucket of contexts and sessions expires: it refuses all contexts, whose time is in 2020, and "+
			"forgets sessions; give it no expiry",
			"bucket", w.metadata.bucket.name, "retention", retention)
	}
	if err := w.Metadata().readable(ctx); err != nil {
		w.logger.Warn("contexts and sessions that only another bridge has will not be found", "error", err)
	}
	return nil
}

// Deliver implements [monitor.Sink]. Points of both kinds may come together: metadata is then written first.
func (w *Writer) Deliver(ctx context.Context, points []*monitor.Point) monitor.Reply {
	var metadata, metrics []*monitor.Point
	for _, p := range points {
		if p.Class() == monitor.ClassMetric {
			metrics = append(metrics, p)
		} else {
			metadata = append(metadata, p)
		}
	}
	if v := w.metadata.deliver(ctx, metadata); v.Kind != monitor.Delivered {
		return v
	}
	return w.metrics.deliver(ctx, metrics)
}

// Probe implements [monitor.Sink]. Its point is of now, and of a measurement of its own.
func (w *Writer) Probe(ctx context.Context, class monitor.Class) monitor.Reply {
	l := w.metrics
	if class != monitor.ClassMetric {
		l = w.metadata
	}
	if v, ok := l.prepare(ctx); !ok {
		return v
	}
	return l.settle(l.send(ctx, slices.Values([]string{string(appendProbe(nil, w.cfg.Now()))})))
}

// deliver sends points in order, as many at a time as the client takes in one batch.
func (l *bucketWriter) deliver(ctx context.Context, points []*monitor.Point) monitor.Reply {
	if len(points) == 0 {
		return monitor.Reply{Kind: monitor.Delivered}
	}
	if v, ok := l.prepare(ctx); !ok {
		return v
	}
	var v monitor.Reply
	for len(points) > 0 {
		n := min(len(points), maxFeed)
		if v = l.settle(l.send(ctx, lines(points[:n]))); v.Kind != monitor.Delivered {
			return v
		}
		points = points[n:]
	}
	return v
}

// prepare makes sure that the bucket is there. ok is false if it is not; v then says why.
func (l *bucketWriter) prepare(ctx context.Context) (v monitor.Reply, ok bool) {
	err := l.ensure(ctx)
	if err == nil {
		return monitor.Reply{}, true
	}
	v = monitor.Reply{Kind: monitor.Denied, Message: err.Error()}
	switch monitor.ErrorCode(err) {
	case monitor.EUnavailable:
		v.Kind = monitor.Unavailable
	case monitor.EUnauthorized:
		v.Status = http.StatusUnauthorized
	case monitor.EForbidden:
		v.Status = http.StatusForbidden
	case monitor.ENotFound:
		v.Status = http.StatusNotFound
	}
	if e, ok := err.(*monitor.Error); ok {
		v.RetryAfter = e.RetryAfter
	}
	return v, false
}

// settle draws the conclusions about the bucket from a verdict: after a denial it may have to be created again, and
// points outside its retention say that this may have changed.
func (l *bucketWriter) settle(v monitor.Reply) monitor.Reply {
	switch {
	case v.Kind == monitor.Denied:
		l.doubt()
	case v.Kind == monitor.Refused && strings.Contains(v.Message, "retention"):
		l.forgetRetention()
	}
	return v
}

// lines encodes points one after the other.
func lines(points []*monitor.Point) iter.Seq[string] {
	return func(yield func(string) bool) {
		var buf []byte
		for _, p := range points {
			buf = AppendLine(buf[:0], p)
			if !yield(string(buf)) {
				return
			}
		}
	}
}
