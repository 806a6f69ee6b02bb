package monitor

import (
	"context"
	"io"
)

// Judge judges runs on request. It is safe for concurrent use.
type Judge interface {
	// Judge reports on the run that q chooses. Fails with ENotFound where there is no such run, or no run of the branch
	// to compare with, and with EUnavailable where the data cannot be reached or too many questions wait.
	Judge(ctx context.Context, q JudgeQuery) (*Report, error)
}

// JudgeQuery chooses a run of a project and what it is compared with. Of several runs the one that started last is
// chosen; with neither a run nor a commit it is the last of all. For a commit the report has the results of all its runs:
// of each test that of the last run that could judge it.
type JudgeQuery struct {
	Project string
	Run     string // id
	ScmRef  string // commit
	// Head is the branch of the run that is judged, since a commit may be on several; nil for any.
	Head *string
	// Branch is the branch whose runs are the baseline; nil for the run's own.
	Branch *string
}

// Gate is what a pipeline should do about a report.
type Gate string

// The gates.
const (
	GatePass      Gate = "pass"
	GateFail      Gate = "fail"
	GateNotJudged Gate = "not_judged" // nothing of the run could be judged
)

// ReportPrinter writes reports in one format.
type ReportPrinter interface {
	// ContentType returns the media type of what Print writes.
	ContentType() string
	// Print writes a report in one piece.
	Print(w io.Writer, r *Report) error
	// Gate says what a pipeline should do about a report.
	Gate(r *Report) Gate
}
