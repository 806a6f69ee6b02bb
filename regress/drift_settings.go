package regress

// DriftSettings are the numbers that decide what is slow growth. The thresholds of the metrics decide too: what grew by less than
// their Ratio or Delta is no drift of a test.
type DriftSettings struct {
	// MaxRuns and MaxDays say how far back the first level may lie: the shorter of both counts. Half a year and 500 runs are as long
	// as anybody remembers what was usual.
	MaxRuns, MaxDays int
	// MinRuns is how many runs a history needs. With 24 of them there are three stretches of eight, and the growth of the last ones
	// can be told from a step.
	MinRuns int
	// LevelRuns is how many runs make the first and the present level at least. The median of eight is three times as steady as
	// one run, and a test that grows by 1 % a run is only four runs ahead of it.
	LevelRuns int
	// Step is the least abrupt change that counts as a step, up or down, as a share of the least growth. Slow growth is looked for
	// after the last one. 0.75 leaves the steps to the judgement of single runs, which sees those as large as the least growth,
	// and takes a chain of smaller ones for growth, which nobody else sees.
	Step float64
	// PartRatio is the least ratio of the sum over the tests of a component or a folder. 1.1 is half of what one test has to grow
	// by: the sum of many tests is steadier than one, and worth more.
	PartRatio float64
	// Q is the share of false drifts, among those reported of a class of machine, that is aimed at (Benjamini-Hochberg). Growth
	// does not pass, so it can wait until it is certain: 1 %.
	Q float64
	// PartQ is Q for the suite and its parts. What the machine does to many tests at once lasts, so that their sum looks more certain
	// than it is: 0.1 %.
	PartQ float64
}

// pointsOfTrend is how many points a trend has at least: three make a line that one more can contradict.
const pointsOfTrend = 4

func (s *DriftSettings) validate(f faults) {
	f.want("Drift.LevelRuns", s.LevelRuns >= 1, "at least 1")
	f.want("Drift.MinRuns", s.MinRuns >= 2*s.LevelRuns, "at least 2 * Drift.LevelRuns")
	f.want("Drift.MaxRuns", s.MaxRuns >= s.MinRuns, "at least Drift.MinRuns")
	f.want("Drift.MaxDays", s.MaxDays >= 1 && s.MaxDays <= 36500, "from 1 to 36500")
	f.want("Drift.Step", s.Step > 0 && amount(s.Step), "more than 0")
	f.want("Drift.PartRatio", factor(s.PartRatio), "more than 1")
	f.want("Drift.Q", s.Q > 0 && s.Q < 0.5, "more than 0 and less than 0.5")
	f.want("Drift.PartQ", s.PartQ > 0 && s.PartQ < 0.5, "more than 0 and less than 0.5")
}
