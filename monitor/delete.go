package monitor

import "time"

// Deletion is a request of an operator: everything of a project is removed that was accepted before it began.
type Deletion struct {
	ID      int64         `json:"-"`
	Project string        `json:"project"`
	State   DeletionState `json:"-"`
}

// DeletionState says how far a deletion is.
type DeletionState struct {
	Began       time.Time   `json:"began,omitzero"` // from then on nobody sees the records
	Ended       time.Time   `json:"-"`
	UpTo        uint64      `json:"up_to"`         // the last number that was given out before
	ReportsUpTo int64       `json:"reports_up_to"` // the last version before
	Position    uint64      `json:"position"`      // measurements and outcomes up to here are removed
	FileDone    bool        `json:"file_done"`
	Removed     ProjectSize `json:"removed"`
	Dest        Destination `json:"destination"` // the one that was asked to delete the points; empty for none
	Error       string      `json:"error"`       // why it still has them
}

// Undeleted says that a destination may still have points of a project that was removed from the file.
type Undeleted struct {
	Dest    Destination `json:"destination"`
	Project string      `json:"project"`
	Removed time.Time   `json:"removed"` // from the file
	Error   string      `json:"error"`   // why the destination did not delete them; empty when it was not asked
}

// ProjectSize says how much a file has of a project.
type ProjectSize struct {
	Contexts int64     `json:"contexts"`
	Sessions int64     `json:"sessions"`
	Metrics  int64     `json:"metrics"`
	Outcomes int64     `json:"outcomes"`
	Runs     int64     `json:"runs"`
	Reports  int64     `json:"reports"`
	Tokens   int64     `json:"tokens"`
	First    time.Time `json:"first,omitzero"` // start of the first session
	Last     time.Time `json:"last,omitzero"`  // start of the last session
}

// Records is the number of all records.
func (s ProjectSize) Records() int64 { return s.Contexts + s.Sessions + s.Metrics + s.Outcomes }
