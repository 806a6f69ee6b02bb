package influx

import (
	"context"
	"errors"
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

// newBucketWriter returns the writer of a bucket to which the records of some classes go.
func newBucketWriter(cfg Config, rest rest, name string, has ...monitor.Class) *bucketWriter {
	return &bucketWriter{newBucket(name, has, cfg, rest), newBatchWriter(cfg, name)}
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
	if e, ok := errors.AsType[*monitor.Error](err); ok {
		reply.RetryAfter = e.RetryAfter
	}
	return reply, false
}

// write sends a packed batch. A denial means that the bucket may have to be created again. A refusal for the
// bucket's retention means that the retention may have changed.
func (b *bucketWriter) write(ctx context.Context, batch string) monitor.Reply {
	reply := b.send(ctx, batch)
	switch {
	case reply.Kind == monitor.Denied:
		// InfluxDB names the bucket, and a proxy does not. Another bridge may create the bucket before this one looks again.
		b.doubt(reply.Status == http.StatusNotFound && strings.Contains(reply.Message, strconv.Quote(b.name)))
	case reply.Kind == monitor.Refused && strings.Contains(reply.Message, "retention"):
		b.forgetRetention()
	}
	return reply
}
