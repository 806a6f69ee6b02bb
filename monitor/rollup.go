package monitor

import (
	"context"
	"math"
	"time"
)

// RunValues are what a run measured on one class of machine.
type RunValues struct {
	RunMark
	Tests []TestID
	Files []string // by test, as [Result.ItemFSLoc]
	// Values has by judged metric, in the order of [JudgedMetrics], and by test what was measured, in the metric's unit. It is NaN
	// where nothing was measured, or where the value does not compare.
	Values [len(JudgedMetrics)][]float32
}

// RollupQuery chooses rollups.
type RollupQuery struct {
	Project, Branch, Env string
	Selection            string // see [Report.Selection]
	// Run is what the judged run measured. It is the last one, whether or not the store has it, and later runs do not count.
	// Without it all runs count.
	Run     *RunValues
	Since   time.Time // start of the earliest run
	MaxRuns int
}

// RollupStore keeps rollups. It is safe for concurrent use.
type RollupStore interface {
	// Rollups returns what runs measured, without tests that only one of several stretches has, and by test and metric the runs at
	// which confirmed changes began, the earliest first.
	Rollups(ctx context.Context, q RollupQuery) (*Rollups, map[ResultID][]RunMark, error)
	// RollupState stands for the earlier runs that Rollups returns for the query. Of [RollupQuery.Run], only the mark counts.
	RollupState(ctx context.Context, q RollupQuery) (string, error)
	// RollupsBegin returns when the earliest run of the rollups started that the query chooses, and how many runs they have.
	RollupsBegin(ctx context.Context, q RollupQuery) (began time.Time, runs int, err error)
	// AddOlder adds consecutive runs, oldest first, to the rollups of [RollupQuery.Branch] on the class of machine. Runs that are not
	// all older than those that are there are left out.
	AddOlder(ctx context.Context, q RollupQuery, runs []*RunValues) error
}

// Measured returns by class of machine what the judged run measured. The report must have all its results.
func (r *Report) Measured() map[string]*RunValues {
	metrics := map[string]int{}
	for i, m := range JudgedMetrics {
		metrics[m.Name] = i
	}
	all, at := map[string]*RunValues{}, make(map[TestID]int, len(r.Results)/len(JudgedMetrics))
	results := map[string]int{}
	for i := range r.Results {
		results[r.Results[i].Env]++
	}
	for i := range r.Results {
		result := &r.Results[i]
		metric, ok := metrics[result.Metric]
		if !ok {
			continue
		}
		v := all[result.Env]
		if v == nil {
			v = &RunValues{RunMark: RunMark{Run: r.Run, ScmRef: r.ScmRef, Started: r.Started}}
			all[result.Env] = v
			tests := results[result.Env] / len(JudgedMetrics)
			v.Tests, v.Files = make([]TestID, 0, tests), make([]string, 0, tests)
			for m := range v.Values {
				v.Values[m] = make([]float32, 0, tests)
			}
		}
		test, ok := at[result.TestID]
		if !ok {
			test = len(v.Tests)
			at[result.TestID] = test
			v.Tests, v.Files = append(v.Tests, result.TestID), append(v.Files, result.ItemFSLoc)
			for m := range v.Values {
				v.Values[m] = append(v.Values[m], float32(math.NaN()))
			}
		}
		if value := float64(result.Value); result.Status != StatusNotJudged && !math.IsNaN(value) && !math.IsInf(value, 0) {
			v.Values[metric][test] = float32(value)
		}
	}
	return all
}

// DriftQuery chooses slow growth of a project that reports say.
type DriftQuery struct {
	Project string
	Branch  *string   // nil means the branch of the last run
	Env     string    // class of machine; empty for all
	Since   time.Time // leaves out what began before
}

// DriftList is the slow growth that the last kept reports of a branch say, on each class of machine. Its JSON is the answer of
// `GET /api/v1/drift`.
type DriftList struct {
	Project string      `json:"project"`
	Branch  string      `json:"branch"`
	Runs    []RunMark   `json:"runs"`    // of these reports, the last one first
	Results []Result    `json:"results"` // the greatest growth first
	Parts   []PartDrift `json:"parts"`   // suites first
}

// DriftStore lists slow growth. It is safe for concurrent use.
type DriftStore interface {
	// ListDrift never judges. The list is empty where no report was kept.
	ListDrift(ctx context.Context, q DriftQuery) (*DriftList, error)
}
