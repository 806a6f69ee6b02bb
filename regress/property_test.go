package regress_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// TestMain makes rapid draw fewer histories, since judging takes long with the race detector. -rapid.checks=1000 draws more.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "25"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// drawSuite draws a suite of all that a detector meets: steps, repeated ids, missing runs, several processes and machines.
func drawSuite(t *rapid.T) *suite {
	runs := rapid.IntRange(1, 24).Draw(t, "runs")
	s := newSuite(runs)
	s.random = rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	tests := rapid.IntRange(1, 30).Draw(t, "tests")
	step := rapid.IntRange(0, runs).Draw(t, "step")
	for run := range runs {
		parallel := s.random.Float64() < 0.1
		for test := range tests {
			name := fmt.Sprintf("test_%02d", test-test%4/3) // the fourth shares the id of the third
			if s.random.Float64() < 0.1 {
				continue
			}
			m := s.steady()
			if run >= step && test%5 == 0 {
				m = measured{2 * m.cpu, 3 * m.total, m.mem + 50}
			}
			if s.random.Float64() < 0.02 {
				m.cpu = math.NaN()
			}
			x := s.add(run, name, m)
			if parallel {
				x.Session = fmt.Sprint("worker", s.random.IntN(3))
			}
			if test == 7 && s.random.Float64() < 0.5 {
				x.Env = "other"
			}
		}
	}
	return s
}

// text is a report as JSON, by which reports are compared: it has no NaN, which equals nothing.
func text(t require.TestingT, r *monitor.Report) string {
	b, err := json.Marshal(r)
	require.NoError(t, err)
	return string(b)
}

func judgeWith(t require.TestingT, settings regress.Settings, l monitor.Comparison, samples []monitor.Sample) *monitor.Report {
	d, err := regress.New(settings)
	require.NoError(t, err)
	r, err := d.Judge(l, give(samples))
	require.NoError(t, err)
	return r
}

// TestOrderAndRepeats holds that the order in which samples arrive, how often, by which pointers, and what else is
// among them changes nothing.
func TestOrderAndRepeats(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSuite(t)
		l := past(s.runs, len(s.runs)-1)
		want := text(t, judgeWith(t, regress.Defaults(), l, s.samples))

		samples := slices.Clone(s.samples)
		for i := range samples {
			if s.random.Float64() < 0.2 {
				again := samples[i]
				series, run := *again.Series, *again.Run
				again.Series, again.Run = &series, &run
				samples = append(samples, again)
			}
		}
		if len(samples) > 0 {
			stranger := samples[0]
			stranger.Run = &monitor.RunInfo{Project: "p", ID: "another"}
			samples = append(samples, stranger)
		}
		s.random.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
		require.Equal(t, want, text(t, judgeWith(t, regress.Defaults(), l, samples)))
	})
}

// TestUnits holds that a suite measured in other units, by settings in these units, is judged alike.
func TestUnits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSuite(t)
		l := past(s.runs, len(s.runs)-1)
		// Powers of two, so that not even the last digit differs.
		power := rapid.IntRange(0, 10).Draw(t, "power")
		factor := math.Pow(2, float64(power))
		want := judgeWith(t, regress.Defaults(), l, s.samples)
		samples := slices.Clone(s.samples)
		for i := range samples {
			samples[i].CPUTime *= factor
			samples[i].TotalTime *= factor
			samples[i].MemUsage *= factor
			samples[i].Start <<= power // sessions follow each other as before
		}
		settings := regress.Defaults()
		for _, g := range []*regress.Thresholds{&settings.CPUTime, &settings.MemUsage, &settings.TotalTime} {
			g.Least *= factor
			g.Jitter *= factor
			g.Delta *= factor
		}
		got := judgeWith(t, settings, l, samples)
		require.Equal(t, want.Summary, got.Summary)
		require.Equal(t, want.Suite.Status, got.Suite.Status)
		for _, x := range got.Results {
			for _, y := range want.Results {
				if x.TestID == y.TestID && x.Metric == y.Metric {
					require.Equal(t, y.Status, x.Status)
					require.Equal(t, y.FirstBad, x.FirstBad)
					near(t, float64(y.Value)*factor, float64(x.Value))
					near(t, float64(y.Limit)*factor, float64(x.Limit))
					near(t, float64(y.P), float64(x.P))
				}
			}
		}
	})
}

func near(t require.TestingT, want, got float64) {
	if !math.IsNaN(want) || !math.IsNaN(got) {
		require.InEpsilon(t, want+1e-300, got+1e-300, 1e-6)
	}
}

