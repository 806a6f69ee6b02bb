package influx

import (
	"context"
	"log/slog"
	"time"

	"pymon-bridge/monitor"
)

// Writer delivers points to InfluxDB: metrics and outcomes to one bucket, contexts and sessions to the other. It
// implements [monitor.Sink] and [monitor.ReportSink] and is safe for concurrent use. What goes to one bucket goes
// there batch by batch.
type Writer struct {
	cfg    Config
	logger *slog.Logger
	reader *Reader

	metrics  *bucketWriter
	metadata *bucketWriter
}

// Open checks the settings and returns a Writer. It does not need InfluxDB to be there: see [Writer.Ensure].
// Fails with EInvalid. The Writer must be closed.
func Open(cfg Config, logger *slog.Logger) (*Writer, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	reader := newReader(cfg)
	return &Writer{
		cfg:      cfg,
		logger:   logger,
		reader:   reader,
		metrics:  newBucketWriter(cfg, reader.rest, cfg.Bucket, monitor.ClassMetric, monitor.ClassOutcome),
		metadata: newBucketWriter(cfg, reader.rest, cfg.MetaBucket, monitor.ClassContext, monitor.ClassSession),
	}, nil
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

// Reader returns a Reader of the Writer's buckets. It works after Close, too.
func (w *Writer) Reader() *Reader { return w.reader }

// Destination names the URL, the organisation and both buckets.
func (w *Writer) Destination() monitor.Destination { return w.reader.source }

// Ensure makes sure that both buckets exist and may be written to, and creates them where the token allows it. The first
// delivery does the same by itself, so only people need the error. Fails with EUnavailable when InfluxDB
// does not answer, with EUnauthorized, EForbidden or ENotFound when the operator has to do what the error says.
func (w *Writer) Ensure(ctx context.Context) error {
	for _, b := range []*bucketWriter{w.metadata, w.metrics} {
		if err := b.ensure(ctx); err != nil {
			return err
		}
	}
	if _, retention, ok := w.metadata.oldest(); ok {
		w.logger.Warn("the bucket of contexts and sessions expires: it refuses all contexts, whose time is in 2020, and "+
			"forgets sessions; give it no expiry",
			"bucket", w.metadata.bucket.name, "retention", retention)
	}
	_, err := w.reader.Lookup(ctx, monitor.ClassContext, "", "none")
	if err != nil && monitor.ErrorCode(err) != monitor.ENotFound {
		w.logger.Warn("contexts and sessions that only another bridge has will not be found", "error", err)
	}
	return nil
}

// KnowLimits makes [Writer.Limit] know the retention of both buckets as it was at a time or later.
func (w *Writer) KnowLimits(ctx context.Context, since time.Time) {
	w.metadata.knowRetention(ctx, since)
	w.metrics.knowRetention(ctx, since)
}

// Prepare implements [monitor.Sink]. Points of all classes may come together: metadata is then written first. Both buckets
// must be there before the first point. So a bucket that is created later was there before, and has lost points.
func (w *Writer) Prepare(points []*monitor.Point) monitor.Delivery {
	var metadata, metrics []*monitor.Point
	for _, p := range points {
		if isMetadata(p.Class()) {
			metadata = append(metadata, p)
		} else {
			metrics = append(metrics, p)
		}
	}
	packed := [...]string{pack(metadata, AppendLine), pack(metrics, AppendLine)}
	return func(ctx context.Context) monitor.Reply {
		buckets := [...]*bucketWriter{w.metadata, w.metrics}
		for _, b := range buckets {
			if reply, ok := b.prepare(ctx); !ok {
				return reply
			}
		}
		reply := monitor.Reply{Kind: monitor.Delivered}
		for i, b := range buckets {
			if packed[i] == "" {
				continue
			}
			if reply = b.write(ctx, packed[i]); reply.Kind != monitor.Delivered {
				break
			}
		}
		return reply
	}
}

// Probe implements [monitor.Sink]. Its point is of now, and of a measurement of its own.
func (w *Writer) Probe(ctx context.Context, class monitor.Class) monitor.Reply {
	b := w.bucket(class)
	if reply, ok := b.prepare(ctx); !ok {
		return reply
	}
	return b.write(ctx, pack([]time.Time{w.cfg.Now()}, appendProbe))
}

// bucket returns the writer of the bucket that takes the records of a class.
func (w *Writer) bucket(class monitor.Class) *bucketWriter {
	if isMetadata(class) {
		return w.metadata
	}
	return w.metrics
}
