package report_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// On a busy machine a test waits for the CPU. One that waits by itself does so in each run.
func TestWaitingIsSeenInTwoRuns(t *testing.T) {
	t.Parallel()
	calm := suite(3, 0.5)
	waiting := append(suite(3, 0.5), measured{name: "test_mail", wall: 3, cpu: 0.01})
	for name, tc := range map[string]struct {
		earlier []measured
		want    bool
	}{"none": {nil, false}, "not then": {calm, false}, "another test": {append(suite(3, 0.5), measured{name: "test_b", wall: 3}), false}, "then too": {waiting, true}} {
		text := hintsOf(t, adviceOf(waiting, tc.earlier))
		assert.Equal(t, tc.want, strings.Contains(text, "\nhint      1 test uses no CPU of its own for 2.99 s of 4.50 s, as before"), "%s: %s", name, text)
	}
	assert.True(t, adviceOf(waiting, nil).Waits())
	assert.False(t, adviceOf(calm, nil).Waits(), "an earlier run need not be asked for")
}

// What is set up between the tests, or before the first one, does not get shorter by two workers.
func TestTwoWorkersHalveOnlyWhatIsInTests(t *testing.T) {
	t.Parallel()
	spread := suite(40, 0.5)
	for i := range spread {
		spread[i].start *= 1.2
	}
	setup := func(seconds float64) *report.Advice {
		a := &report.Advice{}
		for i, m := range suite(40, 0.5) {
			o := m.outcome()
			if o.SetupTime = 0; i == 0 {
				o.SetupTime = seconds
			}
			a.Add(o)
		}
		return a
	}
	for name, tc := range map[string]struct {
		advice *report.Advice
		whole  bool
		want   bool
	}{
		"at once":                 {setup(0), true, true},
		"a short fixture":         {setup(2), true, true},
		"a long fixture":          {setup(30), true, false},
		"it is not known":         {setup(math.NaN()), true, false},
		"fixtures between":        {adviceOf(spread, nil), true, false},
		"a part, or several runs": {setup(0), false, false},
	} {
		tc.advice.CPUs, tc.advice.Whole = 8, tc.whole
		text := hintsOf(t, tc.advice, "pytest")
		assert.Equal(t, tc.want, strings.Contains(text, "40 tests ran one after another, for 20 s of "), "%s: %s", name, text)
		assert.NotContains(t, text, " -n", "there may be no pytest-xdist")
	}
	for partial, sessions := range map[string]int{"-k": 1, "": 2} {
		r := fineReport()
		r.Sessions = make([]string, sessions)
		d := &report.Digest{Report: r, Advice: report.Advice{CPUs: 4}, Partial: partial}
		for _, m := range suite(40, 0.5) {
			d.Add(m.outcome())
		}
		var b bytes.Buffer
		require.NoError(t, report.WriteDigests(&b, report.Text, []*report.Digest{d}, report.Options{}))
		assert.NotContains(t, b.String(), "one after another", partial)
	}
}

// The command has pytest's own id of a test, in full.
func TestAFlakyTestIsRunByItsID(t *testing.T) {
	t.Parallel()
	long, odd := strings.Repeat("x", 300), "test_x[\x1b]"
	of := func(ids ...string) string {
		a := &report.Advice{}
		for _, id := range ids {
			a.Add(&monitor.Outcome{NodeID: id, Outcome: monitor.Passed, Attempts: 2})
		}
		return hintsOf(t, a)
	}
	const alone = "To run one alone, in the root directory of pytest:\n"
	for _, bad := range []string{"t.py::" + long, "t.py::" + odd, "-t.py::test", "@t.py::test", ""} {
		assert.NotContains(t, of(bad), "alone", bad)
		assert.Contains(t, of(bad, "t.py::test_y[a b]"), "\n            pytest 't.py::test_y[a b]'\n")
		assert.Contains(t, of(bad, "t.py::test_y"), alone)
	}
}

// The summary of `run` lists flaky tests already.
func TestFlakyTestsAreListedOnce(t *testing.T) {
	t.Parallel()
	d := &report.Digest{Advice: report.Advice{PassRates: map[string]float64{"t.py::test_a": 0}}}
	d.Add(&monitor.Outcome{NodeID: "t.py::test_a", Outcome: monitor.Passed, Attempts: 1})
	var b bytes.Buffer
	require.NoError(t, report.WriteDigests(&b, report.Text, []*report.Digest{d}, report.Options{}))
	assert.Equal(t, 2, strings.Count(b.String(), "t.py::test_a"), "in the list and in the command: %s", b.String())
	a := &report.Advice{PassRates: map[string]float64{"t.py::test_a": 0}}
	a.Add(&monitor.Outcome{NodeID: "t.py::test_a", Outcome: monitor.Passed, Attempts: 1})
	assert.Contains(t, hintsOf(t, a), "            0% pass  t.py::test_a\n")
}
