package influx

import (
	"context"
	"iter"

	"pymon-bridge/monitor"
)

// DeliverReport implements [monitor.ReportSink]: the results as points of their own, then a summary of each class of
// machine, and last that of the run. Results that are ok are written where the report has them, since they take an
// earlier verdict back; those that are learning or could not be judged are not.
//
// The report is refused for good only for what it is: where InfluxDB refuses a harmless point too, the outcome is
// Denied. What is at fault does not keep the rest of a report from being stored.
func (w *Writer) DeliverReport(ctx context.Context, r *monitor.Report) monitor.Reply {
	l := w.metrics
	if v, ok := l.prepare(ctx); !ok {
		return v
	}
	if limit := l.outside(reportTime(r, 0)); limit != "" {
		return monitor.Reply{Kind: monitor.Refused, Message: limit}
	}
	points, tooLong := withinLimits(reportPoints(r))
	v := l.deliverReport(ctx, points)
	if v.Kind == monitor.Refused {
		v = w.doubted(ctx, v)
	}
	if v.Kind == monitor.Delivered && tooLong != "" {
		return monitor.Reply{Kind: monitor.Refused, Message: tooLong}
	}
	return v
}

// doubted returns the verdict on a report that was refused, after a look at whether anything else is taken.
func (w *Writer) doubted(ctx context.Context, refused monitor.Reply) monitor.Reply {
	switch probe := w.Probe(ctx, monitor.ClassMetric); probe.Kind {
	case monitor.Delivered:
		return refused
	case monitor.Refused, monitor.TooLarge:
		probe.Kind = monitor.Denied
		return probe
	default:
		return probe
	}
}

// deliverReport sends points in order, and fewer at a time where InfluxDB does not take as many. What is refused does
// not stop it.
func (l *bucketWriter) deliverReport(ctx context.Context, points []reportPoint) monitor.Reply {
	if n := len(points); n > maxFeed {
		return l.deliverParts(ctx, points, maxFeed)
	}
	v := l.settle(l.send(ctx, reportLines(points)))
	if v.Kind != monitor.TooLarge {
		return v
	}
	if len(points) > 1 {
		return l.deliverParts(ctx, points, len(points)/2)
	}
	v.Kind = monitor.Refused
	return v
}

// deliverParts sends the first n points and then the others, and returns the more restraining verdict.
func (l *bucketWriter) deliverParts(ctx context.Context, points []reportPoint, n int) monitor.Reply {
	first := l.deliverReport(ctx, points[:n])
	if severity(first.Kind) > severity(monitor.Refused) {
		return first
	}
	rest := l.deliverReport(ctx, points[n:])
	if severity(first.Kind) > severity(rest.Kind) {
		return first
	}
	return rest
}

// reportLines encodes points one after the other.
func reportLines(points []reportPoint) iter.Seq[string] {
	return func(yield func(string) bool) {
		var buf []byte
		for _, p := range points {
			if buf = p.appendLine(buf[:0]); !yield(string(buf)) {
				return
			}
		}
	}
}

// withinLimits returns the points that exceed no known limit of InfluxDB, and the limit that one of the others does.
func withinLimits(all []reportPoint) (within []reportPoint, limit string) {
	var buf []byte
	within = all[:0]
	for _, p := range all {
		if buf = p.appendLine(buf[:0]); len(buf) > maxSeriesKey {
			if exceeds := lengthLimit(string(buf)); exceeds != "" {
				limit = exceeds
				continue
			}
		}
		within = append(within, p)
	}
	return within, limit
}
