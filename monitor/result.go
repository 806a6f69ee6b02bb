package monitor

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
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
	// Occurrence tells tests of one id in one run apart: 0 for the first by start.
	Occurrence int `json:"occurrence,omitempty"`
}

// ResultID identifies a result within a report.
type ResultID struct {
	TestID
	Metric string `json:"metric"`
}

// compare orders tests by class of machine, then by name.
func (t *TestID) compare(o *TestID) int {
	return cmp.Or(strings.Compare(t.Env, o.Env), strings.Compare(t.Component, o.Component),
		strings.Compare(t.ItemPath, o.ItemPath), strings.Compare(t.Item, o.Item), strings.Compare(t.ItemVariant, o.ItemVariant),
		strings.Compare(t.Kind, o.Kind), cmp.Compare(t.Occurrence, o.Occurrence))
}

// Result is what became of one metric of one test.
type Result struct {
	TestID
	// ItemFSLoc is the file, relative to pytest's root directory.
	ItemFSLoc string `json:"item_fs_loc"`
	Metric    string `json:"metric"`
	Status    Status `json:"status"`
	Level     Level  `json:"level,omitempty"`
	// Reason says in words why it was not judged.
	Reason string `json:"reason,omitempty"`

	// Baseline is the usual value, in the metric's unit, at the speed that the machine had in this run. It is null where
	// unknown, as are all numbers below.
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

// ID identifies the result.
func (r *Result) ID() ResultID { return ResultID{r.TestID, r.Metric} }

func (r *Result) compare(o *Result) int {
	if r.Status != o.Status {
		return cmp.Compare(r.Status.Severity(), o.Status.Severity())
	}
	changes := cmp.Compare(o.Ratio, r.Ratio) // null comes last
	if r.Status == StatusImprovement {
		changes = -changes
	}
	if first := cmp.Or(cmp.Compare(r.Level, o.Level), changes); first != 0 { // "crit" comes before "warn"
		return first
	}
	return cmp.Or(r.TestID.compare(&o.TestID), cmp.Compare(r.Metric, o.Metric))
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

// Severity orders statuses: 0 is the worst; −1 for what is no status.
func (s Status) Severity() int {
	return slices.Index(bySeverity[:], s)
}

var bySeverity = [...]Status{StatusRegression, StatusSlowMachine, StatusSuspect, StatusImprovement, StatusResolved,
	StatusNotJudged, StatusLearning, StatusOK}

// Notable says whether a result of this status says that something changed. Only such results are kept and delivered.
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
