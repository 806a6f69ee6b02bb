package monitor

import (
	"context"
	"time"
)

// Journal keeps accepted records in one sequence, before and after their delivery. It is safe for concurrent use. The
// sequence has no gaps, except where a project or an old run was removed, and each number is given out only once.
type Journal interface {
	// Append makes the decisions at acceptance, as the package comment says, and stores all records or none. It returns
	// when they are on stable storage. It sets Seq, Repeat, Differs and NewSeries of each record. A record that is
	// stored already is a repeat: it keeps its number and changes nothing, and its Context or Session becomes the
	// stored one. The first end of a stored session is no repeat: the Session becomes the stored one with its [End], and
	// is owed again with another number.
	//
	// Append fails with EFull when the file has its configured size, or when too little of the disk is free. Then it
	// accepts only repeats. It fails with EUnavailable while the file is being checked after an I/O error. Records must
	// have passed validation. When ctx is cancelled, the records may be stored.
	Append(ctx context.Context, recs []*Record) error

	// Next returns up to max records after the given sequence number that are owed to dest, in order. It returns fewer
	// when they have more than a few megabytes ([Record.Size]). Records whose [Record.Source] is dest are not owed.
	Next(ctx context.Context, dest Destination, after uint64, max int) ([]Pending, error)

	// Cursor returns the number up to which all records of dest are acknowledged. It is 0 for a new destination.
	Cursor(ctx context.Context, dest Destination) (uint64, error)

	// Parked returns up to max metrics and outcomes after the given sequence number that wait for their context or session,
	// in order. It returns fewer when they have more than a few megabytes ([Record.Size]).
	Parked(ctx context.Context, dest Destination, after uint64, max int) ([]Pending, error)

	// Aside returns up to max records after the given sequence number that are set aside, in order. It returns fewer when
	// they have more than a few megabytes ([Record.Size]).
	Aside(ctx context.Context, dest Destination, after uint64, max int) ([]Pending, error)

	// PinOrigins stores the origins of metrics and outcomes before their delivery. It is for origins that do not follow
	// from a stored context and session of the same project, and for records that are set aside. They are on stable
	// storage when it returns. An origin that was pinned earlier stays. From then on Next, Parked and Aside return the
	// pinned origin.
	PinOrigins(ctx context.Context, origins map[uint64]Origin) error

	// Ack moves the cursor of dest, parks records, sets them aside, ends both, and buries refused records, in one transaction.
	Ack(ctx context.Context, dest Destination, a Acknowledgement) error

	// NoteLoss notes that a part of dest was missing and was created again, so that records of some classes that dest had are
	// gone. Stats has the loss until a replay that [Loss.MendedBy] names has ended, or until the last of the records is removed.
	// Where the journal has no such record, nothing is lost, and noted is false.
	NoteLoss(ctx context.Context, dest Destination, what string, had []Class) (noted bool, err error)

	// Stats counts the records that dest does not have yet.
	Stats(ctx context.Context, dest Destination) (JournalStats, error)
}

// Destination names where records are delivered: URL, organisation and buckets in one line, without secrets. With
// another name, delivery starts again from the first record.
type Destination string

// Pending is a record that is owed to a destination.
type Pending struct {
	*Record
	// Pinned is the origin that [Journal.PinOrigins] stored, nil for none. Every delivery must use it.
	Pinned *Origin
	// Since is when the record was parked or set aside first. It is zero for other records.
	Since time.Time
	// Delivered says that a replay set the record aside: the destination had it before. It never becomes a dead letter.
	Delivered bool
}

// Acknowledgement is what became of one delivery. Records are given by their sequence numbers.
type Acknowledgement struct {
	Cursor   uint64       // all records up to here are delivered, parked, set aside or buried
	Park     []uint64     // metrics and outcomes that wait for their context or session from now on
	SetAside []uint64     // records, parked or not, that the destination does not take now
	Unpark   []uint64     // records that were parked or set aside, and are delivered or buried
	Bury     []DeadLetter // records that become dead letters
}

// DeadLetter is a record that a destination refuses for good.
type DeadLetter struct {
	Dest   Destination
	Seq    uint64
	Class  Class
	Status int    // HTTP status; 0 when the record was not sent because it exceeds a known limit
	Reason string // the destination's own words, or the name of the limit
	At     time.Time
}

// JournalStats is the state of the journal for one destination.
type JournalStats struct {
	Depth       int64     // records that are neither delivered nor buried
	Parked      int64     // records that are parked or set aside; Depth includes them
	Aside       int64     // records that are set aside; Parked includes them
	DeadLetters int64     // dead letters of this destination
	Reports     int64     // kept reports that the destination has not acknowledged, or not as they are now
	Oldest      time.Time // arrival of the oldest record that is neither delivered nor buried; zero for none and for an imported one
	Bytes       int64     // size of the file and its log
	Free        int64     // bytes free on their disk
	Lost        []Loss    // what the destination lost and did not get again, the earliest first
}
