package regress_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// push is a run of a commit, in which a test takes more CPU time by a factor.
type push struct {
	commit string
	factor float64
}

// pushed makes 20 runs and then some of pushes, and a test that is slow in these.
func pushed(pushes []push) *suite {
	s := newSuite(20 + len(pushes))
	s.crowd(25)
	s.each("test_slower", func(run int) measured {
		m := s.steady()
		if run >= 20 {
			m.cpu *= pushes[run-20].factor
			s.runs[run].ScmRef = pushes[run-20].commit
		}
		return m
	})
	return s
}

// TestRunsOfACommitConfirmFirst holds that runs of a commit confirm each other, whatever other commits showed before. The rule
// for one run is for the first run of each commit of a pull request, and not for a test that was fine in a run of the commit.
func TestRunsOfACommitConfirmFirst(t *testing.T) {
	t.Parallel()
	fine, other := push{"fine", 1}, push{"other", 1}
	const ok, suspect, regression = monitor.StatusOK, monitor.StatusSuspect, monitor.StatusRegression
	for _, c := range []struct {
		name   string
		pushes []push
		pulled monitor.Status // as a pull request
		own    monitor.Status // compared with the same branch
	}{
		{"one", []push{fine, other, {"c", 1.4}}, suspect, suspect},
		{"two, after another commit", []push{fine, {"c", 1.4}, {"c", 1.4}}, regression, regression},
		{"two, after two commits", []push{fine, other, {"c", 1.4}, {"c", 1.4}}, regression, regression},
		{"three", []push{fine, {"c", 1.4}, {"c", 1.4}, {"c", 1.4}}, regression, regression},
		{"three commits", []push{fine, {"a", 1.4}, {"b", 1.4}, {"c", 1.4}}, regression, regression},
		{"two, with another commit between", []push{fine, {"c", 1.4}, other, {"c", 1.4}}, regression, regression},
		{"two, with others between", []push{{"c", 1.4}, fine, fine, other, {"c", 1.4}}, regression, regression},
		{"two, with other shards between", []push{fine, {"c", 1.4}, {"c", math.NaN()}, {"c", math.NaN()}, {"c", 1.4}}, regression, regression},
		{"no commits known", []push{{"", 1}, {"", 1.4}, {"", 1.4}}, suspect, suspect},
		{"cleared", []push{fine, {"c", 5}, {"c", 1}}, ok, ok},
		{"large, after a commit", []push{fine, {"c", 5}}, regression, suspect},
		{"large, after two commits", []push{fine, other, {"c", 5}}, regression, suspect},
		{"large, after many runs", []push{fine, fine, fine, other, other, other, {"c", 5}}, regression, suspect},
		{"large twice", []push{fine, {"c", 5}, {"c", 5}}, regression, regression},
		{"large, fine before", []push{fine, other, {"c", 1}, {"c", 5}}, suspect, suspect},
		{"large, fine between", []push{other, {"c", 5}, {"c", 1}, {"c", 5}}, suspect, suspect},
	} {
		s := pushed(c.pushes)
		status := func(l monitor.Comparison) monitor.Status {
			return result(t, judge(t, l, s.all()), "test_slower", monitor.MetricCPUTime).Status
		}
		assert.Equal(t, c.own, status(past(s.runs, len(s.runs)-1)), "%s, own branch", c.name)
		assert.Equal(t, c.pulled, status(s.pull(20)), "%s, pull request", c.name)
	}
}

// TestASuspectOfACommitKeepsItsBaseline holds that where the runs of a commit do not confirm a suspect, it is reported as the
// last three runs show it.
func TestASuspectOfACommitKeepsItsBaseline(t *testing.T) {
	t.Parallel()
	s := pushed([]push{{"other", 1}, {"c", 1}, {"c", 5}})
	x := result(t, s.last(t), "test_slower", monitor.MetricCPUTime)
	assert.Equal(t, monitor.StatusSuspect, x.Status)
	assert.Equal(t, 20, x.N)
}

// TestSlowAgainIsNoBetter holds that a regression stays one when another run of its commit is no faster, after any number of
// earlier pushes, and whether everything ran again or the test alone.
func TestSlowAgainIsNoBetter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.IntRange(0, 6).Draw(t, "pushes before")
		again := rapid.IntRange(1, 3).Draw(t, "runs again")
		factor := rapid.Float64Range(1.6, 6).Draw(t, "factor")
		s := newSuite(20 + before + 1 + again)
		s.random = rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		first, all := 20+before, true
		for run := range s.runs {
			if run >= first {
				s.runs[run].ScmRef = "slow"
			}
			if run > first {
				all = rapid.Bool().Draw(t, "all")
			}
			m := s.steady()
			m.cpu = s.noisy(0.2, 0.02)
			if run >= first {
				m.cpu = 0.2 * factor
			}
			s.add(run, "test_slower", m)
			for i := range 20 {
				if all {
					s.add(run, fmt.Sprintf("test_%02d", i), s.steady())
				}
			}
		}
		l, regressions := s.pull(20), 0
		for run := first; run < len(s.runs); run++ {
			c := monitor.Comparison{Branch: l.Branch, Baseline: l.Baseline, Window: l.Window[:run-19]}
			r := judgeWith(t, regress.Defaults(), c, s.samples)
			for _, x := range r.Results {
				if x.ItemVariant == "test_slower" && x.Metric == monitor.MetricCPUTime {
					require.True(t, regressions == 0 || x.Status == monitor.StatusRegression, "run %d of the commit: %v", run-first+1, x)
					if x.Status == monitor.StatusRegression {
						regressions++
					}
				}
			}
		}
		require.Positive(t, regressions)
	})
}

// TestRealRunsAgain judges real runs of unchanged code as runs of a pull request, and as repeats of one commit: the rules for
// one commit blame nobody.
func TestRealRunsAgain(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"networkx", "toolz"} {
		d := readDataset(t, set)
		for run := firstJudged + 2; run < cleanRuns; run++ {
			same := 1 + run%2 // runs of a commit
			own, l := past(d.runs, run), past(d.runs, run)
			for i := range d.runs[:run+1] {
				d.runs[i].ScmRef = fmt.Sprint("c", (run-i)/same)
			}
			assert.Empty(t, found(judge(t, own, d.upTo(run)), monitor.StatusRegression), "%s %d %d", set, run, same)
			for _, info := range l.Window {
				info.Branch = "feature"
			}
			assert.Empty(t, found(judge(t, l, d.upTo(run)), monitor.StatusRegression), "%s %d %d, pulled", set, run, same)
			for _, info := range l.Window {
				info.Branch = "main"
			}
		}
	}
}
