package monitor

import (
	"context"
	"time"
)

// PageStore answers the questions of pages for people. What it returns is bounded, so it comes at once and not as a list.
// It is safe for concurrent use. Its methods fail with EUnavailable while the data cannot be reached.
type PageStore interface {
	// Projects lists the projects that have sessions, in the order of their bytes.
	Projects(ctx context.Context) ([]string, error)
	// RunSums returns the sessions and the sums of runs, in the order of the given runs.
	RunSums(ctx context.Context, runs []*RunInfo) ([]*Run, error)
	// Activities says what has arrived of runs, by their ids. A run that does not exist has no entry.
	Activities(ctx context.Context, project string, runs []string) (map[string]*Activity, error)
	// LatestTests returns what a run has measured last, up to max tests. The latest comes first.
	LatestTests(ctx context.Context, project, run string, max int) ([]RunTest, error)
	// UnusualTests returns the tests of a run that failed or passed at a later attempt only, by start, up to max.
	UnusualTests(ctx context.Context, project, run string, max int) ([]RunTest, error)
	// TestHistory returns the measurements of a test. The latest comes first.
	TestHistory(ctx context.Context, q TestQuery) ([]TestPoint, error)
	// KeptResults returns what the kept reports on runs have of a test, by the ids of the runs. A run without a report has no
	// entry.
	KeptResults(ctx context.Context, test Series, runs []string) (map[string]KeptResult, error)
	// Siblings lists other tests of the same module, those of the same function first, up to max.
	Siblings(ctx context.Context, test Series, max int) ([]Series, error)
	// Find returns the runs with this id or with a commit that begins with the text, the latest first, and the tests that have
	// all of its words in their names. Either has up to max. A commit is found by seven bytes or more.
	Find(ctx context.Context, project, text string, max int) (runs []string, tests []Series, err error)
}

// Activity says what has arrived of a run, and when.
type Activity struct {
	Records int64     // metrics and outcomes
	Last    time.Time // arrival of its last metric, session or end
	Open    int       // sessions that did not say that they have ended
	Newest  int64     // number in the sequence of the session accepted last; no session had it before, also of a removed run
}

// Running says whether more is to be expected of a run. A session that does not say when it ends counts as open until nothing
// has arrived for a while.
func (a *Activity) Running(now time.Time, quiet time.Duration) bool {
	return a.Open > 0 && now.Sub(a.Last) < quiet
}

// RunTest is a test of a run as it ended.
type RunTest struct {
	Series   Series
	Env      string // class of machine
	Location string // file, relative to pytest's root directory
	Start    int64  // UTC nanoseconds

	TotalTime float64 // wall time, seconds; NaN when absent, like the next two
	CPUTime   float64 // user and kernel time, seconds
	MemUsage  float64 // MiB

	Outcome  string // one of [Outcomes]; empty when the client sends none
	Attempts int64  // 0 when the client sends no outcomes
	NodeID   string // empty when the client sends no outcomes
}

// KeptResult is what a kept report has of a test.
type KeptResult struct {
	Results  []Result // on every class of machine; empty where nothing is to be said of the test
	Learning bool     // no test of the run could be judged yet
}

// TestQuery chooses measurements of a test.
type TestQuery struct {
	Test   Series
	Branch *string // nil for all
	Limit  int     // maximum number, required
}

// TestPoint is one measurement of a test, or an attempt that failed.
type TestPoint struct {
	RunTest
	Run    string // id; the hash of the session where that is unknown
	ScmRef string // empty outside a repository, like the next two
	Branch string
	Build  string

	Host   string // name of the machine; empty where the context is unknown, like the next two
	System string // operating system with its release
	Python string // version, and how it was built
}
