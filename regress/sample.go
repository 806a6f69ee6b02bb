package regress

import (
	"iter"
	"maps"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// sample is a [monitor.Sample] with numbers in place of everything that repeats.
type sample struct {
	start   int64
	value   values
	run     int32 // number in the comparison
	session int32
}

// runs are the runs of a comparison: first the baseline, then the window, whose last run is judged.
type runs struct {
	infos  []*monitor.RunInfo
	window int // where the window begins
	byID   map[string]int32
	sizes  []int // how many measurements each has
	// foreign says that the baseline is another branch's. Changes there are not the doing of the judged run.
	foreign bool
	// again says by run whether it is the judged run, or another run of its commit.
	again []bool
}

// newRuns numbers the runs of a comparison.
func newRuns(c monitor.Comparison) runs {
	judged := c.Judged()
	r := runs{
		infos:   slices.Concat(c.Baseline, c.Window),
		window:  len(c.Baseline),
		byID:    map[string]int32{},
		foreign: judged.Branch != c.Branch,
	}
	r.again = make([]bool, len(r.infos))
	for i, info := range r.infos {
		r.byID[info.ID] = int32(i)
		r.sizes = append(r.sizes, int(info.Tests+info.Modules))
		r.again[i] = info == judged || info.ScmRef != "" && info.ScmRef == judged.ScmRef
	}
	return r
}

// last returns the number of the judged run.
func (r *runs) last() int { return len(r.infos) - 1 }

// collector sorts samples by class of machine.
type collector struct {
	runs     runs
	machines map[string]*machine
	sessions map[sessionKey]int32
	// What the last sample had, since neighbours mostly share it.
	last        *machine
	lastRun     *monitor.RunInfo
	lastSession string
	run         int32 // number of lastRun, or none
	session     int32 // number of lastSession in lastRun
}

// sessionKey is a session in a run. A session is in one run only, unless something is amiss.
type sessionKey struct {
	hash string
	run  int32
}

// collect reads all samples of the runs. It returns the classes of machine on which the judged run measured something, by
// name.
func collect(r runs, samples iter.Seq2[monitor.Sample, error]) ([]*machine, error) {
	c := &collector{runs: r, machines: map[string]*machine{}, sessions: map[sessionKey]int32{}}
	for s, err := range samples {
		if err != nil {
			return nil, err
		}
		c.add(&s)
	}
	var measured []*machine
	for _, env := range slices.Sorted(maps.Keys(c.machines)) {
		if m := c.machines[env]; m.session[r.last()] != none {
			measured = append(measured, m)
		}
	}
	return measured, nil
}

// add keeps a sample, unless it is of another run.
func (c *collector) add(s *monitor.Sample) {
	if c.find(s); c.run == none {
		return
	}
	m := c.machine(s.Env)
	test := m.test(s.Series)
	if int(c.run) == c.runs.last() {
		if m.files[test] == "" || s.Location != "" && s.Location < m.files[test] {
			m.files[test] = s.Location
		}
	}
	kept := sample{start: s.Start, run: c.run, session: c.session}
	for metric, of := range monitor.JudgedMetrics {
		if kept.value[metric] = of.Of(*s); math.IsInf(kept.value[metric], 0) { // no clock shows this
			kept.value[metric] = math.NaN()
		}
	}
	m.add(test, &kept)
}

// find finds the numbers of the run and of the session of a sample.
func (c *collector) find(s *monitor.Sample) {
	if c.lastRun == s.Run && c.lastSession == s.Session {
		return
	}
	c.lastRun, c.lastSession = s.Run, s.Session
	var ok bool
	if c.run, ok = c.runs.byID[s.Run.ID]; !ok {
		c.run = none
		return
	}
	key := sessionKey{s.Session, c.run}
	if c.session, ok = c.sessions[key]; !ok {
		c.session = int32(len(c.sessions))
		c.sessions[key] = c.session
	}
}

func (c *collector) machine(env string) *machine {
	if c.last == nil || c.last.env != env {
		if c.last = c.machines[env]; c.last == nil {
			c.last = newMachine(env, c.runs.sizes)
			c.machines[env] = c.last
		}
	}
	return c.last
}
