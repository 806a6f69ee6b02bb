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

// past has the last values of a test in the runs before the one that is looked at, by metric in the order of
// [monitor.JudgedMetrics]; NaN where there are fewer.
type past [len(monitor.JudgedMetrics)][earlierRuns]float32

// pasts gathers the values of tests in earlier runs.
type pasts struct {
	at     map[testKey]int
	values []gathered
}

type gathered struct {
	n  [len(monitor.JudgedMetrics)]int
	of [len(monitor.JudgedMetrics)][earlierRuns]float64
}

func newPasts() *pasts { return &pasts{at: map[testKey]int{}} }

func (p *pasts) add(s *monitor.Sample) {
	key := testKey{s.Series, s.Env}
	at, ok := p.at[key]
	if !ok {
		at = len(p.values)
		p.at[key] = at
		p.values = append(p.values, gathered{})
	}
	g := &p.values[at]
	for i, m := range monitor.JudgedMetrics {
		if v := m.Of(*s); !math.IsNaN(v) && g.n[i] < earlierRuns {
			g.of[i][g.n[i]] = v
			g.n[i]++
		}
	}
}

// of returns the values of a test, and the middle of its wall times; NaN when unknown. known is false for a test that no earlier
// run has.
func (p *pasts) of(key testKey) (before float64, values past, known bool) {
	at, known := p.at[key]
	var g gathered
	if known {
		g = p.values[at]
	}
	before = math.NaN()
	for i, m := range monitor.JudgedMetrics {
		for n := range values[i] {
			values[i][n] = float32(math.NaN())
			if n < g.n[i] {
				values[i][n] = float32(g.of[i][n])
			}
		}
		if m.Name == monitor.MetricTotalTime {
			before = middle(g.of[i][:g.n[i]])
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
