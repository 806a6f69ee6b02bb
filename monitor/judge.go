package monitor

import "context"

// Judge judges runs on request. It is safe for concurrent use.
type Judge interface {
	// Judge reports on the run that q chooses. Fails with ENotFound where there is no such run, or no run of the branch
	// to compare with, and with EUnavailable where the data cannot be reached or too many questions wait.
	Judge(ctx context.Context, q JudgeQuery) (*Report, error)
}

// JudgeQuery chooses a run of a project and what it is compared with. Of several runs the one that started last is
// chosen; with neither a run nor a commit it is the last of all. Where a commit is asked for, and some of its tests were
// run again, the report says of each test what its last run says.
type JudgeQuery struct {
	Project string
	Run     string // id
	ScmRef  string // commit
	// Head is the branch of the run that is judged, since a commit may be on several; nil for any.
	Head *string
	// Branch is the branch whose runs are the baseline; nil for the run's own.
	Branch *string
}
