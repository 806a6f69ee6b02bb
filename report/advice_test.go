package report_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// measured is a test with its measurements. It starts at a second of the run.
type measured struct {
	name             string
	wall, cpu, start float64
	added, peak      float64
	attempts         int64
}

func (m measured) outcome() *monitor.Outcome {
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC).Add(time.Duration(m.start * float64(time.Second)))
	return &monitor.Outcome{NodeID: "tests/test_a.py::" + m.name, Outcome: monitor.Passed, Attempts: max(1, m.attempts),
		Metric:    monitor.Metric{TotalTime: m.wall, UserTime: m.cpu, ItemStartTime: at.Format("2006-01-02T15:04:05.000000")},
		SetupTime: 0.2, MemTest: m.added, MemPeak: m.peak}
}

// adviceOf is about the tests of a run, and of an earlier one.
func adviceOf(tests, earlier []measured) *report.Advice {
	a := &report.Advice{}
	for _, m := range tests {
		a.Add(m.outcome())
	}
	for _, m := range earlier {
		a.AddEarlier(m.outcome())
	}
	return a
}

// hintsOf writes the hints.
func hintsOf(t *testing.T, a *report.Advice, pytest ...string) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, report.WriteHints(&b, a, report.Options{Pytest: pytest}))
	return b.String()
}

// suite has n tests one after another. Each takes some seconds, all of them of the CPU, and no memory.
func suite(n int, seconds float64) (tests []measured) {
	for i := range n {
		tests = append(tests, measured{name: fmt.Sprintf("test_%d", i), wall: seconds, cpu: seconds, start: float64(i) * seconds, added: 1, peak: 100})
	}
	return tests
}

// changed returns a suite of 40 tests of half a second each in which some tests are changed.
func changed(n int, change func(i int, m *measured)) []measured {
	tests := suite(40, 0.5)
	for i := range n {
		change(i, &tests[i])
	}
	return tests
}

