package report_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// outcome is what became of a test. It took some seconds and added some MiB.
func outcome(nodeID, what string, attempts int64, seconds, mib float64) *monitor.Outcome {
	return &monitor.Outcome{Metric: monitor.Metric{TotalTime: seconds, UserTime: seconds}, NodeID: nodeID, Outcome: what, Attempts: attempts, MemTest: mib}
}

// digests are those of three environments: one with a regression, one that learns, and one that was stopped.
func digests() []*report.Digest {
	regressed := &report.Digest{Name: "py312", Report: oneReport(), Needed: 8,
		Advice: report.Advice{PassRates: map[string]float64{"test_b.py::test_error": 0.75, "test_a.py::test_gone": 0.5}}}
	for i := range 12 {
		regressed.Add(outcome(fmt.Sprintf("test_a.py::test[%d]", i), "passed", 1, float64(i)/10, float64(i)*3))
	}
	regressed.Add(outcome("test_a.py::test_flaky", "passed", 3, 0.01, 0.5))
	regressed.Add(outcome("test_b.py::test_|`\n::error::", "failed", 1, 0.02, math.NaN()))
	regressed.Add(outcome("test_b.py::test_error", "error", 2, math.NaN(), math.NaN()))
	learning := &report.Digest{Name: "py313\x1b[31m", Report: learningReport(), Needed: 8}
	learning.Add(outcome("test_a.py::test", "xpassed", 1, 1.5, 2))
	stopped := &report.Digest{Name: "docs", Partial: "-x", Unjudged: "no answer `within` 2m"}
	for i := range 22 {
		stopped.Add(outcome(fmt.Sprintf("test_c.py::test[%d]", i), "failed", 1, 0, 0))
	}
	return append([]*report.Digest{regressed, learning, stopped}, &report.Digest{Name: "empty"})
}

func TestGoldenDigests(t *testing.T) {
	t.Parallel()
	for _, f := range []report.Format{report.Text, report.Markdown} {
		var b bytes.Buffer
		require.NoError(t, report.WriteDigests(&b, f, digests(), report.Options{}))
		file := filepath.Join("testdata", "digests."+string(f))
		if *update {
			require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, string(want), b.String())
	}
	assert.ErrorContains(t, report.WriteDigests(&bytes.Buffer{}, report.JUnit, digests(), report.Options{}), "expected text or markdown")
}

func TestDigestSaysWhatToDo(t *testing.T) {
	t.Parallel()
	first, dirty, some := learningReport(), oneReport(), learningReport()
	first.BaselineRuns, first.Against = 0, first.Branch
	second, third, fourth, other, renamed := learningReport(), learningReport(), learningReport(), learningReport(), learningReport()
	second.BaselineRuns, second.WindowRuns, second.Against = 0, 1, second.Branch
	third.BaselineRuns, third.WindowRuns, third.Against = 0, 2, third.Branch
	fourth.BaselineRuns, fourth.WindowRuns, fourth.Against = 1, 2, fourth.Branch
	other.BaselineRuns, other.WindowRuns = 0, 2
	renamed.BaselineRuns = 30
	some.Completion = monitor.Partial
	for i := range dirty.Results {
		dirty.Results[i].LastGood = dirty.Results[i].FirstBad
	}
	for says, reports := range map[string][]*monitor.Report{
		"changed    learning: at least 10 more runs are needed on ":                                                                       {first},
		"hungrier tests show; this run does not count for runs of the whole suite\n":                                                      {some},
		"look at changes that are not committed, at dependencies and at the machine:\n               git diff HEAD\n":                     {dirty},
		"next       look at the commits:\n               git log 1111111111..2222222222\n":                                                {oneReport()},
		"next       run it again, and keep the data directory":                                                                            {learningReport()},
		"changed    No regression in ":                                                                                                    {fineReport()},
		"changed    learning: at least 5 more runs are needed on ":                                                                        {learningReport()},
		"changed    learning: at least 8 more runs are needed on ":                                                                        {third, other},
		"changed    learning: at least 9 more runs are needed on ":                                                                        {second},
		"changed    learning: at least 7 more runs are needed on ":                                                                        {fourth},
		"changed    Nothing to judge by yet: too few earlier runs have these tests on this class of machine. The baseline has 30 runs.\n": {renamed},
	} {
		for _, r := range reports {
			d := &report.Digest{Report: r, Needed: 8, Window: 2}
			d.Add(outcome("test.py::test", "passed", 1, 1, 1))
			var b bytes.Buffer
			require.NoError(t, report.WriteDigests(&b, report.Text, []*report.Digest{d}, report.Options{}))
			assert.Contains(t, b.String(), says)
		}
	}
}

// The first line of a comment on a pull request is green only where nothing fails.
func TestTheSignOfADigestIsThatOfItsGate(t *testing.T) {
	t.Parallel()
	for want, options := range map[string]report.Options{
		"### ❌ 1 test,": {FailOn: report.FailOnRegression},
		"### ✅ 1 test,": {FailOn: report.FailOnNever},
	} {
		d := &report.Digest{Report: oneReport()}
		d.Add(outcome("test.py::test", "passed", 1, 1, 1))
		var b bytes.Buffer
		require.NoError(t, report.WriteDigests(&b, report.Markdown, []*report.Digest{d}, options))
		assert.Equal(t, want, b.String()[:len(want)])
	}
}

// Who runs a command asks about this run alone. So other runs of its commit are no news, unless they were asked for.
func TestDigestHasWhatConcernsItsRun(t *testing.T) {
	t.Parallel()
	r := fineReport()
	r.LeftOut = []monitor.LeftOut{
		{Reason: "of another run", Runs: []string{"a"}, Tests: 7},
		{Reason: "too few earlier runs", Tests: 3},
		{Reason: "more than are judged", Runs: []string{"b"}, Tests: 2, Missing: true},
	}
	d := &report.Digest{Report: r}
	d.Add(outcome("test.py::test", "passed", 1, 1, 1))
	for _, f := range []report.Format{report.Text, report.Markdown} {
		var b bytes.Buffer
		require.NoError(t, report.WriteDigests(&b, f, []*report.Digest{d}, report.Options{}))
		assert.NotContains(t, b.String(), "of another run")
		assert.Regexp(t, "(?i)left out: *3 tests|left out +3 tests", b.String())
		assert.Regexp(t, "(?i)left out: *1 run with|left out +1 run with", b.String())
	}
	assert.Len(t, r.LeftOut, 3, "the report is not changed")
}
