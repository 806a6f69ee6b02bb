package influx

import (
	"context"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"pymon-bridge/monitor"
)

// bucketWriter writes to one bucket, and makes sure that it is there.
type bucketWriter struct {
	*bucket
	*batchWriter
}

func newBucketWriter(cfg Config, rest rest, name string) *bucketWriter {
	return &bucketWriter{newBucket(name, cfg, rest), newBatchWriter(cfg, name)}
}

// deliver writes points in order, as many at a time as the client takes in one batch.
func (b *bucketWriter) deliver(ctx context.Context, points []*monitor.Point) monitor.Reply {
	reply := monitor.Reply{Kind: monitor.Delivered}
	for len(points) > 0 {
		n := min(len(points), maxBatch)
		if reply = b.write(ctx, lines(points[:n], AppendLine)); reply.Kind != monitor.Delivered {
			return reply
		}
		points = points[n:]
	}
	return reply
}

// prepare makes sure that the bucket is there. ok is false if it is not; the reply then says why.
func (b *bucketWriter) prepare(ctx context.Context) (reply monitor.Reply, ok bool) {
	err := b.ensure(ctx)
	if err == nil {
		return monitor.Reply{}, true
	}
	reply = monitor.Reply{Kind: monitor.Denied, Message: err.Error()}
	switch monitor.ErrorCode(err) {
	case monitor.EUnavailable:
		reply.Kind = monitor.Unavailable
	case monitor.EUnauthorized:
		reply.Status = http.StatusUnauthorized
	case monitor.EForbidden:
		reply.Status = http.StatusForbidden
	case monitor.ENotFound:
		reply.Status = http.StatusNotFound
	}
	if e, ok := err.(*monitor.Error); ok {
		reply.RetryAfter = e.RetryAfter
	}
	return reply, false
}

// write sends lines as one batch. A denial means that the bucket may have to be created again. A refusal for the
// bucket's retention means that the retention may have changed.
func (b *bucketWriter) write(ctx context.Context, lines iter.Seq[string]) monitor.Reply {
	reply := b.send(ctx, lines)
	switch {
	case reply.Kind == monitor.Denied:
		// InfluxDB names the bucket, and a proxy does not. Another bridge may create the bucket before this one looks again.
		b.doubt(reply.Status == http.StatusNotFound && strings.Contains(reply.Message, strconv.Quote(b.name)))
	case reply.Kind == monitor.Refused && strings.Contains(reply.Message, "retention"):
		b.forgetRetention()
	}
	return reply
}

// lines encodes points one after the other.
func lines[P any](points []P, appendLine func(dst []byte, p P) []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		var buf []byte
		for _, p := range points {
			if buf = appendLine(buf[:0], p); !yield(string(buf)) {
				return
			}
		}
	}
}
