package monitor

import (
	"context"
	"time"
)

// Journal keeps accepted records, in one sequence, until they are delivered and after. It is safe for concurrent use.
// The sequence has no gaps, and a number is given out once.
type Journal interface {
	// Append decides what is fixed at acceptance, stores every record and returns when all are on stable storage:
	// all or none. It sets Seq, Repeat, Differs and NewSeries of each record and replaces the Context or Session of a
	// repeat by the one stored first. A record that is there already keeps its number and changes nothing.
	//
	// Fails with EFull when the configured size or the floor of free disk space is reached (nothing but repeats is
	// accepted then), and with EUnavailable while the file is being checked after an I/O error. Records must have
	// passed validation. Cancelling ctx may leave the records stored.
	Append(ctx context.Context, recs []*Record) error

	// Next returns up to max records that dest is to be told, in order, after the given sequence number, and fewer
	// where they take more than a few megabytes ([Record.Size]). Records whose [Record.Source] is dest are left out.
	Next(ctx context.Context, dest Destination, after uint64, max int) ([]Pending, error)

	// Cursor returns the number up to which dest has acknowledged everything: 0 for a new destination.
	Cursor(ctx context.Context, dest Destination) (uint64, error)

	// Parked returns the metrics and outcomes before the cursor that wait for their context or session, oldest first.
	Parked(ctx context.Context, dest Destination) ([]Pending, error)

	// PinOrigins stores the origins that metrics and outcomes are about to be delivered with, where they do not follow
	// from a stored context and session of their own project. They are on stable storage when it returns. An origin that
	// was pinned earlier stays: Next and Parked return it ever after.
	PinOrigins(ctx context.Context, origins map[uint64]Origin) error

	// Ack moves the cursor of dest, parks and unparks metrics and buries refused records, in one transaction.
	Ack(ctx context.Context, dest Destination, a Acknowledgement) error

	// Stats counts what dest has not been told yet.
	Stats(ctx context.Context, dest Destination) (JournalStats, error)
}

// Destination names where records are delivered: URL, organisation and buckets in one line, without secrets.
// Another name is another destination, which starts from the first record kept.
type Destination string

// Pending is a record that a destination is to be told.
type Pending struct {
	*Record
	// Pinned is the origin that [Journal.PinOrigins] stored, if any. It must be used again.
	Pinned *Origin
	// Since is when the record was parked; zero for records that are not.
	Since time.Time
}

// Acknowledgement is what became of one delivery.
type Acknowledgement struct {
	Cursor uint64   // everything up to here is delivered, parked or buried
	Park   []uint64 // metrics that wait for their context or session; their time starts now
	Unpark []uint64 // parked metrics that are delivered or buried
	Bury   []DeadLetter
}

// DeadLetter is a record that a destination refuses for good.
type DeadLetter struct {
	Dest   Destination
	Seq    uint64
	Class  Class
	Status int    // HTTP status; 0 when it was not sent because a limit is known
	Reason string // the destination's own words, or the name of the limit
	At     time.Time
}

// JournalStats is the state of the journal towards one destination.
type JournalStats struct {
	Depth       int64     // records not yet delivered or buried
	Parked      int64     // of these, the metrics that wait for their context or session
	DeadLetters int64     // records buried for this destination
	Oldest      time.Time // arrival of the oldest record not yet delivered; zero when there is none
	Bytes       int64     // size of the file and its log on disk
	Free        int64     // bytes free on that disk
}
