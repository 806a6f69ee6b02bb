package monitor

import (
	"context"
	"time"
)

// Acceptance says that what a test, a part of a suite or all of a project needs now is its first level from now on. A confirmed
// regression that began before is accepted, and slow growth is measured from here.
type Acceptance struct {
	ID      int64     `json:"id"`
	Project string    `json:"project"`
	Branch  string    `json:"branch"`
	Run     string    `json:"run"`     // last run that is accepted
	Started time.Time `json:"started"` // start of that run
	// Test has the item path and the item variant, as pages and `show` name a test; Part has the name of a component or the path of
	// a folder. Both are empty for all of a project.
	ItemPath    string    `json:"item_path,omitempty"`
	ItemVariant string    `json:"item_variant,omitempty"`
	Part        string    `json:"part,omitempty"`
	Note        string    `json:"note"` // why
	By          string    `json:"by"`   // name of the token, or of the user of the machine
	At          time.Time `json:"at"`
}

// AcceptanceStore keeps what was accepted.
type AcceptanceStore interface {
	// Accept stores an acceptance and returns it with its id.
	Accept(ctx context.Context, a Acceptance) (Acceptance, error)
	// Acceptances lists those of a project, the newest first.
	Acceptances(ctx context.Context, project string) ([]Acceptance, error)
}
