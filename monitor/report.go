package monitor

import (
	"context"
	"iter"
	"slices"
	"time"
)

// Report is what became of the tests of a run. Its JSON is the answer of `GET /api/v1/regressions`.
type Report struct {
	Project string `json:"project"`
	Run     string `json:"run"`
	ScmRef  string `json:"scm_ref"`
	Branch  string `json:"branch"`
	Build   string `json:"build"`
	// Previous is the id of the run before on the same branch; empty for the first.
	Previous string `json:"previous"`
	// Against is the branch whose runs are the baseline.
	Against string `json:"against"`
	// BaselineRuns counts the earlier runs that measured something on one of the run's classes of machine.
	BaselineRuns int       `json:"baseline_runs"`
	Sessions     []string  `json:"sessions"`
	Started      time.Time `json:"started"`
	Suite        Suite     `json:"suite"`
	// Results are in the order of [Report.Arrange]. Those that are ok or learning may be left out.
	Results []Result `json:"results"`
	Summary Summary  `json:"summary"`
	// Accepted are the results that were a regression in an earlier report and are ok now, but not resolved: the new level
	// has become the usual one. In kept reports only.
	Accepted []ResultID `json:"accepted,omitempty"`
	// Retracted are the results that an earlier report on the run had and this one no longer has, with the status ok and
	// the numbers that they had. In kept reports only.
	Retracted []Result `json:"retracted,omitempty"`
}

// Suite is what all tests of a run have in common.
type Suite struct {
	Status Status `json:"status"` // the worst of its machines
	// Offset is how much slower than its baseline the whole run is, as a ratio by metric: 1 is as fast. It has the metrics
	// that are timed. It is the offset of the machine with the worst status.
	Offset   map[string]Number `json:"offset"`
	Machines []Machine         `json:"machines"`
}

// Machine is what all tests of a run have in common on one class of machine.
type Machine struct {
	Env       string            `json:"env"`
	Status    Status            `json:"status"`
	Offset    map[string]Number `json:"offset"`
	Tests     int               `json:"tests"`
	TotalTime float64           `json:"total_time"` // seconds, the sum over the tests
	CPUTime   float64           `json:"cpu_time"`
}

// Summary counts tests, and the results of each status. Every test has one result for each of [JudgedMetrics]. Resolved
// results count as ok.
type Summary struct {
	Tests        int `json:"tests"`
	Learning     int `json:"learning"`
	OK           int `json:"ok"`
	NotJudged    int `json:"not_judged"`
	Suspects     int `json:"suspects"`
	Regressions  int `json:"regressions"`
	Improvements int `json:"improvements"`
}

func (s *Summary) count(status Status) {
	switch status {
	case StatusRegression:
		s.Regressions++
	case StatusSuspect:
		s.Suspects++
	case StatusImprovement:
		s.Improvements++
	case StatusNotJudged:
		s.NotJudged++
	case StatusLearning:
		s.Learning++
	default:
		s.OK++
	}
}

// Arrange puts the results into their order and counts them. The worst status comes first, then the worst level, then the
// greatest change, then the test by class of machine and name, then the metric. The report must have all of its results.
func (r *Report) Arrange() {
	order := make([]*Result, len(r.Results))
	tests := map[TestID]struct{}{}
	r.Summary = Summary{}
	for i := range r.Results {
		order[i] = &r.Results[i]
		tests[order[i].TestID] = struct{}{}
		r.Summary.count(order[i].Status)
	}
	r.Summary.Tests = len(tests)
	slices.SortFunc(order, (*Result).compare)
	sorted := make([]Result, len(order))
	for i, result := range order {
		sorted[i] = *result
	}
	r.Results = sorted
}

// ReportStore keeps the reports on runs that have ended.
type ReportStore interface {
	// KeepReport stores a report in place of an earlier one on the same run. The results that only the earlier one had are
	// stored as [Report.Retracted]. The report is delivered again, unless it says the same as before. Only results that are
	// notable are kept.
	KeepReport(ctx context.Context, r *Report) error
	// Report returns what was kept of a run. Fails with ENotFound when nothing was.
	Report(ctx context.Context, project, run string) (*Report, error)
	// ReportsAround returns what was kept of other runs of a report's project and branch, the last to start first: up to
	// max that started after its run, and up to max that did not, as far back as there is one with a regression.
	ReportsAround(ctx context.Context, r *Report, max int) iter.Seq2[*Report, error]
	// Unjudged returns up to max runs that last measured something after from and up to to, and that have no report made
	// since, the last to start first.
	Unjudged(ctx context.Context, from, to time.Time, max int) ([]*RunInfo, error)
}

// ReportQueue hands kept reports to a destination. Each is handed out again until it is acknowledged.
type ReportQueue interface {
	// NextReports returns up to max reports that dest has not acknowledged, the lowest version first.
	NextReports(ctx context.Context, dest Destination, max int) ([]PendingReport, error)
	// AckReport says that dest has a report, or refuses it for good, and all of lower versions.
	AckReport(ctx context.Context, dest Destination, p PendingReport) error
}

// PendingReport is a report that a destination does not have yet.
type PendingReport struct {
	*Report
	Version int64 // grows whenever a report changes
}

// ReportSink delivers reports to a destination. The same report may be delivered again and changes nothing there then.
type ReportSink interface {
	Destination() Destination
	// DeliverReport sends a report and says what became of it.
	DeliverReport(ctx context.Context, r *Report) Reply
}
