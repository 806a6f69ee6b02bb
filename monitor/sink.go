package monitor

import (
	"context"
	"time"
)

// Sink delivers points to a destination. Delivering the same points again sends the same bytes and changes nothing
// there.
type Sink interface {
	// Destination names the destination.
	Destination() Destination

	// Limit names the known limit of the destination that p exceeds, with the numbers; "" when p exceeds none. A point
	// that exceeds a limit is not delivered.
	Limit(p *Point) string

	// Prepare encodes points without asking the destination, so that it can be done while another delivery is on its
	// way. The points are either contexts and sessions, or metrics and outcomes.
	Prepare(points []*Point) Delivery

	// Probe delivers one harmless point to the bucket of the class. Its reply shows whether the destination refuses
	// certain points, or all points.
	Probe(ctx context.Context, class Class) Reply
}

// Delivery sends its points, each time that it is called, and returns one reply for all of them. After any reply except
// Delivered, an unknown part of the points may be stored.
type Delivery func(ctx context.Context) Reply

// Backend is a destination with everything that the bridge needs. It takes records and reports. It finds the contexts
// and sessions that other bridges delivered. It is safe for concurrent use.
type Backend interface {
	Sink
	ReportSink
	MetadataStore

	// Ensure makes sure that deliveries can be stored, and creates missing buckets where it may. Each delivery does the
	// same. The error of Ensure is for the operator.
	Ensure(ctx context.Context) error
	// Close waits for deliveries that have begun. Later deliveries return Unavailable.
	Close() error
}

// ReplyKind says what the courier has to do next.
type ReplyKind int

// The kinds of replies.
const (
	// Delivered: all points are stored.
	Delivered ReplyKind = iota
	// Unavailable: the destination cannot be reached or asks to wait; try again with backoff, without end.
	Unavailable
	// Denied: the operator has to act (token, permission, missing bucket); keep the records and try again slowly.
	Denied
	// TooLarge: send fewer points at a time.
	TooLarge
	// Refused: at least one point is at fault.
	Refused
	// Failed: the destination failed in words of its own. It may be away for a moment, or may fail at certain points.
	Failed
)

// String returns the name of the kind in logs and metrics.
func (k ReplyKind) String() string {
	return [...]string{"delivered", "unavailable", "denied", "too_large", "refused", "failed"}[k]
}

// Reply is a destination's answer to one delivery.
type Reply struct {
	Kind       ReplyKind
	Status     int           // HTTP status; 0 when there was no answer
	Message    string        // the destination's own words, or the network error
	RetryAfter time.Duration // the wait that the destination asks for; 0 when it asks for none
}
