package regress

import (
	"math"

	"pymon-bridge/monitor"
)

// Settings are the numbers that decide. [Defaults] has the recommended ones; the comment of each says why it is so.
type Settings struct {
	// BaselineRuns is how many earlier runs say what is usual. 30 are enough for a steady spread (more gain little:
	// the error of the median falls with the root of their number), and few enough to follow a suite that changes. The last
	// 30 runs that measured a test count, so a comparison may have more runs than that.
	BaselineRuns int
	// MinRuns is how many earlier runs a test needs before it is judged; until then it is learning. With fewer than 8 the
	// spread is a guess, and the t distribution asks for such large effects that hardly anything would be found.
	MinRuns int
	// WindowRuns is how many runs confirm a change together. Three are the fewest whose median a single outlier does not
	// move. More of them delay every finding.
	WindowRuns int
	// HoldRuns is after how many runs a new level becomes the usual one: 10 runs are reported, the eleventh is ok. By then
	// a team has had the time to see it, and what it accepted must not hide what comes next. Up to WindowRuns - 1 of the runs
	// may still be in the window, and the others must be enough for a baseline: hence at least MinRuns + WindowRuns - 1.
	HoldRuns int

	// MinTests is how many tests with a history it takes to tell the machine from the tests. The median over 20 moves by
	// about a quarter of the spread of a single test; with fewer, a handful of tests that really changed would count
	// as the machine.
	MinTests int
	// SlowRatio is the factor by which all tests together are slower when a run is called slow. 1.25 is what the upper
	// tenth of pairs of runs on hosted runners differs by, with unchanged code.
	SlowRatio float64

	// SuspectP is the one-sided probability by chance below which a value is a suspect. 1 % costs few re-runs, and loses
	// little: a suspect only asks for confirmation.
	SuspectP float64
	// HabitP concerns tests that were as slow before, and recovered by themselves. Such a test is a regression only if the
	// probability that it is slow by chance in all the runs that confirm, given how often it was, is below HabitP. With 0.2 %
	// three runs suffice if it was slow twice in 30 runs; a test that is slow in every tenth run takes four in a row, and one
	// in every fifth run takes five.
	HabitP float64
	// Q is the share of false regressions, among those reported of a run, that is aimed at (Benjamini-Hochberg). 5 % is
	// usual; with the other conditions far fewer are false.
	Q float64
	// BetterQ is Q for improvements. Nobody has to act on one, so it can wait until it is certain: 1 %.
	BetterQ float64
	// LargeSuite is the number of tests above which LargeQ stands for Q: 5 % of what a suite of 50,000 tests reports
	// is more than a person looks at.
	LargeSuite int
	// LargeQ is Q for large suites. 1 % costs about one run of delay for small effects.
	LargeQ float64

	// OneRunQ is Q where there is only one run, such as the first one of a commit of a pull request, and where two runs have to
	// be enough. Little confirms them, so they have to be beyond doubt.
	OneRunQ float64
	// OneRunRatio is the least ratio then. 1.5 is beyond what neighbouring runs of unchanged code differ by on hosted
	// runners, but for one pair in a hundred.
	OneRunRatio float64

	CPUTime   Thresholds
	MemUsage  Thresholds
	TotalTime Thresholds
	// PluginCPUTime and PluginMemUsage stand for CPUTime and MemUsage where the project's own plugin measured. It reads the CPU
	// time to the microsecond, and measures the memory that a test itself adds, so smaller values and differences count.
	PluginCPUTime  Thresholds
	PluginMemUsage Thresholds

	// Drift decides what is slow growth.
	Drift DriftSettings
}

// Thresholds say which differences of one metric count. Amounts are in the unit of the metric, at the usual speed of the
// machine.
type Thresholds struct {
	// Least is the least value told apart; smaller values count as Least. It is what the clock resolves: 10 ms ticks for CPU
	// time, 1 ms for wall time; and 1 MiB for memory, where the page-wise growth of an idle process would otherwise be a
	// huge ratio.
	Least float64
	// Noise is the least spread assumed, relative to the value, however steady the earlier runs were. 5 % of time and 1 %
	// of memory are what unchanged code varies by on quiet machines.
	Noise float64
	// Jitter is the least spread assumed as an amount: what a single reading of the clock adds. The CPU time of a test is
	// the difference of two readings of two counters, user and kernel, each cut to ticks of 10 ms, which is off by
	// 10 ms · √(2·2/12) = 6 ms. A few runs may happen to agree on a tick and look steadier than that. Wall time and memory
	// are read finely.
	Jitter float64
	// SuspectRatio is the least ratio of a suspect: 1.1 for time, 1.05 for memory, which is measured some hundred times
	// more precisely.
	SuspectRatio float64
	// Ratio is the least ratio of a regression: 1.2 for time, above what runners differ by in most runs, and 1.05
	// for memory.
	Ratio float64
	// Delta is the least difference of a regression, and of a suspect: 20 ms of CPU time, being two ticks of its clock,
	// 100 ms of wall time, which other processes take at any time, and 5 MiB, which a memory allocator takes at once.
	Delta float64
	// TwoRunsRatio is the least ratio of two runs that confirm a regression without a third: 1.6 for time, beyond what a busy
	// machine makes of a test twice running, and 1.2 for memory.
	TwoRunsRatio float64
	// CritRatio is the ratio from which a regression is critical: 1.5, for memory 1.2.
	CritRatio float64
}