// Each piece of advice is given where it holds, with its evidence, and not where it does not.
func TestAdviceHoldsOrIsNotGiven(t *testing.T) {
	t.Parallel()
	late := func(tests []measured) []measured { // no test runs beside the ones that are changed
		for i := range tests {
			tests[i].start = 100 * float64(i)
		}
		return tests
	}
	for name, tc := range map[string]struct {
		tests []measured
		cpus  int
		rates map[string]float64
		want  string // "" for no advice at all
	}{
		"a fine suite":       {suite(10, 0.01), 8, nil, ""},
		"no tests":           {nil, 8, nil, ""},
		"nothing is known":   {[]measured{{name: "a", wall: math.NaN(), cpu: math.NaN(), added: math.NaN(), peak: math.NaN()}}, 8, nil, ""},
		"two wait":           {late(changed(2, func(_ int, m *measured) { m.wall, m.cpu = 6, 0.1 })), 1, nil, "hint      2 tests use no CPU of their own for 11.8 s of 31 s, as before (sleep, network, subprocesses): where it is a fixed time, wait for an event:\n"},
		"they wait a little": {late(changed(2, func(_ int, m *measured) { m.wall, m.cpu = 1, 0.1 })), 1, nil, ""},
		"they use the CPU":   {late(changed(2, func(_ int, m *measured) { m.wall, m.cpu = 6, 3 })), 1, nil, ""},
		"CPU is not known":   {late(changed(2, func(_ int, m *measured) { m.wall, m.cpu = 6, math.NaN() })), 1, nil, ""},
		"three take half": {late(changed(3, func(_ int, m *measured) { m.wall, m.cpu = 9, 9 })), 1, nil,
			"hint      3 of 40 tests take half of the time, 27 s of 45.5 s: begin with them:\n            9 s      tests/test_a.py::test_0\n"},
		"in a short suite":  {late(append(suite(39, 0.01), measured{name: "long", wall: 4, cpu: 4})), 1, nil, ""},
		"in a small suite":  {late(append(suite(10, 0.5), measured{name: "long", wall: 20, cpu: 20})), 1, nil, ""},
		"a tenth and more":  {late(append(suite(19, 0.5), measured{name: "a", wall: 9, cpu: 9}, measured{name: "b", wall: 9, cpu: 9}, measured{name: "c", wall: 9, cpu: 9})), 1, nil, ""},
		"many take half":    {late(suite(40, 0.5)), 1, nil, ""},
		"one after another": {suite(40, 0.5), 8, nil, "hint      40 tests ran one after another, for 20 s of 20.2 s with what was set up, on 8 CPUs: where they are independent, two workers of pytest-xdist take about half of the time\n"},
		"on one CPU":        {suite(40, 0.5), 1, nil, ""},
		"CPUs not known":    {suite(40, 0.5), 0, nil, ""},
		"already at once":   {changed(1, func(_ int, m *measured) { m.start = 1.2 }), 8, nil, ""},
		"one is too long":   {late(changed(1, func(_ int, m *measured) { m.wall, m.cpu = 4, 4 })), 8, nil, ""},
		"too short":         {suite(40, 0.2), 8, nil, ""},
		"too few":           {suite(19, 1), 8, nil, ""},
		"memory": {changed(1, func(_ int, m *measured) { m.added, m.peak = 400, 612 }), 1, nil,
			"hint      1 test raises the memory of pytest, which reaches 612 MiB: smaller data, or a process of its own, keeps it low:\n            400 MiB  tests/test_a.py::test_0\n"},
		"little memory":           {changed(1, func(_ int, m *measured) { m.added, m.peak = 90, 190 }), 1, nil, ""},
		"the process is big":      {changed(1, func(_ int, m *measured) { m.added, m.peak = 110, 2000 }), 1, nil, ""},
		"memory everywhere":       {changed(9, func(_ int, m *measured) { m.added, m.peak = 400, 612 }), 1, nil, ""},
		"memory is not told":      {changed(1, func(_ int, m *measured) { m.added, m.peak = 400, math.NaN() }), 1, nil, ""},
		"flaky":                   {suite(3, 0.01), 1, map[string]float64{"tests/test_a.py::test_1": 0.75}, "hint      1 test passes and fails though nothing changed: other tests, the time or the network may matter. To run one alone, in the root directory of pytest:\n            75% pass tests/test_a.py::test_1\n            run -- pytest tests/test_a.py::test_1\n"},
		"flaky but not of it":     {suite(3, 0.01), 1, map[string]float64{"tests/test_b.py::test_1": 0.75}, ""},
		"passed at a second time": {[]measured{{name: "test_x[a b]", wall: 0.1, attempts: 2}}, 1, nil, "try 2    tests/test_a.py::test_x[a b]\n            run -- pytest 'tests/test_a.py::test_x[a b]'\n"},
	} {
		a := adviceOf(tc.tests, tc.tests)
		a.CPUs, a.PassRates, a.Whole = tc.cpus, tc.rates, true
		text := hintsOf(t, a, "run", "--", "pytest")
		if assert.Contains(t, text, tc.want, name); tc.want == "" {
			assert.NotContains(t, text, "hint", name)
		} else {
			assert.Equal(t, 1, strings.Count(text, "\nhint"), "%s: %s", name, text)
		}
	}
}

// The summary of `run` has the same advice, also where there is no report.
func TestDigestHasAdvice(t *testing.T) {
	t.Parallel()
	whole := fineReport()
	whole.Sessions = whole.Sessions[:1]
	for _, r := range []*monitor.Report{nil, whole} {
		d := &report.Digest{Report: r, Advice: report.Advice{CPUs: 4}, Unjudged: "no answer"}
		for _, m := range suite(40, 0.5) {
			d.Add(m.outcome())
		}
		var b bytes.Buffer
		require.NoError(t, report.WriteDigests(&b, report.Text, []*report.Digest{d}, report.Options{}))
		assert.Contains(t, b.String(), "\n  hint       40 tests ran one after another, for 20 s")
	}
}