// TestMoreEvidence holds that a regression stays one when what it was seen by becomes larger, and when another run
// shows no less than the worst of these. The step is clear: each run that shows it is half as far again from what is usual as
// a suspect must be, since what is just beyond a limit may be just within it when one more run is known.
func TestMoreEvidence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.IntRange(8, 30).Draw(t, "before")
		bad := rapid.IntRange(3, 8).Draw(t, "bad") // with 9, one run that looks alike by chance could make the ten that are usual
		factor := rapid.Float64Range(1.6, 4).Draw(t, "factor")
		s := newSuite(before + bad + 1)
		s.random = rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		s.each("test_slower", func(run int) measured {
			m := s.steady()
			if run >= before {
				m = measured{m.cpu * factor, m.total * factor, m.mem * factor}
			}
			return m
		})
		judged := before + bad - 1
		l := past(s.runs, judged)
		first := judgeWith(t, regress.Defaults(), l, s.samples)

		worse := slices.Clone(s.samples)
		grow := rapid.Float64Range(1, 3).Draw(t, "grow")
		for i := range worse {
			if slices.Contains(l.Window, worse[i].Run) {
				worse[i].CPUTime *= grow
				worse[i].TotalTime *= grow
				worse[i].MemUsage *= grow
			}
		}
		larger := judgeWith(t, regress.Defaults(), l, worse)
		last := &s.samples[len(s.samples)-1]
		for _, x := range s.samples[before : judged+1] {
			last.CPUTime, last.TotalTime = max(last.CPUTime, x.CPUTime), max(last.TotalTime, x.TotalTime)
			last.MemUsage = max(last.MemUsage, x.MemUsage)
		}
		next := judgeWith(t, regress.Defaults(), past(s.runs, judged+1), s.samples)
		for _, x := range first.Results {
			if x.Status != monitor.StatusRegression || !s.clear(x, before, judged) {
				continue
			}
			for _, y := range larger.Results {
				if x.Metric == y.Metric {
					// Much larger than before may be a second step, which one that is often so large has yet to show.
					require.Contains(t, []monitor.Status{monitor.StatusRegression, monitor.StatusSuspect}, y.Status, "larger: %v", y)
				}
			}
			for _, y := range next.Results {
				if x.Metric == y.Metric {
					require.Equal(t, monitor.StatusRegression, y.Status, "next: %v", y)
				}
			}
		}
	})
}

// clear says whether all runs from one to another are half as far again from the usual value of a result as its limit is.
func (s *suite) clear(x monitor.Result, from, to int) bool {
	least := math.Inf(1)
	for _, m := range s.samples[from : to+1] {
		least = min(least, map[string]float64{"cpu_time": m.CPUTime, "mem_usage": m.MemUsage, "total_time": m.TotalTime}[x.Metric])
	}
	return math.Log(least/float64(x.Baseline)) > 1.5*math.Log(float64(x.Limit)/float64(x.Baseline))
}

// TestAnything holds that whatever is measured, there is a report with a result for each test and metric.
func TestAnything(t *testing.T) {
	t.Parallel()
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -1, -1e300, 1e-320, math.MaxFloat64, 1, 1, 1, 2}
	rapid.Check(t, func(t *rapid.T) {
		s := newSuite(rapid.IntRange(1, 34).Draw(t, "runs"))
		tests := rapid.IntRange(0, 25).Draw(t, "tests")
		pick := rapid.SampledFrom(odd)
		if rapid.Bool().Draw(t, "one kind") {
			pick = rapid.Just(pick.Draw(t, "kind"))
		}
		for test := range tests {
			s.each(fmt.Sprint("test", test), func(int) measured {
				return measured{pick.Draw(t, "cpu"), pick.Draw(t, "total"), pick.Draw(t, "mem")}
			})
		}
		r := judgeWith(t, regress.Defaults(), past(s.runs, len(s.runs)-1), s.samples)
		require.Len(t, r.Results, 3*tests)
		sum := r.Summary
		require.Equal(t, 3*tests, sum.OK+sum.Learning+sum.NotJudged+sum.Suspects+sum.Regressions+sum.Improvements)
		for _, x := range r.Results {
			require.Equal(t, x.Status == monitor.StatusNotJudged, x.Reason != "")
			require.Equal(t, x.Status == monitor.StatusRegression, x.Level != "")
			for _, p := range []monitor.Number{x.P, x.Q} {
				require.False(t, p < 0 || p > 1, "%v", x)
			}
		}
		_ = text(t, r)
	})
}

// TestNothing holds that a run that measured nothing is reported too.
func TestNothing(t *testing.T) {
	t.Parallel()
	s := newSuite(12)
	s.each("test_gone", func(run int) measured { return s.steady() })
	s.samples = slices.DeleteFunc(s.samples, func(x monitor.Sample) bool { return x.Run == s.runs[11] })
	for _, samples := range [][]monitor.Sample{nil, s.samples} {
		r := judge(t, past(s.runs, 11), give(samples))
		require.Empty(t, r.Results)
		require.NotNil(t, r.Results)
		require.NotNil(t, r.Suite.Machines)
		require.Zero(t, r.Summary)
		require.Equal(t, monitor.StatusLearning, r.Suite.Status)
		require.Contains(t, text(t, r), `"offset":{"cpu_time":null,"total_time":null}`)
	}
}
