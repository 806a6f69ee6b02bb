package regress

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// report gathers what became of each class of machine.
type report struct {
	*monitor.Report
	machines []*judged
	earlier  map[int]bool // runs of the baseline that measured something
}

func newReport(l monitor.Comparison) *report {
	head := l.Judged()
	return &report{
		Report: &monitor.Report{
			Project: head.Project, Run: head.ID, ScmRef: head.ScmRef, Branch: head.Branch, Build: head.Build,
			Against:  l.Branch,
			Sessions: slices.Clone(head.Sessions),
			Started:  time.Unix(0, head.Started).UTC(),
			Suite:    monitor.Suite{Offset: offset(absent())},
		},
		earlier: map[int]bool{},
	}
}

// add takes what became of a class of machine.
func (r *report) add(j *judged) {
	r.machines = append(r.machines, j)
	for run, session := range j.session[:j.window] {
		if session != none {
			r.earlier[run] = true
		}
	}
	r.Suite.Machines = append(r.Suite.Machines, j.machineReport())
}

// machineReport says what the tests of a class of machine have in common.
func (j *judged) machineReport() monitor.Machine {
	m := monitor.Machine{Env: j.env, Status: j.speed.status, Offset: offset(j.speed.ratio), Tests: len(j.units)}
	byRank := make([]int, len(j.units))
	for i, rank := range j.rank {
		byRank[rank] = i
	}
	for _, i := range byRank { // sums of floats depend on the order
		m.TotalTime = added(m.TotalTime, j.units[i].value[totalTime])
		m.CPUTime = added(m.CPUTime, j.units[i].value[cpuTime])
	}
	return m
}

// added returns a sum that leaves out what is absent, and stays a number that JSON can hold whatever a client has sent.
func added(sum, x float64) float64 {
	if math.IsNaN(x) {
		return sum
	}
	return min(max(sum+x, -math.MaxFloat64), math.MaxFloat64)
}

// offset returns the ratios by name of those metrics that the speed of a machine shows in.
func offset(ratio [metrics]float64) map[string]monitor.Number {
	named := map[string]monitor.Number{}
	for _, metric := range timed() {
		named[name(metric)] = monitor.Number(ratio[metric])
	}
	return named
}

// finish makes the report of what was added.
func (r *report) finish() {
	r.BaselineRuns = len(r.earlier)
	r.finishSuite()
	r.finishResults()
}

// finishSuite takes the status and offset of the machine that fared worst.
func (r *report) finishSuite() {
	r.Suite.Status = monitor.StatusLearning
	if r.Suite.Machines == nil {
		r.Suite.Machines = []monitor.Machine{}
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

// place is where a result belongs. It is sorted in place of the result, which is large.
type place struct {
	severity, level int
	change          float64 // the larger the worse, or the better for improvements; −Inf where unknown
	machine, rank   int
	metric, unit    int
}

// finishResults makes and orders all results.
func (r *report) finishResults() {
	var places []place
	for m, j := range r.machines {
		r.Summary.Tests += len(j.units)
		for metric := range j.verdicts {
			for i := range j.verdicts[metric] {
				places = append(places, j.place(m, metric, i))
			}
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.severity, b.severity), cmp.Compare(a.level, b.level), cmp.Compare(b.change, a.change),
			cmp.Compare(a.machine, b.machine), cmp.Compare(a.rank, b.rank), cmp.Compare(a.metric, b.metric))
	})
	r.Results = make([]monitor.Result, len(places))
	inParallel(len(places), func(from, to int) {
		for i := from; i < to; i++ {
			p := &places[i]
			r.machines[p.machine].result(&r.Results[i], p.metric, p.unit)
		}
	})
	for i := range r.Results {
		r.Summary.Count(r.Results[i].Status)
	}
}

// place returns where the result of a unit belongs.
func (j *judged) place(machine, metric, i int) place {
	v := &j.verdicts[metric][i]
	p := place{severity: v.status.Severity(), machine: machine, rank: j.rank[i], metric: metric, unit: i}
	switch v.status {
	case monitor.StatusNotJudged, monitor.StatusLearning:
	case monitor.StatusRegression:
		p.change = v.pooled - v.usual
		if v.grade(j.gates[metric]) == monitor.LevelWarn {
			p.level = 1
		}
	case monitor.StatusImprovement:
		p.change = v.usual - v.pooled
	default:
		p.change = v.level - v.usual
	}
	return p
}

// ranks returns the place of each unit by name.
func (j *judged) ranks() []int {
	order := make([]int, len(j.units))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		s, o := j.series[j.units[a].row], j.series[j.units[b].row]
		return cmp.Or(strings.Compare(s.Component, o.Component), strings.Compare(s.ItemPath, o.ItemPath),
			strings.Compare(s.Item, o.Item), strings.Compare(s.ItemVariant, o.ItemVariant), strings.Compare(s.Kind, o.Kind),
			strings.Compare(s.Project, o.Project), cmp.Compare(j.units[a].occurrence, j.units[b].occurrence))
	})
	rank := make([]int, len(order))
	for at, i := range order {
		rank[i] = at
	}
	return rank
}

// result writes what became of a unit into r.
func (j *judged) result(r *monitor.Result, metric, i int) {
	u, v := &j.units[i], &j.verdicts[metric][i]
	unknown := monitor.Number(math.NaN())
	*r = monitor.Result{
		TestID: j.id(u), ItemFSLoc: j.places[u.row], Metric: name(metric), Status: v.status, Reason: v.reason,
		Baseline: unknown, Limit: unknown, Value: monitor.Number(u.value[metric]), Ratio: unknown, Delta: unknown,
		P: unknown, Q: unknown, N: v.n,
	}
	if v.status == monitor.StatusNotJudged || v.status == monitor.StatusLearning {
		return
	}
	// All is shown at the speed that the machine had in this run, so that the value is what was measured.
	speed := j.offsets[metric][j.last()]
	r.Baseline, r.Limit = monitor.Number(math.Exp(v.usual+speed)), monitor.Number(math.Exp(v.limit+speed))
	r.P, r.Q = monitor.Number(v.single), monitor.Number(v.q)
	switch v.status {
	case monitor.StatusRegression, monitor.StatusImprovement:
		r.Value, r.P = monitor.Number(math.Exp(v.pooled+speed)), monitor.Number(v.confirmed)
	}
	if v.status == monitor.StatusRegression {
		r.Level = v.grade(j.gates[metric])
	}
	r.Ratio, r.Delta = r.Value/r.Baseline, r.Value-r.Baseline
	if v.status != monitor.StatusOK {
		r.LastGood, r.FirstBad = j.commit(v.lastGood), j.commit(v.firstBad)
	}
}

// grade is how bad a regression is.
func (v *verdict) grade(g *gate) monitor.Level {
	if v.pooled-v.usual >= math.Log(g.CritRatio) {
		return monitor.LevelCrit
	}
	return monitor.LevelWarn
}

// commit returns the commit of a run, empty for none.
func (j *judged) commit(run int) string {
	if run == none {
		return ""
	}
	return j.heads[run].ScmRef
}
