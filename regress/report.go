package regress

import (
	"cmp"
	"maps"
	"math"
	"runtime/debug"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// report gathers what was found on each class of machine.
type report struct {
	*monitor.Report
	judgements []*judgement
	measured   map[int]bool // earlier runs that measured something
	window     int          // the runs before it are the baseline
}

func newReport(c monitor.Comparison) *report {
	run := c.Judged()
	return &report{
		Report: &monitor.Report{
			Project: run.Project, Run: run.ID, ScmRef: run.ScmRef, Branch: run.Branch, Build: run.Build,
			Against:  c.Branch,
			Sessions: slices.Clone(run.Sessions),
			Started:  time.Unix(0, run.Started).UTC(),
			Suite:    monitor.Suite{Offset: offset(absent()), Machines: []monitor.Machine{}},
		},
		measured: map[int]bool{}, window: len(c.Baseline),
	}
}

// add takes what was found on a class of machine.
func (r *report) add(j *judgement) {
	r.judgements = append(r.judgements, j)
	for run, ran := range j.ran()[:j.last()] {
		if ran {
			r.measured[run] = true
		}
	}
	m := monitor.Machine{Env: j.env, Status: j.speed.status, Offset: offset(j.speed.ratio), Tests: len(j.units)}
	for i := range j.units {
		m.TotalTime = added(m.TotalTime, j.units[i].value[totalTime])
		m.CPUTime = added(m.CPUTime, j.units[i].value[cpuTime])
	}
	r.Suite.Machines = append(r.Suite.Machines, m)
	r.note(j.addedUp(), "several processes of the run measured them, so the times are added up; --tag run=NAME makes each pytest a run")
	r.note(int(j.retried), "ran again in the same run; of two measurements the lower counts, of more the middle one")
}

// note says what became of measurements that are not judged as they are.
func (r *report) note(tests int, reason string) {
	if tests > 0 {
		r.LeftOut = append(r.LeftOut, monitor.LeftOut{Reason: reason, Tests: int64(tests)})
	}
}

// added returns a sum that leaves out what is absent, and stays a number that JSON can hold whatever a client has sent.
func added(sum, x float64) float64 {
	if math.IsNaN(x) {
		return sum
	}
	return min(max(sum+x, -math.MaxFloat64), math.MaxFloat64)
}

// offset returns the ratios of the timed metrics by name.
func offset(ratio values) map[string]monitor.Number {
	named := map[string]monitor.Number{}
	for metric := range timed {
		named[monitor.JudgedMetrics[metric].Name] = monitor.Number(ratio[metric])
	}
	return named
}

// manyUnits have samples and results of some ten MB.
const manyUnits = 10_000

// release gives back the memory of what nothing refers to any more. By itself the garbage collector would run only when the results, or
// what looks for slow growth in them, have taken as much again.
func release(units int) {
	if units > manyUnits {
		debug.FreeOSMemory()
	}
}

// finish makes the report of what was added.
func (r *report) finish() {
	for run := range r.measured {
		if run < r.window {
			r.BaselineRuns++
		} else {
			r.WindowRuns++
		}
	}
	r.finishSuite()
	units := 0
	for _, j := range r.judgements {
		units += len(j.units)
		j.columns, j.repeated, j.byPointer, j.byValue = nil, nil, nil, nil // the results take as much memory as these did
	}
	release(units)
	r.Results = make([]monitor.Result, metrics*units)
	rest := r.Results
	for _, j := range r.judgements {
		rest = j.results(rest)
	}
	r.judgements = nil
	release(units)
	r.Arrange()
}

// finishSuite takes the status and offset of the machine with the worst status.
func (r *report) finishSuite() {
	r.Suite.Status = monitor.StatusLearning
	if len(r.Suite.Machines) == 0 {
		return
	}
	worst := slices.MinFunc(r.Suite.Machines, func(a, b monitor.Machine) int {
		return cmp.Or(cmp.Compare(a.Status.Severity(), b.Status.Severity()), cmp.Compare(slowest(b), slowest(a)))
	})
	r.Suite.Status, r.Suite.Offset = worst.Status, maps.Clone(worst.Offset)
}

// slowest returns the larger offset of a machine, 0 when none is known.
func slowest(m monitor.Machine) (most float64) {
	for _, ratio := range m.Offset {
		if float64(ratio) > most {
			most = float64(ratio)
		}
	}
	return most
}

// results writes the results of all units to the beginning of a slice and returns the rest of it.
func (j *judgement) results(to []monitor.Result) (rest []monitor.Result) {
	inParallel(len(j.units), func(from, until int) {
		for i := from; i < until; i++ {
			for metric := range metrics {
				j.result(&to[metrics*i+metric], metric, i)
			}
		}
	})
	return to[metrics*len(j.units):]
}

// result writes what became of a metric of a unit into r.
func (j *judgement) result(r *monitor.Result, metric, i int) {
	u, v := &j.units[i], &j.verdicts[metric][i]
	unknown := monitor.Number(math.NaN())
	*r = monitor.Result{
		TestID: j.id(u), ItemFSLoc: j.files[u.test], Metric: monitor.JudgedMetrics[metric].Name, Status: v.status, Reason: v.reason,
		Baseline: unknown, Limit: unknown, Value: monitor.Number(u.value[metric]), Ratio: unknown, Delta: unknown,
		P: unknown, Q: unknown, N: v.n,
	}
	if v.status == monitor.StatusNotJudged || v.status == monitor.StatusLearning {
		return
	}
	// All is shown at the speed that the machine had in this run, so that the value is what was measured.
	speed := j.offsets.at(metric, j.last())
	if v.status == monitor.StatusAccepted { // the numbers are those of the change
		r.Acceptance = v.by
		v = v.accepted
		v.status = monitor.StatusAccepted
	}
	r.Baseline, r.Limit = monitor.Number(math.Exp(v.usual+speed)), monitor.Number(math.Exp(v.limit+speed))
	r.P, r.Q = monitor.Number(v.single), monitor.Number(v.q)
	switch v.status {
	case monitor.StatusRegression, monitor.StatusImprovement, monitor.StatusAccepted:
		r.Value, r.P = monitor.Number(math.Exp(v.pooled+speed)), monitor.Number(v.confirmed)
	}
	if v.status == monitor.StatusRegression {
		if r.Level = monitor.LevelWarn; v.pooled-v.usual >= math.Log(j.adjusted[metric].CritRatio) {
			r.Level = monitor.LevelCrit
		}
		r.UsualAgain = v.level-v.usual <= (v.pooled-v.usual)/2 // see lasting
	}
	r.Ratio, r.Delta = r.Value/r.Baseline, r.Value-r.Baseline
	if v.status != monitor.StatusOK {
		r.LastGood, r.FirstBad = j.commit(v.lastGood), j.commit(v.firstBad)
		if v.firstBad != none {
			r.Since = j.infos[v.firstBad].Started
		}
	}
}

// commit returns the commit of a run, empty for none.
func (j *judgement) commit(run int) string {
	if run == none {
		return ""
	}
	return j.infos[run].ScmRef
}
