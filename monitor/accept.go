package monitor

import (
	"context"
	"path"
	"strings"
	"time"
)

// Acceptance says that what a test, a part of a suite or all of a project needs now is its first level from now on. A confirmed
// regression that began before is accepted, and slow growth is measured from here.
type Acceptance struct {
	ID      int64  `json:"id"`
	Project string `json:"project"`
	Branch  string `json:"branch"`
	// Against is the branch that the accepted run was compared with, where that is not its own.
	Against string    `json:"against,omitempty"`
	Run     string    `json:"run"`     // last run that is accepted
	ScmRef  string    `json:"scm_ref"` // its commit
	Started time.Time `json:"started"` // start of that run
	AcceptedScope
	Note string    `json:"note"` // why
	By   string    `json:"by"`   // name of the token, or what the client says without one
	At   time.Time `json:"at"`
	// Regressions is the number of the results that were a regression, and are accepted.
	Regressions int `json:"regressions"`
	// Results has these. They may be many, so lists, answers and reports leave them out.
	Results []AcceptedResult `json:"-"`
}

// AcceptedScope chooses tests. ItemPath and ItemVariant are those of a test, as pages and `show` name it. Part has the name of a
// component, or the path of a folder or a file. All are empty for all of a project.
type AcceptedScope struct {
	ItemPath    string `json:"item_path,omitempty"`
	ItemVariant string `json:"item_variant,omitempty"`
	Part        string `json:"part,omitempty"`
}

// Covers says whether a test is chosen. file is where it is, relative to pytest's root directory.
func (s AcceptedScope) Covers(test TestID, file string) bool {
	if s.ItemPath != "" || s.ItemVariant != "" {
		return s.ItemPath == test.ItemPath && s.ItemVariant == test.ItemVariant
	}
	folder, file := slashed(s.Part), slashed(file)
	return s.Part == "" || test.Component == s.Part || file == folder || strings.HasPrefix(file, folder+"/")
}

// slashed returns a path of any system in one form.
func slashed(file string) string { return path.Clean(strings.ReplaceAll(file, `\`, "/")) }

// AcceptedResult is a regression that was accepted.
type AcceptedResult struct {
	ResultID
	Since    int64  `json:"since"` // start of the first run after the change, in UTC nanoseconds
	Baseline Number `json:"baseline"`
	Value    Number `json:"value"`
	Ratio    Number `json:"ratio"` // Value / Baseline
}

// AcceptedStep is a change of a result that was accepted. The detector compares with the level after it.
type AcceptedStep struct {
	// Since is the start of the first run after the change, in UTC nanoseconds. Whole says that it comes after all of the baseline,
	// since that is of another branch, which does not have it.
	Since int64
	Whole bool
	Ratio Number // by which the change multiplies what came before
	*Acceptance
}

// Same says whether two acceptances of a result are of the same change, as the same run showed it.
func (s AcceptedStep) Same(o AcceptedStep) bool {
	return s.Since == o.Since && s.Run == o.Run && s.Branch == o.Branch && s.Against == o.Against
}

// AcceptanceStore keeps what was accepted. It is safe for concurrent use.
type AcceptanceStore interface {
	// Accept stores an acceptance and returns it with its id.
	Accept(ctx context.Context, a Acceptance) (Acceptance, error)
	// Acceptances lists those of a project without their results, the newest first.
	Acceptances(ctx context.Context, project string) ([]Acceptance, error)
	// AcceptedOn returns those of a branch with their results whose run started at a time or later, the oldest first.
	AcceptedOn(ctx context.Context, project, branch string, from time.Time) ([]Acceptance, error)
	// Unaccept removes an acceptance and returns it. It fails with ENotFound when the project has none with this id.
	Unaccept(ctx context.Context, project string, id int64) (Acceptance, error)
}

// AcceptQuery chooses what is accepted: the regressions of a run, or of the last commit of a branch.
type AcceptQuery struct {
	Project string
	Run     string  // id; empty for the last run, and the other runs of its commit on its branch
	Branch  *string // of the run; nil for any
	Against string  // branch to compare with; empty for the branch of the run
	AcceptedScope
	Note, By string
}

// Accepter accepts what a report on a run shows. It is safe for concurrent use.
type Accepter interface {
	// Accept fails with EInvalid without a note, and like [Judge].
	Accept(ctx context.Context, q AcceptQuery) (*Acceptance, error)
	// Unaccept takes an acceptance back. It fails like [AcceptanceStore].
	Unaccept(ctx context.Context, project string, id int64) (*Acceptance, error)
	// Acceptances does the same as [AcceptanceStore].
	Acceptances(ctx context.Context, project string) ([]Acceptance, error)
}
