package monitor

import (
	"context"
	"iter"
	"sort"
	"time"
)

// Report has the results of the tests of a run. Its JSON is the answer of `GET /api/v1/regressions`.
type Report struct {
	Project string `json:"project"`
	Run     string `json:"run"`
	ScmRef  string `json:"scm_ref"`
	Branch  string `json:"branch"`
	Build   string `json:"build"`
	// Previous is the id of the run before it on the same branch and a class of machine of its own; empty for the first one.
	Previous string `json:"previous"`
	// Against is the branch whose runs are the baseline. It is empty where runs of several branches are each compared
	// with their own branch.
	Against string `json:"against"`
	// BaselineRuns counts the earlier runs that have samples on one of the run's classes of machine.
	BaselineRuns int `json:"baseline_runs"`
	// WindowRuns counts the same of the runs after the baseline and before the judged run. They confirm a change, and say nothing of what is
	// usual.
	WindowRuns int      `json:"window_runs"`
	Sessions   []string `json:"sessions"`
	// Runs has the ids of the runs that the results are from. The judged run is the first, then the other runs of its
	// commit. Branches has their branches, each once.
	Runs     []string `json:"runs"`
	Branches []string `json:"branches"`
	// LeftOut says what the report has no results of, and of which tests several measurements make one result. Kept reports do
	// not say it.
	LeftOut []LeftOut `json:"left_out"`
	// Completion is that of the judged run. Partial says why the run is partial. Each is left out when nothing is known.
	Completion Completion `json:"completion,omitempty"`
	Partial    string     `json:"partial,omitempty"`
	// Selection is Partial, and empty for a run with a whole session: see [RunEnd]. Runs of one selection compare.
	Selection string    `json:"-"`
	Started   time.Time `json:"started"`
	Suite     Suite     `json:"suite"`
	// Results are in the order of [Report.Arrange]. Results that are ok or learning may be left out.
	Results []Result `json:"results"`
	// Parts has the slow growth of components and folders.
	Parts   []PartDrift `json:"parts,omitempty"`
	Summary Summary     `json:"summary"`
	// Accepted has the results that were a regression in an earlier report and are ok now, but not resolved. The new
	// value has become the usual value. Only kept reports have them.
	Accepted []ResultID `json:"accepted,omitempty"`
	// Retracted has the results of an earlier report on the run that this report no longer has. They keep their numbers
	// and get the status ok. Only kept reports have them.
	Retracted []Result `json:"retracted,omitempty"`

	// Basis stands for all that the report follows from: judging on the same basis gives the same report. It is empty where that
	// is not sure, and in reports from a store.
	Basis string `json:"-"`
	// Budget is set by the commands that read limits from a file, and by nothing else.
	Budget *Budget `json:"budget,omitempty"`
	// Page is the address of the run's page, in answers only.
	Page string `json:"page,omitempty"`
}

// MeasuredAgain is the reason why a run is left out whose tests were all measured again by later runs.
const MeasuredAgain = "later runs of the branch measured all of it again"

// LeftOut is something of the judged commit that a report has no results of.
type LeftOut struct {
	Reason   string   `json:"reason"`
	Runs     []string `json:"runs"`     // ids; empty where only a part of the judged runs is left out
	Branches []string `json:"branches"` // of these runs, each once
	// Environments has the classes of machine of these runs that no judged run has. Without runs it has those on which too
	// little is known.
	Environments []string `json:"environments"`
	Tests        int64    `json:"tests"`   // number of measurements of tests, or of tests that failed
	Modules      int64    `json:"modules"` // number of measurements of modules
	// Missing says that the question was also about these runs. No gate passes without them.
	Missing bool `json:"missing"`
}

// Suite has what all tests of a run share.
type Suite struct {
	Status Status `json:"status"` // the worst status of the machines
	// Offset is how much slower the whole run is than its baseline, as a ratio: 1 is as fast as the baseline. Its keys
	// are the names of the timed metrics. It is the offset of the machine with the worst status.
	Offset   map[string]Number `json:"offset"`
	Machines []Machine         `json:"machines"`
	// Drift has the slow growth of the suite, by class of machine and metric. It fails no build: its cause may be the machine.
	Drift []PartDrift `json:"drift,omitempty"`
}

// Machine has what all tests of a run on one class of machine share.
type Machine struct {
	Env       string            `json:"env"`
	Status    Status            `json:"status"`
	Offset    map[string]Number `json:"offset"`
	Tests     int               `json:"tests"`
	TotalTime float64           `json:"total_time"` // sum over the tests, in seconds
	CPUTime   float64           `json:"cpu_time"`   // sum over the tests, in seconds
}

