package monitor

import (
	"context"
	"encoding/json"
	"iter"
	"math"
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
	// Results are ordered by status, the worst first, then by how much worse, then by test. Those that are ok or
	// learning may be left out.
	Results []Result `json:"results"`
	Summary Summary  `json:"summary"`
	// Accepted are the results that were a regression when last told of and are ok by now, but not resolved: the new level
	// has become what is usual. In kept reports only.
	Accepted []ResultID `json:"accepted,omitempty"`
	// Retracted are the results that an earlier report on the run had and this one no longer has, with the status ok and
	// the numbers that they had. In kept reports only.
	Retracted []Result `json:"retracted,omitempty"`
}

// Status is what became of a measurement, or of a suite.
type Status string

// The statuses of a [Result].
const (
	StatusRegression  Status = "regression"  // confirmed: slower or hungrier
	StatusSuspect     Status = "suspect"     // conspicuous in this run, not confirmed
	StatusImprovement Status = "improvement" // confirmed: faster or more frugal
	StatusResolved    Status = "resolved"    // ok, and a regression in the report before; in kept reports only
	StatusNotJudged   Status = "not_judged"  // see [Result.Reason]
	StatusLearning    Status = "learning"    // too few earlier runs
	StatusOK          Status = "ok"
)

// The statuses that only a [Suite] has, beside ok, learning and regression.
const (
	StatusSlowMachine Status = "slow_machine" // (nearly) all tests are slower at once: the machine, or a global change
)

// Severity orders statuses: 0 is the worst.
func (s Status) Severity() int {
	order := [...]Status{StatusRegression, StatusSlowMachine, StatusSuspect, StatusImprovement, StatusResolved,
		StatusNotJudged, StatusLearning, StatusOK}
	return slices.Index(order[:], s)
}

// Notable says whether a result of this status says that something changed. The others are for people who ask for them:
// with pytest-xdist, say, nobody's memory can be judged.
func (s Status) Notable() bool {
	return s == StatusRegression || s == StatusSuspect || s == StatusImprovement || s == StatusResolved
}

// Level is how bad a regression is.
type Level string

// The levels of a regression.
const (
	LevelWarn Level = "warn"
	LevelCrit Level = "crit"
)

// Kind of measurement that is judged.
const (
	MetricCPUTime   = "cpu_time"   // user and kernel time, seconds
	MetricMemUsage  = "mem_usage"  // MiB
	MetricTotalTime = "total_time" // wall time, seconds
)

// Suite is what all tests of a run have in common.
type Suite struct {
	Status Status `json:"status"` // the worst of its machines
	// Offset is how much slower than its baseline the whole run is, as a ratio by metric: 1 is as fast. It is that of
	// the machine that fared worst.
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

// TestID identifies a test on one class of machine.
type TestID struct {
	Component   string `json:"component"`
	ItemPath    string `json:"item_path"`
	Item        string `json:"item"`
	ItemVariant string `json:"item_variant"`
	Kind        string `json:"kind"`
	Env         string `json:"env"`
	// Occurrence tells tests of one id in one run apart: 0 for the first by start.
	Occurrence int `json:"occurrence,omitempty"`
}

// ResultID identifies a result within a report.
type ResultID struct {
	TestID
	Metric string `json:"metric"`
}

// Result is what became of one measurement of one test.
type Result struct {
	TestID
	// ItemFSLoc is the file, relative to pytest's root directory.
	ItemFSLoc string `json:"item_fs_loc"`
	Metric    string `json:"metric"`
	Status    Status `json:"status"`
	Level     Level  `json:"level,omitempty"`
	// Reason says in words why it was not judged.
	Reason string `json:"reason,omitempty"`

	// Baseline is what is usual, in the metric's unit, at the speed that the machine had in this run; null where unknown,
	// as all that follows.
	Baseline Number `json:"baseline"`
	Limit    Number `json:"limit"` // a greater value is conspicuous
	Value    Number `json:"value"` // of this run; of the confirming runs together where confirmed
	Ratio    Number `json:"ratio"` // value / baseline
	Delta    Number `json:"delta"` // value - baseline
	P        Number `json:"p"`     // one-sided probability of such a value by chance
	Q        Number `json:"q"`     // the same, corrected for the number of tests and metrics judged together
	N        int    `json:"n"`     // earlier runs that the baseline is made of

	LastGood string `json:"last_good"` // commit of the last run before the change; empty where unknown
	FirstBad string `json:"first_bad"` // commit of the first run after it
}

// Summary counts tests, and the results of each status: every test has one result for each of the three metrics. Those
// that are resolved count as ok.
type Summary struct {
	Tests        int `json:"tests"`
	Learning     int `json:"learning"`
	OK           int `json:"ok"`
	NotJudged    int `json:"not_judged"`
	Suspects     int `json:"suspects"`
	Regressions  int `json:"regressions"`
	Improvements int `json:"improvements"`
}

// Count adds one result of a status.
func (s *Summary) Count(status Status) {
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

// Number is a float whose JSON is null when it is NaN or infinite.
type Number float64

// MarshalJSON implements [json.Marshaler].
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// ID identifies the result.
func (r *Result) ID() ResultID { return ResultID{r.TestID, r.Metric} }

// ReportStore keeps the reports on runs that have ended.
type ReportStore interface {
	// KeepReport stores a report in place of an earlier one on the same run, and with it what that one said and this one
	// does not: see [Report.Retracted]. It is delivered anew, unless it says the same as before. Only results that are
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

// PendingReport is a report that a destination is to be told.
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
