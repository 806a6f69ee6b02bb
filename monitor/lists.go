package monitor

import "context"

// ListStore answers the questions of pages that list runs, tests and regressions. It is safe for concurrent use. Its methods
// fail with EUnavailable while the data cannot be reached.
type ListStore interface {
	// Branches lists the branches of a project, up to max. The branch with the latest run comes first.
	Branches(ctx context.Context, project string, max int) ([]string, error)
	// RunsOfCommit lists the runs of the commits that begin with the text, up to max. The run that started last comes first.
	RunsOfCommit(ctx context.Context, project, commit string, max int) ([]string, error)
	// RunsOfHash lists the runs whose id is a hash that begins with the text, by id, up to max.
	RunsOfHash(ctx context.Context, project, text string, max int) ([]string, error)
	// KeptReports returns the kept reports on runs, by the ids of the runs. A report without a result of one of these statuses
	// has its numbers only: summary, suite and start. A run without a report has no entry.
	KeptReports(ctx context.Context, project string, runs []string, statuses ...Status) (map[string]*Report, error)
	// CountReports returns the number of kept reports of a project, and the version of the latest of them.
	CountReports(ctx context.Context, project string) (number int, latest int64, err error)
	// RecentTests returns for each test its last measurements and outcomes.
	RecentTests(ctx context.Context, q RecentQuery) ([]RecentTest, error)
}

// RecentQuery chooses measurements and outcomes of tests.
type RecentQuery struct {
	Tests    []Series
	Branch   string
	Before   int64 // those that started before this time, in UTC nanoseconds; 0 for all
	Limit    int   // maximum number of measurements of each test, and of outcomes
	Outcomes bool  // count the outcomes too
}

// RecentTest is how a test has been lately.
type RecentTest struct {
	Points []RecentPoint // the latest first
	Passed int           // of Ended: those that passed at the first attempt
	Ended  int           // number of outcomes, those that were skipped left out; 0 when the client sends none
}

// RecentPoint is one measurement of a test.
type RecentPoint struct {
	Run       string  // id
	ScmRef    string  // empty outside a repository
	Env       string  // class of machine
	TotalTime float64 // seconds; NaN when absent, like the next two
	CPUTime   float64 // seconds
	MemUsage  float64 // MiB
}
