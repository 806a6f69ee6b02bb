package monitor

import (
	"path"
	"time"
)

// RunMark names a run in a history.
type RunMark struct {
	Run     string    `json:"run"`
	ScmRef  string    `json:"scm_ref"`
	Started time.Time `json:"started"`
}

// Rollups are what the runs of one branch on one class of machine measured, as medians of consecutive runs. They stay when the
// measurements are removed.
type Rollups struct {
	Project, Branch, Env string
	Stretches            []Stretch // oldest first
	Tests                []TestID
	// Files has by test its file, as [Result.ItemFSLoc] of the last run that measured it; empty when unknown. Folders are from it.
	Files []string
	// Values has by judged metric, in the order of [JudgedMetrics], and by test the value of each stretch, in the metric's unit.
	// It is NaN where the stretch did not measure the test.
	Values [len(JudgedMetrics)][][]float32
}

// Stretch is some consecutive runs.
type Stretch struct {
	First, Last RunMark
	Runs        int
}

// Drift is slow growth, without a step that was confirmed.
type Drift struct {
	// Since is the last run of the first stable level.
	Since RunMark `json:"since"`
	Runs  int     `json:"runs"`  // number of runs since then
	First Number  `json:"first"` // first stable level, in the metric's unit
	Now   Number  `json:"now"`   // present level, in the metric's unit
	Ratio Number  `json:"ratio"` // Now / First
	Rate  Number  `json:"rate"`  // growth a run while it grew, as a share: 0.01 is 1 %
	P     Number  `json:"p"`     // one-sided probability of such a trend by chance
	Q     Number  `json:"q"`     // P, corrected for the number of trends that are looked at together
}

// PartDrift is slow growth of the sum over the tests of a part of a suite.
type PartDrift struct {
	Kind   PartKind `json:"kind"`
	Part   string   `json:"part"` // name of the component or path of the folder; empty for the suite
	Env    string   `json:"env"`
	Metric string   `json:"metric"`
	Drift
	// Tests is the number of tests that both levels have.
	Tests int `json:"tests"`
	// Growth is how much more all tests of the part need than at the first level, in the metric's unit. It is the sum of the next
	// three: FromNew is of tests that were not there, less what removed tests needed; FromSlower is of the tests that are there in
	// both; Machine is what all tests of the suite share, and so may be the machine. The first two are at the present speed of the
	// machine.
	Growth     Number `json:"growth"`
	FromNew    Number `json:"from_new"`
	FromSlower Number `json:"from_slower"`
	Machine    Number `json:"machine"`
}

// PartKind is a kind of a part of a suite.
type PartKind string

// The kinds of parts.
const (
	PartSuite     PartKind = "suite"
	PartComponent PartKind = "component"
	PartFolder    PartKind = "folder"
)

// Drifts is all slow growth on one class of machine.
type Drifts struct {
	Tests map[ResultID]Drift
	Parts []PartDrift // the suite, then components, then folders; each by growth, the greatest first
}

// DriftDetector finds slow growth.
type DriftDetector interface {
	// Drift finds slow growth in rollups. steps has by test and metric the runs at which a confirmed change began. accepted has the
	// acceptances of the project and branch. The first level of a test is looked for after the last of both, in any order.
	Drift(r *Rollups, steps map[ResultID][]RunMark, accepted []Acceptance) *Drifts
}

// Folders returns the folders above a file, the nearest one first: "a/b" and "a" for "a/b/test_c.py", as the tree of pages has them.
func Folders(file string) (all []string) {
	for dir := path.Dir(slashed(file)); dir != "." && dir != "/" && dir != ".."; dir = path.Dir(dir) {
		all = append(all, dir)
	}
	return all
}
