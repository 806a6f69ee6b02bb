package influx

import (
	"context"

	"pymon-bridge/monitor"
)

// maxReportPoints is how many points of a report are written at a time.
const maxReportPoints = 10_000

// DeliverReport implements [monitor.ReportSink]: the results as points of their own, then a summary of each class of
// machine, and last that of the run. Results that are ok are written where the report has them, since they take back
// what an earlier report said. Results that are learning or could not be judged are not written.
//
// A point at fault does not keep the rest of a report from being stored.
func (w *Writer) DeliverReport(ctx context.Context, r *monitor.Report) monitor.Reply {
	if reply, ok := w.metrics.prepare(ctx); !ok {
		return reply
	}
	if limit := w.metrics.outside(reportTime(r, 0)); limit != "" {
		return monitor.Reply{Kind: monitor.Refused, Message: limit}
	}
	points, tooLong := withinLimits(reportPoints(r, w.cfg.BridgeURL))
	reply := w.metrics.deliverReport(ctx, points)
	if reply.Kind == monitor.Delivered && tooLong != "" {
		return monitor.Reply{Kind: monitor.Refused, Message: tooLong}
	}
	return reply
}

// deliverReport sends points in order, and fewer at a time where InfluxDB does not take as many. A refusal does not
// stop it.
func (b *bucketWriter) deliverReport(ctx context.Context, points []reportPoint) monitor.Reply {
	if len(points) > maxReportPoints {
		return b.deliverParts(ctx, points, maxReportPoints)
	}
	reply := b.write(ctx, pack(points, appendReportLine))
	if reply.Kind != monitor.TooLarge {
		return reply
	}
	if len(points) > 1 {
		return b.deliverParts(ctx, points, len(points)/2)
	}
	reply.Kind = monitor.Refused
	return reply
}

// deliverParts sends the first n points and then the others, and returns the graver reply.
func (b *bucketWriter) deliverParts(ctx context.Context, points []reportPoint, n int) monitor.Reply {
	first := b.deliverReport(ctx, points[:n])
	if first.Kind != monitor.Delivered && first.Kind != monitor.Refused {
		return first
	}
	return graver(first, b.deliverReport(ctx, points[n:]))
}

// withinLimits returns the points that exceed no known limit of InfluxDB, and the limit that one of the others does.
func withinLimits(all []reportPoint) (within []reportPoint, limit string) {
	var buf []byte
	within = all[:0]
	for _, p := range all {
		if buf = appendReportLine(buf[:0], p); len(buf) > maxSeriesKey {
			if exceeds := lengthLimit(string(buf)); exceeds != "" {
				limit = exceeds
				continue
			}
		}
		within = append(within, p)
	}
	return within, limit
}
