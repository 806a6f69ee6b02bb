package report_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// names from outside control no terminal, and begin no line.
func TestScreensShowNamesAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, name := range oddNames() {
		run := report.RunLine{Run: name, ScmRef: name, Branch: name, Outcomes: map[string]int64{monitor.Passed: 1}, Started: time.Unix(1e9, 0)}
		top := &report.Top{Metric: monitor.MetricTotalTime, Run: name}
		top.Add(report.TopTest{Name: name, Amount: 1}, 3)
		h := &report.History{Name: name, Env: name, Points: []report.HistoryPoint{{Run: name, ScmRef: name, Branch: name, CPU: 1, Wall: nan, Memory: 2}},
			Results: []monitor.Result{{Metric: monitor.MetricCPUTime, Status: monitor.Status(name), LastGood: name, FirstBad: name}}}
		var b bytes.Buffer
		screen := report.Screen{Width: 80}
		require.NoError(t, report.WriteRuns(&b, []report.RunLine{run}, screen))
		require.NoError(t, report.WriteTop(&b, top, &run, screen))
		require.NoError(t, report.WriteHistory(&b, h, screen))
		assert.Equal(t, -1, strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }), "%q", b.String())
		assert.NotContains(t, b.String(), "##[")
	}
}

// Of a long id the beginning counts, and of a long name both ends.
func TestTablesAreCut(t *testing.T) {
	t.Parallel()
	run := report.RunLine{Run: strings.Repeat("0123456789", 6), Branch: "main", Tests: 3, Started: time.Unix(1e9, 0)}
	top := &report.Top{Metric: monitor.MetricTotalTime, Run: "r"}
	top.Add(report.TopTest{Name: "tests/" + strings.Repeat("x", 80) + "::test_pay[visa]", Amount: 1}, 3)
	for width, cut := range map[int]bool{80: true, 200: false, 0: false} {
		var runs, tests bytes.Buffer
		screen := report.Screen{Width: width}
		require.NoError(t, report.WriteRuns(&runs, []report.RunLine{run}, screen))
		require.NoError(t, report.WriteTop(&tests, top, &run, screen))
		assert.Equal(t, cut, strings.HasSuffix(runs.String(), "…\n"), runs.String())
		assert.Contains(t, runs.String(), "  012345678")
		assert.Equal(t, cut, strings.Contains(tests.String(), "…"))
		assert.Contains(t, tests.String(), "visa]\n")
		for line := range strings.Lines(runs.String() + tests.String()) {
			if cut {
				assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), width, line)
			}
		}
	}
}

func TestTopKeepsTheGreatest(t *testing.T) {
	t.Parallel()
	top := &report.Top{}
	for i, amount := range []float64{1, 5, 3, -2, 0, 5, 4, 2} {
		top.Add(report.TopTest{Name: fmt.Sprint(i), Amount: amount}, 3)
	}
	assert.Equal(t, []report.TopTest{{Name: "1", Amount: 5}, {Name: "5", Amount: 5}, {Name: "6", Amount: 4}}, top.First)
	assert.Equal(t, 8, top.Tests)
	assert.InDelta(t, 20, top.Total, 1e-9)
}

// A long history is drawn in the columns there are, and what stands out is not lost.
func TestGraphKeepsWhatStandsOut(t *testing.T) {
	t.Parallel()
	h := &report.History{Name: "test", Results: []monitor.Result{result(monitor.StatusOK, "test", monitor.MetricCPUTime, 1, 1)}}
	for i := range 500 {
		p := report.HistoryPoint{ScmRef: fmt.Sprint(i), CPU: 1, Wall: nan, Memory: nan}
		if i == 123 {
			p.CPU = 9
		}
		h.Points = append(h.Points, p)
	}
	var b bytes.Buffer
	require.NoError(t, report.WriteHistory(&b, h, report.Screen{Width: 80}))
	var graph []string
	for line := range strings.Lines(b.String()) {
		if _, drawn, ok := strings.Cut(line, "┤"); ok {
			graph = append(graph, strings.TrimSuffix(drawn, "\n"))
			assert.LessOrEqual(t, utf8.RuneCountInString(line), 81)
		}
	}
	require.Len(t, graph, 6, "one metric is known: %s", b.String())
	assert.Equal(t, 1, strings.Count(graph[0], "●"), "the peak")
	assert.Equal(t, 64, utf8.RuneCountInString(graph[4]))
}

