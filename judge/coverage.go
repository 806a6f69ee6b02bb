package judge

import "pymon-bridge/monitor"

// coverage counts the samples that were read, and by class of machine the runs of the baseline that they are of. It takes the
// samples of the judged run first.
type coverage struct {
	run      *monitor.RunInfo // the judged one
	baseline map[*monitor.RunInfo]struct{}
	envs     map[string]*envCoverage

	samples, tests int   // all samples, and those of the judged run
	ended          int64 // end of the last test of the judged run, in UTC nanoseconds
	full           bool  // more would be too many

	last *envCoverage // of the last sample: neighbours mostly share it
	env  string
}

// envCoverage is the coverage of a class of machine.
type envCoverage struct {
	tests   map[monitor.Series]struct{} // of the judged run
	known   map[*monitor.Series]bool    // whether it is one of tests; only of the list that is read, which has its own pointers
	sharing map[*monitor.RunInfo]*int   // samples of tests, by run of the baseline
	runs    int                         // of the baseline, that have at least half of the tests: others are other shards

	run    *monitor.RunInfo // of the last sample
	shared *int             // its number in sharing; nil outside the baseline
}

func newCoverage(c monitor.Comparison) *coverage {
	seen := &coverage{run: c.Judged(), baseline: make(map[*monitor.RunInfo]struct{}, len(c.Baseline)), envs: map[string]*envCoverage{}}
	for _, run := range c.Baseline {
		seen.baseline[run] = struct{}{}
	}
	return seen
}

// newList says that the next samples are of another list.
func (c *coverage) newList() {
	for _, on := range c.envs {
		clear(on.known)
	}
}

func (c *coverage) add(s monitor.Sample) {
	c.samples++
	if c.last == nil || c.env != s.Env {
		if c.env, c.last = s.Env, c.envs[s.Env]; c.last == nil {
			size := int(min(c.run.Tests+c.run.Modules, 1<<16)) // a wrong guess costs little
			c.last = &envCoverage{tests: make(map[monitor.Series]struct{}, size), known: make(map[*monitor.Series]bool, size),
				sharing: map[*monitor.RunInfo]*int{}}
			c.envs[s.Env] = c.last
		}
	}
	if s.Run == c.run {
		c.tests++
		c.ended = max(c.ended, s.End())
		c.last.tests[*s.Series] = struct{}{}
		return
	}
	if on := c.last; on.run != s.Run {
		on.run, on.shared = s.Run, nil
		if _, ok := c.baseline[s.Run]; ok {
			on.shared = on.ofRun(s.Run)
		}
	}
	if c.last.shared != nil {
		c.last.share(s.Series)
	}
}

// ofRun returns where the samples of a run are counted.
func (e *envCoverage) ofRun(run *monitor.RunInfo) *int {
	if e.sharing[run] == nil {
		e.sharing[run] = new(int)
	}
	return e.sharing[run]
}

// share counts a sample of the baseline.
func (e *envCoverage) share(series *monitor.Series) {
	half := (len(e.tests) + 1) / 2
	if *e.shared >= half {
		return
	}
	is, ok := e.known[series]
	if !ok {
		_, is = e.tests[*series]
		e.known[series] = is
	}
	if !is {
		return
	}
	if *e.shared++; *e.shared == half {
		e.runs++
	}
}

// least returns how many runs of the baseline there are on the class of machine of the judged run that has fewest. It is
// a large number where the judged run has no sample.
func (c *coverage) least() int {
	least := 1 << 30
	for _, on := range c.envs {
		if len(on.tests) > 0 {
			least = min(least, on.runs)
		}
	}
	return least
}
