package web

import (
	"math"

	"pymon-bridge/monitor"
)

// testKey is a test on a class of machine. The samples of one list share the series of each test.
type testKey struct {
	series *monitor.Series
	env    string
}

// past has the values of a test in the runs before the one that is looked at, one for each run, by metric in the order of
// [monitor.JudgedMetrics]; NaN where there are fewer.
type past [len(monitor.JudgedMetrics)][earlierRuns]float32

// pasts gathers the values of tests in earlier runs.
type pasts struct {
	at     map[testKey]int
	runs   map[*monitor.RunInfo]int
	values [][earlierRuns]measurement // by test and run
}

// measurement is the first one of a test in a run.
type measurement struct {
	known bool
	start int64
	of    [len(monitor.JudgedMetrics)]float64
}

// newPasts returns what takes the samples of up to earlierRuns runs.
func newPasts(earlier []*monitor.RunInfo) *pasts {
	p := &pasts{at: map[testKey]int{}, runs: map[*monitor.RunInfo]int{}}
	for i, run := range earlier {
		p.runs[run] = i
	}
	return p
}

// add takes samples in any order.
func (p *pasts) add(s *monitor.Sample) {
	key := testKey{s.Series, s.Env}
	at, ok := p.at[key]
	if !ok {
		at = len(p.values)
		p.at[key] = at
		p.values = append(p.values, [earlierRuns]measurement{})
	}
	first := &p.values[at][p.runs[s.Run]]
	if first.known && first.start <= s.Start {
		return
	}
	first.known, first.start = true, s.Start
	for i, m := range monitor.JudgedMetrics {
		first.of[i] = m.Of(*s)
	}
}

// of returns the values of a test, and the middle of its wall times; NaN when unknown. known is false for a test that no earlier
// run has.
func (p *pasts) of(key testKey) (before float64, values past, known bool) {
	at, known := p.at[key]
	var runs [earlierRuns]measurement
	if known {
		runs = p.values[at]
	}
	before = math.NaN()
	for i, m := range monitor.JudgedMetrics {
		measured := make([]float64, 0, earlierRuns)
		for n, run := range runs {
			values[i][n] = float32(math.NaN())
			if v := run.of[i]; run.known && !math.IsNaN(v) {
				values[i][len(measured)] = float32(v)
				measured = append(measured, v)
			}
		}
		if m.Name == monitor.MetricTotalTime {
			before = middle(measured)
		}
	}
	return before, values, known
}

// shared returns the series of some tests as the samples share them, or ones of their own for tests without a sample.
func (p *pasts) shared(measured []test, tests []monitor.RunTest) map[monitor.Series]*monitor.Series {
	if len(tests) == 0 {
		return nil
	}
	all := make(map[monitor.Series]*monitor.Series, len(measured)+len(tests))
	for i := range tests {
		all[tests[i].Series] = &tests[i].Series
	}
	for i := range measured {
		all[*measured[i].of] = measured[i].of
	}
	for key := range p.at {
		all[*key.series] = key.series
	}
	return all
}
