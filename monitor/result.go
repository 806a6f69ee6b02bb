package monitor

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// TestID identifies a test on one class of machine.
type TestID struct {
	Component   string `json:"component"`
	ItemPath    string `json:"item_path"`
	Item        string `json:"item"`
	ItemVariant string `json:"item_variant"`
	Kind        string `json:"kind"`
	Env         string `json:"env"`
	// Occurrence is a number for tests with the same id in one run: 0 for the test that started first.
	Occurrence int `json:"occurrence,omitempty"`
}

// ResultID identifies a result in a report.
type ResultID struct {
	TestID
	Metric string `json:"metric"`
}

// Compare orders tests by class of machine, then by name.
func (t *TestID) Compare(o *TestID) int {
	return cmp.Or(strings.Compare(t.Env, o.Env), strings.Compare(t.Component, o.Component),
		strings.Compare(t.ItemPath, o.ItemPath), strings.Compare(t.Item, o.Item), strings.Compare(t.ItemVariant, o.ItemVariant),
		strings.Compare(t.Kind, o.Kind), cmp.Compare(t.Occurrence, o.Occurrence))
}

// Result is the result of judging one metric of one test.
type Result struct {
	TestID
	// ItemFSLoc is the file, relative to pytest's root directory.
	ItemFSLoc string `json:"item_fs_loc"`
	Metric    string `json:"metric"`
	Status    Status `json:"status"`
	Level     Level  `json:"level,omitempty"`
	// Reason says why the metric was not judged.
	Reason string `json:"reason,omitempty"`

	// Baseline is the usual value, in the metric's unit, at the speed that the machine had in this run. It is null when
	// unknown, like the numbers below.
	Baseline Number `json:"baseline"`
	Limit    Number `json:"limit"` // a greater value is conspicuous
	Value    Number `json:"value"` // value of this run; of all confirming runs together when confirmed
	Ratio    Number `json:"ratio"` // value / baseline
	Delta    Number `json:"delta"` // value - baseline
	P        Number `json:"p"`     // one-sided probability of such a value by chance
	Q        Number `json:"q"`     // P, corrected for the number of tests and metrics that are judged together
	N        int    `json:"n"`     // number of earlier runs that the baseline is made of

	LastGood string `json:"last_good"` // commit of the last run before the change; empty when unknown
	FirstBad string `json:"first_bad"` // commit of the first run after the change; empty when unknown
	// Since is the start of that run, in UTC nanoseconds. It is 0 when unknown, and in reports from elsewhere.
	Since int64 `json:"-"`
	// UsualAgain says of a regression that this run itself is nearer to the usual value. A second such run ends the regression.
	UsualAgain bool `json:"usual_again,omitempty"`

	// Drift is the slow growth of a test with the status drift. Acceptance says who accepted the change, and why, of a test with the
	// status accepted.
	Drift      *Drift      `json:"drift,omitempty"`
	Acceptance *Acceptance `json:"acceptance,omitempty"`

	// Page is the address of the test's page, in answers only.
	Page string `json:"page,omitempty"`
}

// ID identifies the result.
func (r *Result) ID() ResultID { return ResultID{r.TestID, r.Metric} }

func (r *Result) compare(o *Result) int {
	if r.Status != o.Status {
		return cmp.Compare(r.Status.Severity(), o.Status.Severity())
	}
	changes := cmp.Compare(o.change(), r.change()) // NaN is the least, so it comes last
	if r.Status == StatusImprovement {
		changes = -changes
	}
	if first := cmp.Or(cmp.Compare(r.Level, o.Level), changes); first != 0 { // "crit" comes before "warn"
		return first
	}
	return cmp.Or(r.TestID.Compare(&o.TestID), cmp.Compare(r.Metric, o.Metric))
}

// change is the ratio that the status is about.
func (r *Result) change() Number {
	if r.Drift != nil {
		return r.Drift.Ratio
	}
	return r.Ratio
}

// Status is the status of a result or of a suite.
type Status string

// The statuses of a [Result].
const (
	StatusRegression  Status = "regression"  // confirmed: slower or hungrier
	StatusSuspect     Status = "suspect"     // conspicuous in this run, not confirmed
	StatusDrift       Status = "drift"       // slow growth over many runs: see [Result.Drift]
	StatusAccepted    Status = "accepted"    // confirmed, and somebody accepted it: see [Result.Acceptance]
	StatusImprovement Status = "improvement" // confirmed: faster or more frugal
	StatusResolved    Status = "resolved"    // ok after a regression in an earlier report; only in kept reports
	StatusNotJudged   Status = "not_judged"  // see [Result.Reason]
	StatusLearning    Status = "learning"    // too few earlier runs
	StatusOK          Status = "ok"
)

// StatusSlowMachine is a status of a [Suite]. All or nearly all tests are slower at once, because of the machine or
// because of a change that slows all tests. The other statuses of a suite are ok, learning and regression.
const StatusSlowMachine Status = "slow_machine"

// Severity orders statuses. 0 is the worst status. An unknown status is −1.
func (s Status) Severity() int {
	return slices.Index(bySeverity[:], s)
}

var bySeverity = [...]Status{StatusRegression, StatusSlowMachine, StatusSuspect, StatusDrift, StatusAccepted, StatusImprovement,
	StatusResolved, StatusNotJudged, StatusLearning, StatusOK}

// Notable says whether a result with this status shows a change. Only notable results are kept and delivered.
func (s Status) Notable() bool {
	return s == StatusRegression || s == StatusSuspect || s == StatusDrift || s == StatusAccepted || s == StatusImprovement ||
		s == StatusResolved
}

// Level is how bad a regression is.
type Level string

// The levels of a regression.
const (
	LevelWarn Level = "warn"
	LevelCrit Level = "crit"
)

// Number is a float whose JSON is null when it is NaN or infinite.
type Number float64

// MarshalJSON implements [json.Marshaler].
func (n Number) MarshalJSON() ([]byte, error) {
	f, size := float64(n), math.Abs(float64(n))
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return []byte("null"), nil
	case f != 0 && (size < 1e-6 || size >= 1e21): // with an exponent
		return json.Marshal(f)
	}
	return strconv.AppendFloat(nil, f, 'f', -1, 64), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}