// Defaults returns the recommended settings.
func Defaults() Settings {
	return Settings{
		BaselineRuns: 30,
		MinRuns:      8,
		WindowRuns:   3,
		HoldRuns:     10,
		MinTests:     20,
		SlowRatio:    1.25,
		SuspectP:     0.01,
		HabitP:       0.002,
		Q:            0.05,
		BetterQ:      0.01,
		LargeSuite:   10_000,
		LargeQ:       0.01,
		OneRunQ:      0.001,
		OneRunRatio:  1.5,
		CPUTime:      Thresholds{Least: 0.010, Noise: 0.05, Jitter: 0.006, SuspectRatio: 1.1, Ratio: 1.2, Delta: 0.020, TwoRunsRatio: 1.6, CritRatio: 1.5},
		MemUsage:     Thresholds{Least: 1, Noise: 0.01, SuspectRatio: 1.05, Ratio: 1.05, Delta: 5, TwoRunsRatio: 1.2, CritRatio: 1.2},
		PluginCPUTime: Thresholds{Least: 0.001, Noise: 0.05, Jitter: 0.001, SuspectRatio: 1.1, Ratio: 1.2, Delta: 0.010, TwoRunsRatio: 1.6,
			CritRatio: 1.5},
		PluginMemUsage: Thresholds{Least: 1, Noise: 0.01, SuspectRatio: 1.05, Ratio: 1.05, Delta: 2, TwoRunsRatio: 1.2, CritRatio: 1.2},
		TotalTime:      Thresholds{Least: 0.001, Noise: 0.05, SuspectRatio: 1.1, Ratio: 1.2, Delta: 0.100, TwoRunsRatio: 1.6, CritRatio: 1.5},
		Drift:          DriftSettings{MaxRuns: 500, MaxDays: 180, MinRuns: 24, LevelRuns: 8, Step: 0.75, PartRatio: 1.1, Q: 0.01, PartQ: 0.001},
	}
}

// EarlierRuns is how many earlier runs the detector has use for. The runs at a new level that is not the usual one yet are
// not part of the baseline.
func (s *Settings) EarlierRuns() int { return s.BaselineRuns + s.HoldRuns }

// ofMetrics returns the thresholds of each metric.
func (s *Settings) ofMetrics() [metrics]Thresholds {
	return [metrics]Thresholds{cpuTime: s.CPUTime, memUsage: s.MemUsage, totalTime: s.TotalTime}
}

// ofPlugin returns the thresholds of each metric that the project's own plugin measures.
func (s *Settings) ofPlugin() [metrics]Thresholds {
	return [metrics]Thresholds{cpuTime: s.PluginCPUTime, memUsage: s.PluginMemUsage, totalTime: s.TotalTime}
}

// faults collects what is wrong with settings, by field.
type faults map[string]string

// want notes a field whose value is not as expected.
func (f faults) want(field string, ok bool, expected string) {
	if !ok {
		f[field] = expected
	}
}

// validate fails with EInvalid, naming each field that cannot be.
func (s *Settings) validate() error {
	f := faults{}
	f.want("MinRuns", s.MinRuns >= 3, "at least 3")
	// The detector computes a threshold for each length of a baseline when it is made.
	f.want("BaselineRuns", s.BaselineRuns >= s.MinRuns && s.BaselineRuns <= 1000, "from MinRuns to 1000")
	f.want("WindowRuns", s.WindowRuns >= 2, "at least 2")
	f.want("HoldRuns", s.HoldRuns >= s.MinRuns+s.WindowRuns-1, "at least MinRuns + WindowRuns - 1")
	f.want("MinTests", s.MinTests >= 1, "at least 1")
	f.want("LargeSuite", s.LargeSuite >= 0, "0 or more")
	f.want("SlowRatio", factor(s.SlowRatio), "more than 1")
	f.want("OneRunRatio", factor(s.OneRunRatio), "more than 1")
	// A probability of a half is what any value has; the approximations hold well below.
	for field, p := range map[string]float64{"SuspectP": s.SuspectP, "HabitP": s.HabitP, "Q": s.Q, "BetterQ": s.BetterQ,
		"LargeQ": s.LargeQ, "OneRunQ": s.OneRunQ} {
		f.want(field, p > 0 && p < 0.5, "more than 0 and less than 0.5")
	}
	for metric, t := range s.ofMetrics() {
		t.validate(f, [metrics]string{cpuTime: "CPUTime.", memUsage: "MemUsage.", totalTime: "TotalTime."}[metric])
	}
	s.PluginCPUTime.validate(f, "PluginCPUTime.")
	s.PluginMemUsage.validate(f, "PluginMemUsage.")
	s.Drift.validate(f)
	if len(f) == 0 {
		return nil
	}
	return &monitor.Error{Code: monitor.EInvalid, Message: "settings of the detector", Fields: f}
}

func (t Thresholds) validate(f faults, prefix string) {
	f.want(prefix+"Least", t.Least > 0 && amount(t.Least), "more than 0")
	f.want(prefix+"Noise", t.Noise > 0 && amount(t.Noise), "more than 0")
	f.want(prefix+"Jitter", amount(t.Jitter), "0 or more")
	f.want(prefix+"SuspectRatio", factor(t.SuspectRatio), "more than 1")
	f.want(prefix+"Ratio", factor(t.Ratio), "more than 1")
	f.want(prefix+"Delta", amount(t.Delta), "0 or more")
	f.want(prefix+"TwoRunsRatio", factor(t.TwoRunsRatio) && t.TwoRunsRatio >= t.Ratio, "at least Ratio")
	f.want(prefix+"CritRatio", factor(t.CritRatio) && t.CritRatio >= t.Ratio, "at least Ratio")
}

// The comparisons are false for NaN, which is thereby refused.

func amount(x float64) bool { return x >= 0 && !math.IsInf(x, 0) }
func factor(x float64) bool { return x > 1 && !math.IsInf(x, 0) }
