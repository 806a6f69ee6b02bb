package regress_test

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// measured is what one test measured in one run.
type measured struct{ cpu, total, mem float64 }

// suite is a made-up series of runs.
type suite struct {
	runs    []*monitor.RunInfo
	samples []monitor.Sample
	series  map[string]*monitor.Series
	clock   []int64 // by run, when the next test starts
	random  *rand.Rand
}

// newSuite makes n empty runs.
func newSuite(n int) *suite {
	s := &suite{series: map[string]*monitor.Series{}, clock: make([]int64, n), random: rand.New(rand.NewPCG(7, 11))}
	for i := range n {
		s.runs = append(s.runs, runInfo(i))
		s.clock[i] = s.runs[i].Started
	}
	return s
}

// noisy returns a value with the noise of a shared machine, of a relative spread.
func (s *suite) noisy(value, spread float64) float64 {
	return value * math.Exp(spread*s.random.NormFloat64())
}

// add measures a test in one run, after those that were added before.
func (s *suite) add(run int, name string, m measured) *monitor.Sample {
	if s.series[name] == nil {
		s.series[name] = &monitor.Series{Project: "p", ItemPath: "tests", Item: name, ItemVariant: name, Kind: "function"}
	}
	s.clock[run] += 1e9
	s.samples = append(s.samples, monitor.Sample{
		Run: s.runs[run], Session: s.runs[run].Sessions[0], Series: s.series[name], Env: "m", Location: "tests.py",
		Start: s.clock[run], TotalTime: m.total, CPUTime: m.cpu, MemUsage: m.mem,
	})
	return &s.samples[len(s.samples)-1]
}

// each measures a test in every run.
func (s *suite) each(name string, value func(run int) measured) {
	for run := range s.runs {
		s.add(run, name, value(run))
	}
}

// steady is a test of 0.2 s CPU, 0.3 s wall and 80 MiB, with noise.
func (s *suite) steady() measured {
	return measured{cpu: s.noisy(0.2, 0.05), total: s.noisy(0.3, 0.1), mem: s.noisy(80, 0.001)}
}

// crowd adds n steady tests, by which the speed of the machine is known.
func (s *suite) crowd(n int) {
	for i := range n {
		s.each(fmt.Sprintf("test_crowd_%02d", i), func(int) measured { return s.steady() })
	}
}

// all gives the samples.
func (s *suite) all() iter.Seq2[monitor.Sample, error] { return give(s.samples) }

func give(samples []monitor.Sample) iter.Seq2[monitor.Sample, error] {
	return func(yield func(monitor.Sample, error) bool) {
		for _, s := range samples {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// judge judges one of the runs by those before it.
func (s *suite) judge(t testing.TB, run int) *monitor.Report {
	t.Helper()
	return judge(t, past(s.runs, run), s.all())
}

// last judges the last run.
func (s *suite) last(t testing.TB) *monitor.Report {
	t.Helper()
	return s.judge(t, len(s.runs)-1)
}

// judge judges with the default settings.
func judge(t testing.TB, l monitor.Comparison, samples iter.Seq2[monitor.Sample, error]) *monitor.Report {
	t.Helper()
	d, err := regress.New(regress.Defaults())
	require.NoError(t, err)
	r, err := d.Judge(l, samples)
	require.NoError(t, err)
	return r
}

// result returns what became of a metric of a test.
func result(t testing.TB, r *monitor.Report, name, metric string) monitor.Result {
	t.Helper()
	for _, x := range r.Results {
		if x.ItemVariant == name && x.Metric == metric && x.Occurrence == 0 {
			return x
		}
	}
	require.Failf(t, "no result", "%s of %s", metric, name)
	return monitor.Result{}
}

// found returns the results that have one of some statuses, as "test metric".
func found(r *monitor.Report, statuses ...monitor.Status) (names []string) {
	for _, x := range r.Results {
		for _, status := range statuses {
			if x.Status == status {
				names = append(names, x.ItemVariant+" "+x.Metric)
			}
		}
	}
	return names
}
