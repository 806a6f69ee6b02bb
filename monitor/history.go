package monitor

import (
	"context"
	"iter"
)

// HistoryStore gives the measurements that runs are judged by. It is safe for concurrent use.
//
// Fails with EUnavailable where the data cannot be reached at the moment.
type HistoryStore interface {
	// RunInfos lists runs from the one that started last to the one that started first, those of one nanosecond by id.
	RunInfos(ctx context.Context, q RunInfoQuery) ([]*RunInfo, error)
	// Samples lists, in any order, what the tests of runs measured: the metrics of [KindFunction] of their sessions.
	// It reads while it is consumed, stops when the consumer stops or ctx is done, and ends after the first error.
	Samples(ctx context.Context, runs []*RunInfo) iter.Seq2[Sample, error]
}

// RunInfoQuery chooses runs of a project. What is empty chooses all.
type RunInfoQuery struct {
	Project string  // required
	Run     string  // exactly this id
	ScmRef  string  // of exactly this commit
	Branch  *string // of exactly this branch, which may be the empty one
	Before  int64   // that started before this, in UTC nanoseconds; 0 for any time
	Limit   int     // at most so many; 0 for all
}

// RunInfo describes a run. Commit, branch and build are those of its first session.
type RunInfo struct {
	Project  string
	ID       string
	ScmRef   string // empty outside a repository
	Branch   string
	Build    string
	Started  int64    // UTC nanoseconds of the first session
	Sessions []string // hashes, by start, then hash; also of sessions that measured nothing
}

// Sample is what one test measured once.
type Sample struct {
	Run      *RunInfo // one of the runs asked for
	Session  string   // hash
	Series   *Series  // samples of one listing share the pointer where they share the series
	Env      string   // class of machine
	Location string   // file, relative to pytest's root directory
	Start    int64    // UTC nanoseconds

	TotalTime float64 // wall time, seconds; NaN when absent, as for the next two
	CPUTime   float64 // user and kernel time, seconds
	MemUsage  float64 // MiB: see [Metric]
}

// Comparison is a run with the runs that it is judged by. Each run is in it once.
type Comparison struct {
	// Branch is the branch whose runs are the baseline.
	Branch string
	// Baseline has earlier runs of that branch, oldest first.
	Baseline []*RunInfo
	// Window has consecutive runs of one branch, oldest first. The last one is judged. The runs before it can confirm what
	// it shows; so can the last runs of Baseline, if they are of the same branch. The detector chooses how many it needs.
	Window []*RunInfo
}

// Judged returns the run that is judged.
func (c Comparison) Judged() *RunInfo { return c.Window[len(c.Window)-1] }

// Detector judges runs. It is pure: the same comparison and samples, in whatever order, give the same report.
type Detector interface {
	// Judge fails with the first error of samples only. Samples of runs that are not in the comparison are ignored.
	Judge(c Comparison, samples iter.Seq2[Sample, error]) (*Report, error)
}
