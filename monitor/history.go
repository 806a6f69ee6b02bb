package monitor

import (
	"context"
	"iter"
)

// HistoryStore has the measurements that runs are judged by. It is safe for concurrent use. Its methods fail with
// EUnavailable while the data cannot be reached.
type HistoryStore interface {
	// RunInfos lists runs. The run that started last comes first. Runs of the same nanosecond are ordered by id.
	RunInfos(ctx context.Context, q RunInfoQuery) ([]*RunInfo, error)
	// Samples lists the samples of runs in any order: the metrics of their sessions that are of one sort. It reads
	// while it is consumed. It stops when the consumer stops or ctx is done, and ends after the first error.
	Samples(ctx context.Context, of Sort, runs []*RunInfo) iter.Seq2[Sample, error]
}

// SampleReaders is a [HistoryStore] that can read the texts of several lists once.
type SampleReaders interface {
	// SampleReader returns a reader for the lists of one report. Its Samples is that of the store, for one list at a time. Samples of
	// all its lists with the same series have the same pointer.
	SampleReader() SampleReader
}

// SampleReader lists samples: see [HistoryStore].
type SampleReader interface {
	Samples(ctx context.Context, of Sort, runs []*RunInfo) iter.Seq2[Sample, error]
}

// Sort is a sort of metrics. Metrics of different sorts are not judged together, since a module has its tests in it.
type Sort int

// The sorts.
const (
	Tests   Sort = iota // of [KindFunction]
	Modules             // of all other kinds
)

// RunInfoQuery chooses runs of a project. A field with its zero value is no condition.
type RunInfoQuery struct {
	Project string  // required
	Run     string  // id
	ScmRef  string  // commit
	Branch  *string // may point to the empty branch
	Before  int64   // the runs started before this time, in UTC nanoseconds
	// Live leaves out imported runs: see [RunInfo]. Imported leaves out all others.
	Live, Imported bool
	// Measured leaves out the runs without a metric. `pytest --collect-only` makes such runs.
	Measured bool
	// Whole leaves out the runs that are not whole: see [RunEnd]. Those that are partial for the reason Like alone stay.
	// So runs that always have the same selection of tests, such as `-k`, have a baseline.
	Whole bool
	Like  string
	Limit int // maximum number of runs
}

// RunInfo describes a run. The commit, the branch, the build and the mark are those of its first session.
type RunInfo struct {
	Project  string
	ID       string
	ScmRef   string // empty outside a repository
	Branch   string
	Build    string
	Imported bool     // it was read from a file, like all sessions of the run
	Started  int64    // start of the first session, in UTC nanoseconds
	Sessions []string // hashes by start, then hash; sessions that measured nothing have one, too

	Tests        int64    // number of metrics of [Tests]
	Modules      int64    // number of metrics of [Modules]
	Failed       int64    // number of outcomes that are failed or error: such a test has no metric
	Environments []string // classes of machine of its metrics, in the order of their bytes

	RunEnd
}

// Measured says whether the run has a metric.
func (r *RunInfo) Measured() bool { return r.Tests+r.Modules > 0 }

// Sort returns the sort of metrics that the run is judged by: its tests, or its modules where it has no tests.
func (r *RunInfo) Sort() Sort {
	if r.Tests == 0 && r.Modules > 0 {
		return Modules
	}
	return Tests
}

// Sample has the measurements of one test at one time.
type Sample struct {
	Run      *RunInfo // one of the runs asked for
	Session  string   // hash
	Series   *Series  // samples of one list with the same series have the same pointer
	Env      string   // class of machine
	Location string   // file, relative to pytest's root directory
	Start    int64    // UTC nanoseconds

	TotalTime float64 // wall time, seconds; NaN when absent, like the next two
	CPUTime   float64 // user and kernel time, seconds
	MemUsage  float64 // MiB: see [Metric]
}

// End returns when the test ended, in UTC nanoseconds.
func (s *Sample) End() int64 { return Instant{UTC: s.Start}.Plus(max(s.TotalTime, 0)).UTC }

// Comparison is a run with the runs that it is judged by. No run is in it twice.
type Comparison struct {
	// Branch is the branch whose runs are the baseline.
	Branch string
	// Baseline has earlier runs of Branch, oldest first.
	Baseline []*RunInfo
	// Window has consecutive runs of one branch, oldest first. The last run is judged. The runs before it can confirm a
	// change that it shows. The last runs of Baseline can also confirm it if they are of the same branch. The detector
	// chooses how many runs it needs.
	Window []*RunInfo
	// Accepted has the changes that were accepted, oldest first.
	Accepted map[ResultID][]AcceptedStep
}

// Judged returns the run that is judged.
func (c Comparison) Judged() *RunInfo { return c.Window[len(c.Window)-1] }

// Detector judges runs. It is pure: the same comparison and the same samples, in any order, give the same report.
type Detector interface {
	// Judge fails only with the first error of samples. It ignores samples of runs that are not in the comparison.
	Judge(c Comparison, samples iter.Seq2[Sample, error]) (*Report, error)
}