// What nobody can see is not shown.
func TestNothingIsNotShown(t *testing.T) {
	t.Parallel()
	top := &report.Top{Metric: monitor.MetricMemUsage}
	for _, amount := range []float64{0.004, 0, -1, 2} {
		top.Add(report.TopTest{Amount: amount}, 3)
	}
	assert.Len(t, top.First, 1)
	h := &report.History{Points: []report.HistoryPoint{{CPU: 1, Wall: 1, Memory: 0}, {CPU: 1, Wall: 1, Memory: 0.004}}}
	var b bytes.Buffer
	require.NoError(t, report.WriteHistory(&b, h, report.Screen{Width: 80}))
	assert.NotContains(t, b.String(), "\nmemory")
	assert.Contains(t, b.String(), "\nCPU time")

	b.Reset()
	top.First = nil
	require.NoError(t, report.WriteTop(&b, top, &report.RunLine{}, report.Screen{}))
	assert.Regexp(t, `^[^\n]*: 4 tests\. No test has any memory to show\.\n$`, b.String(), "and no table without a row")
}

// In a narrow terminal columns are cut, then left out. Wide characters take two columns.
func TestTablesFitNarrowTerminals(t *testing.T) {
	t.Parallel()
	run := report.RunLine{Run: strings.Repeat("r", 60), ScmRef: strings.Repeat("版", 40), Branch: strings.Repeat("枝", 20), Tests: 3, Started: time.Unix(1e9, 0)}
	top := &report.Top{Metric: monitor.MetricTotalTime, Run: "r", Total: 1}
	top.Add(report.TopTest{Name: "tests/" + strings.Repeat("試", 40) + "::test_pay[visa]", Amount: 1}, 3)
	h := &report.History{Points: []report.HistoryPoint{{ScmRef: run.ScmRef, Branch: run.Branch, CPU: 1, Wall: 1, Memory: 1}}}
	for _, width := range []int{20, 40, 60, 80} {
		var b bytes.Buffer
		screen := report.Screen{Width: width}
		require.NoError(t, report.WriteRuns(&b, []report.RunLine{run}, screen))
		require.NoError(t, report.WriteTop(&b, top, &run, screen))
		require.NoError(t, report.WriteHistory(&b, h, screen))
		table := regexp.MustCompile(`(?m)^(STARTED|20\d\d-|\d\d-\d\d | *WALL TIME| *1 s ).*$`)
		lines := table.FindAllString(b.String(), -1)
		require.GreaterOrEqual(t, len(lines), 6, b.String())
		for _, line := range lines {
			if !strings.Contains(line, "┤") {
				assert.LessOrEqual(t, uniseg.StringWidth(line), max(width, 24), line)
			}
		}
	}
}

// A list of runs says of each what its report found, in a terminal of 80 columns too.
func TestRunsSayTheirVerdict(t *testing.T) {
	t.Parallel()
	var runs []report.RunLine
	for _, b := range []*monitor.Brief{{Verdict: monitor.StatusRegression, Regressions: 12, Suspects: 1}, {Verdict: monitor.StatusSuspect, Suspects: 1},
		{Verdict: monitor.StatusSlowMachine, Suspects: 3}, {Verdict: monitor.StatusOK}, {Verdict: monitor.StatusOK, Improvements: 2},
		{Verdict: monitor.StatusLearning}, {Verdict: monitor.StatusNotJudged}, nil} {
		runs = append(runs, report.RunLine{Run: "0123456789abcdef", ScmRef: strings.Repeat("c0ffee", 5), Branch: "feature/pay-faster", TotalTime: 612, Started: time.Unix(1e9, 0),
			Outcomes: map[string]int64{monitor.Passed: 1200, monitor.OutcomeFailed: 3}, Report: b})
	}
	for width, run := range map[int]string{80: "  012345", 200: "  0123456789abcdef", 0: "  0123456789abcdef"} {
		var b bytes.Buffer
		require.NoError(t, report.WriteRuns(&b, runs, report.Screen{Width: width}))
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		require.Len(t, lines, 9)
		for i, says := range []string{"VERDICT", "▲ 12 regressed", "◆ 1 suspect", "◷ slow machine", "● ok", "▼ 2 better", "○ learning", "– not judged", ""} {
			if i > 0 {
				assert.Contains(t, lines[i], "3 fail", "what failed is not cut")
			}
			assert.Regexp(t, `^\S+( \d\d:\d\d|) +`+regexp.QuoteMeta(says)+`  +(COMMIT|c0ffe)`, lines[i])
			if i > 0 {
				assert.Contains(t, lines[i], run, "the id that other commands take")
			}
			if width > 0 {
				assert.LessOrEqual(t, uniseg.StringWidth(lines[i]), width)
			}
		}
	}
}