// Summary counts the tests, and the results of each status. Every test has one result for each of [JudgedMetrics].
// Resolved results count as ok.
type Summary struct {
	Tests int `json:"tests"`
	// LearningTests and NotJudgedTests count the tests without a result that could be judged: those that have too few
	// earlier runs, and the others.
	LearningTests  int `json:"learning_tests"`
	NotJudgedTests int `json:"not_judged_tests"`

	Learning     int `json:"learning"`
	OK           int `json:"ok"`
	NotJudged    int `json:"not_judged"`
	Suspects     int `json:"suspects"`
	Regressions  int `json:"regressions"`
	Drifts       int `json:"drifts"`
	Accepted     int `json:"accepted"`
	Improvements int `json:"improvements"`
}

func (s *Summary) count(status Status) {
	switch status {
	case StatusRegression:
		s.Regressions++
	case StatusSuspect:
		s.Suspects++
	case StatusDrift:
		s.Drifts++
	case StatusAccepted:
		s.Accepted++
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

// Arrange sorts the results and sets Summary. It sorts by status, level, change, test and metric. The worst status, the
// worst level and the greatest change come first. Tests are in the order of class of machine and name. The report must
// have all its results.
func (r *Report) Arrange() {
	r.Summary = Summary{}
	for i := range r.Results {
		r.Summary.count(r.Results[i].Status)
	}
	for _, known := range r.Tests() {
		r.Summary.Tests++
		switch known {
		case StatusLearning:
			r.Summary.LearningTests++
		case StatusNotJudged:
			r.Summary.NotJudgedTests++
		}
	}
	// In their place and without copies: the results of a large run take much memory.
	sort.Slice(r.Results, func(i, j int) bool { return r.Results[i].compare(&r.Results[j]) < 0 })
}

// Tests says of each test what its results are together: ok if one of them could be judged, however it was judged, else learning
// if one of them is, and else not judged.
func (r *Report) Tests() map[TestID]Status {
	tests := make(map[TestID]Status, len(r.Results)/len(JudgedMetrics))
	for i := range r.Results {
		test, status := r.Results[i].TestID, r.Results[i].Status
		if status != StatusLearning && status != StatusNotJudged {
			status = StatusOK
		}
		if known := tests[test]; known == "" || status == StatusOK || status == StatusLearning && known != StatusOK {
			tests[test] = status
		}
	}
	return tests
}

// ReportStore keeps the reports on runs that have ended.
type ReportStore interface {
	// KeepReport stores a report. It replaces an earlier report on the same run. The results that only the earlier report had become
	// [Report.Retracted]. Only notable results are kept, and nothing of what is left out of the commit. The report is delivered again,
	// unless it says the same as the earlier report. If it has a basis, it is also kept as an [AnswerStore] gives it.
	KeepReport(ctx context.Context, r *Report) error
	// Report returns the kept report on a run. It fails with ENotFound when there is none.
	Report(ctx context.Context, project, run string) (*Report, error)
	// ReportsAround returns the kept reports on other runs of the report's project and branch. The run that started
	// last comes first. There are up to max runs that started after the report's run, and up to max runs that started
	// before it or with it. The list ends with the earliest report that has a regression. It is empty when none has
	// one.
	ReportsAround(ctx context.Context, r *Report, max int) iter.Seq2[*Report, error]
	// Unjudged returns up to max runs with metrics on which no report was kept since their last metric, or the last end of
	// a session, arrived. It arrived after from and not after to. Metrics with a [Record.Source] do not count, since others have
	// learned of their runs already. The run that started last comes first.
	Unjudged(ctx context.Context, from, to time.Time, max int) ([]*RunInfo, error)
}

// AnswerStore has what judging said of the runs whose reports are kept.
type AnswerStore interface {
	// Answer returns the report that judging made of a run on a basis, without the results that are ok or learning. It returns nil
	// when the last report on the run has another basis, none, or too many results to be kept.
	Answer(ctx context.Context, project, run, basis string) (*Report, error)
}

// ReportQueue has the kept reports for destinations. It returns a report again until the report is acknowledged.
type ReportQueue interface {
	// NextReports returns up to max reports that dest has not acknowledged, the lowest version first.
	NextReports(ctx context.Context, dest Destination, max int) ([]PendingReport, error)
	// AckReport says that dest has stored a report or refuses it for good. It says the same of all lower versions.
	AckReport(ctx context.Context, dest Destination, p PendingReport) error
}

// PendingReport is a report that a destination does not have yet.
type PendingReport struct {
	*Report
	Version int64 // greater than all earlier versions of all reports
}

// ReportSink delivers reports to a destination. Delivering the same report again changes nothing there.
type ReportSink interface {
	Destination() Destination
	// DeliverReport sends a report and says what became of it. A refusal without a status is sure, since the sink knows
	// a limit of the destination.
	DeliverReport(ctx context.Context, r *Report) Reply
	// Probe does the same as [Sink.Probe].
	Probe(ctx context.Context, class Class) Reply
}
