package monitor

import (
	"context"
	"io"
)

// Judge judges runs on request. It is safe for concurrent use.
type Judge interface {
	// Judge reports on the run that q chooses. It fails with ENotFound when the run does not exist, or when the branch
	// has no run to compare with. It fails with EUnavailable when the data cannot be reached or too many requests wait.
	Judge(ctx context.Context, q JudgeQuery) (*Report, error)
}

// JudgeQuery chooses a run of a project and what it is compared with. Among several runs it chooses the run that started last and
// measured something, and an imported one only where no live one did. With neither a run nor a commit, this is the project's last run.
// For a commit, the report has results of all the commit's runs, without imported ones where a live one was chosen. Where a run
// repeats another of its branch, each result comes from the last run that could judge it. Of different jobs the worse result counts.
// With both a run and a commit, it is this run alone, which has to be of the commit.
type JudgeQuery struct {
	Project string
	Run     string // id
	ScmRef  string // commit
	// Head is the branch of the judged runs. A commit may be on several branches. nil means all branches.
	Head *string
	// Branch is the branch whose runs are the baseline. nil means the branch of the judged run.
	Branch *string
	// All also asks for the results that are ok or learning. Without it they may be left out, and a report that was kept may be
	// the answer.
	All bool
}

// Gate says what a report means for a pipeline.
type Gate string

// The gates.
const (
	GatePass      Gate = "pass"
	GateFail      Gate = "fail"
	GateNotJudged Gate = "not_judged" // no result could be judged, or not all runs of the commit
)

// ReportPrinter writes reports in one format.
type ReportPrinter interface {
	// ContentType returns the media type of what Print writes.
	ContentType() string
	// Print writes a report with one call of w.Write.
	Print(w io.Writer, r *Report) error
	// Gate says what a report means for a pipeline.
	Gate(r *Report) Gate
	// All says whether Print writes the results that are ok or learning.
	All() bool
}
