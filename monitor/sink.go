package monitor

import (
	"context"
	"time"
)

// Sink delivers points to a destination. The same points may be delivered again, with the same bytes, and change
// nothing there then.
type Sink interface {
	// Destination names what is delivered to.
	Destination() Destination

	// Limit names the known limit of the destination that p exceeds, with the numbers; "" when there is none.
	// What exceeds one is not delivered.
	Limit(p *Point) string

	// Deliver sends points, either metadata (contexts and sessions) or metrics and outcomes, and says what became of all
	// of them together. After any reply but Delivered an unknown part of them may have been stored.
	Deliver(ctx context.Context, points []*Point) Reply

	// Probe delivers one harmless point of its own to where points of the class go, to tell points that are
	// refused for what they are from a destination that refuses everything.
	Probe(ctx context.Context, class Class) Reply
}

// Backend is a destination with all that the bridge wants of one: it takes records and reports, and finds the contexts
// and sessions that other bridges delivered. It is safe for concurrent use.
type Backend interface {
	Sink
	ReportSink
	MetadataStore

	// Ensure makes sure that deliveries can be stored, and creates what is missing where it may. A delivery does the same
	// by itself: the error of Ensure is for the operator.
	Ensure(ctx context.Context) error
	// Close waits for the deliveries on their way. Deliveries after it are Unavailable.
	Close() error
}

// ReplyKind is what the courier has to do next.
type ReplyKind int

// The kinds of replies.
const (
	// Delivered: all points are stored.
	Delivered ReplyKind = iota
	// Unavailable: the destination cannot be reached or asks to wait; try again with backoff, for ever.
	Unavailable
	// Denied: the operator has to act (token, permission, missing bucket); keep, and try again slowly.
	Denied
	// TooLarge: send fewer points at a time.
	TooLarge
	// Refused: at least one of the points is at fault.
	Refused
)

// String returns the name of the kind as used in logs and metrics.
func (k ReplyKind) String() string {
	return [...]string{"delivered", "unavailable", "denied", "too_large", "refused"}[k]
}

// Reply is what a destination said to one delivery.
type Reply struct {
	Kind       ReplyKind
	Status     int           // HTTP status; 0 when there was no answer
	Message    string        // the destination's words, or the network error
	RetryAfter time.Duration // as asked for by the destination; 0 when it did not say
}