// Nothing but graphs and names without spaces is wider than a narrow terminal.
func TestHeadingsFitNarrowTerminals(t *testing.T) {
	t.Parallel()
	run := report.RunLine{Run: "ci-4711", Branch: "feature/pay-faster", Tests: 3, Started: time.Unix(1e9, 0)}
	top := &report.Top{Metric: monitor.MetricTotalTime, Run: "0123456789abcdef0123456789abcdef", Total: 1}
	top.Add(report.TopTest{Name: "test_pay", Amount: 1}, 3)
	judged := result(monitor.StatusRegression, "test_pay", monitor.MetricCPUTime, 0.1, 0.5)
	usual := result(monitor.StatusOK, "test_pay", monitor.MetricTotalTime, 1, 1)
	usual.P = nan
	h := &report.History{Name: "test_pay[visa, 3 items, with a long name of words]", Env: bigBox, OtherEnvs: []string{smallBox},
		Notes:   []string{"the last run is not judged, or not yet; this is a note of many words"},
		Results: []monitor.Result{judged, usual}}
	for range 9 {
		h.Points = append(h.Points, report.HistoryPoint{Run: "r", CPU: 0.5, Wall: 1, Memory: nan})
	}
	for _, width := range []int{40, 60} {
		var b bytes.Buffer
		screen := report.Screen{Width: width}
		require.NoError(t, report.WriteTop(&b, top, &run, screen))
		require.NoError(t, report.WriteHistory(&b, h, screen))
		for line := range strings.Lines(b.String()) {
			if !strings.Contains(line, "┤") {
				assert.LessOrEqual(t, uniseg.StringWidth(strings.TrimSuffix(line, "\n")), width, line)
			}
		}
	}
	var wide bytes.Buffer
	require.NoError(t, report.WriteHistory(&wide, h, report.Screen{Width: 120}))
	assert.Contains(t, wide.String(), "CPU time   500 ms, usually 100 ms, limit 120 ms  ▲ regression\n")
	assert.Contains(t, wide.String(), "wall time  1 s, usually 800 ms to 1.20 s  ● ok\n")

	// The limit of a fast test is far above what it measures: it is no range, and presses no line onto the axis.
	usual.Baseline, usual.Limit = 0.0001, 0.1
	fast := &report.History{Name: "test_fast", Results: []monitor.Result{usual}, Points: []report.HistoryPoint{{Run: "r", CPU: nan, Wall: 0.0001, Memory: nan}}}
	wide.Reset()
	require.NoError(t, report.WriteHistory(&wide, fast, report.Screen{Width: 120}))
	assert.Contains(t, wide.String(), "wall time  100 µs, usually 100 µs, limit 100 ms  ● ok\n")
	assert.Contains(t, wide.String(), "300 µs ┤")
}

// A column that says nothing takes no room.
func TestEmptyColumnsAreLeftOut(t *testing.T) {
	t.Parallel()
	runs := []report.RunLine{{Run: "r1", TotalTime: 1, Tests: 1}, {Run: "r2", TotalTime: 2, Tests: 22}}
	var b bytes.Buffer
	require.NoError(t, report.WriteRuns(&b, runs, report.Screen{}))
	assert.Regexp(t, `^STARTED +TIME  OUTCOME   RUN\n.*  1 s  1 test    r1\n.*  2 s  22 tests  r2\n$`, b.String())
	runs[1].Branch = "main"
	b.Reset()
	require.NoError(t, report.WriteRuns(&b, runs, report.Screen{}))
	assert.Regexp(t, `^STARTED +BRANCH  TIME  OUTCOME   RUN\n.*  –        1 s  1 test    r1\n.*  main     2 s  22 tests  r2\n$`, b.String())
	b.Reset()
	require.NoError(t, report.WriteRuns(&b, nil, report.Screen{}))
	assert.Equal(t, "STARTED  VERDICT  COMMIT  BRANCH  TIME  OUTCOME  RUN\n", b.String())
}
