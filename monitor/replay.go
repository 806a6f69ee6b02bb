package monitor

import (
	"context"
	"time"
)

// Replay is a request of an operator: the records that it chooses are delivered again to the destination that has them.
// Records that are parked, set aside or not delivered yet are never chosen, since they are delivered anyway. Contexts and
// sessions of the project are chosen whatever their time, since metrics and outcomes need them.
type Replay struct {
	ID int64 `json:"-"`

	Since    time.Time    `json:"since,omitzero"` // least start of a metric, outcome or run; zero for no limit
	Until    time.Time    `json:"until,omitzero"` // their starts are before it; zero for no limit
	Project  string       `json:"project,omitempty"`
	Imported bool         `json:"imported,omitempty"` // also the records that were read from the destination
	Dead     *LetterQuery `json:"dead,omitempty"`     // dead letters only, and no reports; nil for all records

	State ReplayState `json:"-"`
}

// ReplayState says how far a replay is. It is kept with the request, so a restart goes on from there.
type ReplayState struct {
	Dest        Destination `json:"dest"`           // the destination that gets the records; empty before the begin
	Began       time.Time   `json:"began,omitzero"` // zero before the begin
	Ended       time.Time   `json:"-"`              // zero before the end
	UpTo        uint64      `json:"up_to"`          // the cursor at the begin
	Position    uint64      `json:"position"`       // the chosen records up to here are done
	ReportsUpTo int64       `json:"reports_up_to"`  // a version, like the next
	Reports     int64       `json:"reports"`        // the chosen reports up to here are done
	Sent        int64       `json:"sent"`           // records that the destination took
	SentReports int64       `json:"sent_reports"`   // reports that the destination took
	Refused     int64       `json:"refused"`        // records and reports that were delivered before and are refused now
	StillDead   int64       `json:"still_dead"`     // dead letters that are refused again
	SetAside    int64       `json:"set_aside"`      // records that the destination does not take now, and that are tried again
	Unsent      int64       `json:"unsent"`         // those of Refused and StillDead that exceed a known limit, so that they were not sent
	UnsentSeqs  []uint64    `json:"unsent_numbers"` // the first of them
	Incomplete  int64       `json:"incomplete"`     // metrics and outcomes whose context or session the file has lost
	Reasons     Reasons     `json:"reasons"`        // the destination's words for what it refuses
	Error       string      `json:"error"`          // why the replay did not begin or go on
}

// MaxUnsentSeqs bounds UnsentSeqs.
const MaxUnsentSeqs = 10

// RecordsDone says that all records are done. Reports come after them.
func (s *ReplayState) RecordsDone() bool { return !s.Began.IsZero() && s.Position >= s.UpTo }

// Chooses says whether a replay has metrics, outcomes and reports of runs that start at a time.
func (r *Replay) Chooses(start time.Time) bool {
	return (r.Since.IsZero() || !start.Before(r.Since)) && (r.Until.IsZero() || start.Before(r.Until))
}

// Loss says that a destination lost records that it had.
type Loss struct {
	At     time.Time `json:"at"`
	What   string    `json:"what"`             // for people
	Cursor uint64    `json:"cursor"`           // the records up to here may be gone
	Replay int64     `json:"replay,omitempty"` // the replay that was under way then and had sent nothing; 0 for none
}

// MendedBy says whether a replay sends again all that was lost.
func (l *Loss) MendedBy(r *Replay) bool {
	return r.Since.IsZero() && r.Until.IsZero() && r.Project == "" && r.Dead == nil && l.Cursor <= r.State.UpTo &&
		(l.At.Before(r.State.Began) || l.Replay == r.ID)
}

// ReplayStep is what became of some records of a replay.
type ReplayStep struct {
	Position   uint64       // all chosen records up to here are done
	Delivered  []uint64     // dead letters among them are none any more
	Refused    []DeadLetter // dead letters among them get these words; the others stay delivered
	Reasons    Reasons      // words for Refused
	SetAside   []DeadLetter // records that the destination does not take now; they are no dead letters any more
	Incomplete int64
}

// ReplayQueue has the replays that operators ask for. One replay is carried out at a time.
type ReplayQueue interface {
	// NextReplay returns the replay that dest has to go on with, nil for none. It begins a new replay, and ends those that
	// another destination began.
	NextReplay(ctx context.Context, dest Destination) (*Replay, error)
	// ReplayRecords returns up to max chosen records behind r's position, in order, and the position behind them. It
	// returns fewer, also none, when they have more than a few megabytes, or are rare.
	ReplayRecords(ctx context.Context, r *Replay, max int) (recs []Pending, position uint64, err error)
	// AckReplay notes a step of r, and changes r.State. It ends a replay that is done.
	AckReplay(ctx context.Context, r *Replay, step ReplayStep) error
	// ReplayReports returns up to max reports behind r.State.Reports, the lowest version first. A report that is not chosen
	// is nil.
	ReplayReports(ctx context.Context, r *Replay, max int) ([]PendingReport, error)
	// AckReplayReport notes that a report and all before it are done. refusal is empty for a report that was delivered.
	AckReplayReport(ctx context.Context, r *Replay, p PendingReport, refusal string) error
}

// Letter is a dead letter with what a person needs to know it by.
type Letter struct {
	DeadLetter
	Project string // empty when a repaired file lacks the record
	Name    string // of the test, or the hash of a context or session
}

// LetterQuery chooses dead letters. Every condition that is set has to hold.
type LetterQuery struct {
	Dest    Destination `json:"-"` // a replay has the letters of its own destination
	Seqs    []uint64    `json:"seqs,omitempty"`
	Class   Class       `json:"class,omitempty"`
	Project string      `json:"project,omitempty"`
	Reason  string      `json:"reason,omitempty"` // a part of the destination's words
}
