package budget_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/budget"
	"pymon-bridge/monitor"
)

// TestAFileThatIsWrongSaysWhere holds that a wrong file is refused, and never read in part.
func TestAFileThatIsWrongSaysWhere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ content, want string }{
		"nothing":            {"# later\n", "b.toml:1: no limits: expected the table [total], and a table [[tests]] for each pattern"},
		"misspelt table":     {"\n[totals]\nwall_time = \"1s\"\n", "b.toml:2: totals: unknown key: expected the table [total], and a table [[tests]] for each pattern"},
		"misspelt limit":     {"[total]\nwall_tme = \"1s\"\n", "b.toml:2: total.wall_tme: unknown key: expected wall_time, cpu_time or memory"},
		"misspelt in tests":  {"[[tests]]\npattern = \"a\"\nmem = \"1MiB\"\n", "b.toml:3: tests.mem: unknown key: expected pattern, wall_time, cpu_time or memory"},
		"no pattern":         {"[[tests]]\npattern = \"a\"\nmemory = \"1MiB\"\n\n[[tests]]\nmemory = \"1MiB\"\n", "b.toml:5: tests.pattern: expected a path or a node id, such as \"tests/unit\" or \"*::test_big*\""},
		"no limit":           {"[[tests]]\npattern = \"a\"\n", "b.toml:1: tests: expected wall_time, cpu_time or memory beside the pattern"},
		"empty total":        {"\n[total]\n", "b.toml:2: total: expected wall_time, cpu_time or memory"},
		"no unit":            {"[total]\nwall_time = 3\n", "b.toml:2: total.wall_time: expected a time above 0 with its unit, such as \"500ms\", \"1.5s\" or \"10m\", got \"3\""},
		"a time of 0":        {"[total]\ncpu_time = \"0s\"\n", "b.toml:2: total.cpu_time: expected a time above 0 with its unit, such as \"500ms\", \"1.5s\" or \"10m\", got \"0s\""},
		"unknown unit":       {"[total]\nmemory = \"3 days\"\n", "b.toml:2: total.memory: expected a size above 0 with its unit, such as \"50MiB\" or \"1.5GiB\", got \"3 days\""},
		"infinite":           {"[total]\nmemory = \"infMiB\"\n", "b.toml:2: total.memory: expected a size above 0 with its unit, such as \"50MiB\" or \"1.5GiB\", got \"infMiB\""},
		"a list":             {"[total]\nwall_time = [\n\"1s\"]\n", "b.toml:2: total.wall_time: expected a time above 0 with its unit, such as \"500ms\", \"1.5s\" or \"10m\", got an array"},
		"a boolean":          {"\n[[tests]]\npattern = \"a\"\ncpu_time = true\n", "b.toml:4: tests.cpu_time: expected a time above 0 with its unit, such as \"500ms\", \"1.5s\" or \"10m\", got \"true\""},
		"a date":             {"[total]\nmemory = 1979-05-27\n", "b.toml:2: total.memory: expected a size above 0 with its unit, such as \"50MiB\" or \"1.5GiB\", got \"1979-05-27\""},
		"a table":            {"[total]\nmemory = {a = \"1MiB\"}\n", "b.toml:2: total.memory: expected a size above 0 with its unit, such as \"50MiB\" or \"1.5GiB\", got a table"},
		"a sub-table":        {"[total]\n[total.memory]\na = 1\n", "b.toml:2: total.memory: expected a size above 0 with its unit, such as \"50MiB\" or \"1.5GiB\", got a table"},
		"a deep key":         {"total.memory.a = 1\n", "b.toml:1: total.memory: expected a size above 0 with its unit, such as \"50MiB\" or \"1.5GiB\", got a table"},
		"no text":            {"[[tests]]\npattern = 5\n", "b.toml:2: tests.pattern: expected a path or a node id, such as \"tests/unit\" or \"*::test_big*\", got \"5\""},
		"empty pattern":      {"[[tests]]\nwall_time = \"1s\"\npattern = \" \"\n", "b.toml:3: tests.pattern: expected a path or a node id, such as \"tests/unit\" or \"*::test_big*\", got \" \""},
		"a list of patterns": {"[[tests]]\npattern = [\"a\"]\n", "b.toml:2: tests.pattern: expected a path or a node id, such as \"tests/unit\" or \"*::test_big*\", got an array"},
		"one of tests":       {"[tests]\npattern = \"a\"\n", "b.toml:1: tests: expected the table [total], and a table [[tests]] for each pattern"},
		"one in a line":      {"\ntests = {pattern = \"a\"}\n", "b.toml:2: tests: expected the table [total], and a table [[tests]] for each pattern"},
		"tests of a key":     {"tests.pattern = \"a\"\n", "b.toml:1: tests: expected the table [total], and a table [[tests]] for each pattern"},
		"no tables":          {"tests = [\"a\"]\n", "b.toml:1: tests: expected the table [total], and a table [[tests]] for each pattern"},
		"several totals":     {"\n[[total]]\nwall_time = \"1s\"\n", "b.toml:2: total: expected the table [total], and a table [[tests]] for each pattern"},
		"total is a time":    {"total = \"1s\"\n", "b.toml:1: total: expected the table [total], and a table [[tests]] for each pattern"},
		"a list for total":   {"total = [1]\n", "b.toml:1: total: expected the table [total], and a table [[tests]] for each pattern"},
		"total in it":        {"[total.limits]\nmemory = \"1MiB\"\n", "b.toml:1: total.limits: unknown key: expected wall_time, cpu_time or memory"},
		"upper case":         {"[[tests]]\npattern = \"a\"\nWALL_TIME = \"1s\"\n", "b.toml:3: tests.WALL_TIME: unknown key: expected pattern, wall_time, cpu_time or memory"},
		"Total":              {"[Total]\nwall_time = \"1s\"\n", "b.toml:1: Total: unknown key: expected the table [total], and a table [[tests]] for each pattern"},
		"odd key":            {"\"a\\u001b.\" = 1\n", "b.toml:1: \"a\\x1b.\": unknown key: expected the table [total], and a table [[tests]] for each pattern"},
		"no TOML":            {"[total]\nmemory: 5\n", "b.toml:2: expected character ="},
		"an open text":       {"[total]\nmemory = \"5MiB", "b.toml:2: "},
		"twice":              {"[total]\nmemory = \"5MiB\"\nmemory = \"6MiB\"\n", "b.toml:3: total.memory: expected it once"},
		"a pattern twice":    {"[[tests]]\npattern = \"a\"\npattern = \"a\"\n", "b.toml:3: tests.pattern: expected it once"},
		"total twice":        {"[total]\nmemory = \"5MiB\"\n[total]\nwall_time = \"1s\"\n", "b.toml:3: total: expected it once"},
		"total in two ways":  {"total.memory = \"5MiB\"\n[total]\nwall_time = \"1s\"\n", "b.toml:2: total: expected it once"},
		"tests in two ways":  {"tests = []\n[[tests]]\npattern = \"a\"\n", "b.toml:2: tests: expected it once"},
		"above all":          {"[total]\nmemory = \"" + strings.Repeat("9", 306) + "GiB\"\n", "b.toml:2: total.memory: expected a size above 0"},
		"below a byte":       {"[total]\nmemory = \"0.0001KiB\"\n", "b.toml:2: total.memory: expected a size above 0"},
		"total in two lines": {"total = {memory = \"5MiB\"}\ntotal.cpu_time = \"1s\"\n", "b.toml:2: total: expected it once"},
		"two arrays":         {"tests = []\ntests = []\n", "b.toml:2: tests: expected"},
		"another table":      {"[[tests]]\npattern = \"a\"\n[other.memory]\n", "b.toml:3: other.memory: unknown key: expected the table [total], and a table [[tests]] for each pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := budget.Read("b.toml", strings.NewReader(test.content))
			require.Error(t, err)
			assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
			assert.Contains(t, err.Error(), test.want)
			assert.Less(t, len(err.Error()), 400)
			assert.NotContains(t, err.Error(), "budget.")
		})
	}
}

// comments is a file of n bytes.
type comments struct{ n int }

func (c *comments) Read(p []byte) (int, error) {
	if c.n == 0 {
		return 0, io.EOF
	}
	p = p[:min(len(p), c.n)]
	c.n -= copy(p, bytes.Repeat([]byte("#"), len(p)))
	return len(p), nil
}

// TestAFileIsNotReadWithoutEnd holds that a device or another file by mistake takes no memory.
func TestAFileIsNotReadWithoutEnd(t *testing.T) {
	t.Parallel()
	const limit = "[total]\nmemory = \"1MiB\"\n"
	_, err := budget.Read("b.toml", io.MultiReader(strings.NewReader(limit), &comments{1_000_000 - len(limit)}))
	require.NoError(t, err)

	long := &comments{3_000_000}
	_, err = budget.Read("b.toml", io.MultiReader(strings.NewReader(limit), long))
	require.EqualError(t, err, "b.toml: expected a file of limits, of at most 1 MB")
	assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
	assert.Greater(t, long.n, 1_900_000, "it is not read to its end")

	_, err = budget.Read("b.toml", iotest.ErrReader(io.ErrUnexpectedEOF))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// TestAFileMayBeWrittenInSeveralWays holds that what is the same in TOML is the same here.
func TestAFileMayBeWrittenInSeveralWays(t *testing.T) {
	t.Parallel()
	tally := func(content string) *monitor.Budget {
		tally := budget.NewTally(read(t, content))
		tally.Add(budget.Run{ID: "1"}, "linux", measured("a", 2, 3, 4))
		return tally.Budget()
	}
	want := tally("[total]\nwall_time = \"1s\"\nmemory = \"1MiB\"\n[[tests]]\npattern = \"a\"\ncpu_time = \"1s\"\n[[tests]]\npattern = \"b\"\nmemory = \"1MiB\"\n")
	assert.Equal(t, 3, want.Exceeded)
	for _, content := range []string{
		"\ufeff[total]\r\nwall_time = '1s'\r\nmemory = \"1 mib\"\r\n[[tests]]\r\ncpu_time = \"1s\"\r\npattern = \"a\"\r\n[[tests]]\nmemory = \"1MiB\"\npattern = \"b\"",
		"total = {wall_time = \"1s\", memory = \"1024KiB\"}\ntests = [{pattern = \"a\", cpu_time = \"1000ms\"},\n {pattern = \"b\", memory = \"1MiB\"}]\n",
		"total.wall_time = \"1s\"\n\"total\".\"memory\" = \"1MiB\"\n[[\"tests\"]]\npattern = \"\\u0061\"\ncpu_time = \"\"\"1s\"\"\"\n[[tests]]\npattern = \"b\"\nmemory = \"1MiB\"\n",
	} {
		assert.Equal(t, want, tally(content), content)
	}
}

// measured returns a test that passed.
func measured(name string, wall, cpu, memory float64) *monitor.Outcome {
	o := &monitor.Outcome{NodeID: name, Outcome: monitor.Passed, MemPeak: math.NaN()}
	o.TotalTime, o.UserTime, o.MemUsage = wall, cpu, memory
	return o
}

func read(t *testing.T, content string) *budget.File {
	t.Helper()
	f, err := budget.Read("b.toml", strings.NewReader(content))
	require.NoError(t, err)
	return f
}

// TestPatternsChooseWhatPytestWould holds how a pattern is read. The limit is below what the test takes, so it shows.
func TestPatternsChooseWhatPytestWould(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"tests", "tests/unit/test_a.py::test_x", true},
		{"tests/", "tests/unit/test_a.py::test_x", true},
		{"./tests/unit", "tests/unit/test_a.py::test_x", true},
		{"tests/uni", "tests/unit/test_a.py::test_x", false},
		{"unit", "tests/unit/test_a.py::test_x", false},
		{"*/unit", "tests/unit/test_a.py::test_x", true},
		{"tests/*", "tests/unit/test_a.py::test_x", true},
		{"tests/unit/test_?.py", "tests/unit/test_a.py::test_x", true},
		{"tests/unit/test_aXpy", "tests/unit/test_a.py::test_x", false},
		{"tests/test_a.py::TestC", "tests/test_a.py::TestC::test_x", true},
		{"tests/test_a.py::test_x", "tests/test_a.py::test_x[1-2]", true},
		{"tests/test_a.py::test_x", "tests/test_a.py::test_xy", false},
		{"*::test_x[a/b]", "tests/test_a.py::test_x[a/b]", true},
		{"*::test_x[ab]", "tests/test_a.py::test_xa", false},
		{"*", "any\nthing", true},
		{".", "tests/unit/test_a.py::test_x", true},
		{"./", "tests/unit/test_a.py::test_x", true},
		{".//tests", "tests/unit/test_a.py::test_x", true},
		{"tests//unit/", "tests/unit/test_a.py::test_x", true},
		{"tests/../tests/./unit/test_a.py::test_x", "tests/unit/test_a.py::test_x", true},
		{`tests\unit\test_a.py::test_x`, "tests/unit/test_a.py::test_x", true},
		{"tests/unit/test_a.py::", "tests/unit/test_a.py::test_x", true},
		{"tests/test_a.py::TestC::", "tests/test_a.py::TestC::test_x", true},
		{"tests/test_a.py::TestC::", "tests/test_a.py::TestCart::test_x", false},
		{`*::test_x[a\..\b//]`, `tests/test_a.py::test_x[a\..\b//]`, true},
		{"*::test_x[.]", "tests/test_a.py::test_x[.]", true},
		{"..", "tests/test_a.py::test_x", false},
		{"/tests", "tests/test_a.py::test_x", false},
		{"tests", `tests\unit\test_a.py::test_x`, true}, // pytest-monitor on Windows
		{`tests\unit\*`, `tests\unit\test_a.py::test_x[a\b]`, true},
	} {
		tally := budget.NewTally(read(t, "[[tests]]\npattern = '''"+test.pattern+"'''\nwall_time = \"1ms\"\n"))
		tally.Add(budget.Run{ID: "s"}, "", measured(test.name, 1, 1, 1))
		b := tally.Budget()
		assert.Equal(t, test.want, b.Exceeded == 1, "%s: %s", test.pattern, test.name)
		assert.Equal(t, !test.want, len(b.Unmatched) == 1, "%s: %s", test.pattern, test.name)
	}
}

// TestTheLastPatternCounts holds that a later rule makes an exception, for the limits that it has.
func TestTheLastPatternCounts(t *testing.T) {
	t.Parallel()
	tally := budget.NewTally(read(t, `
[[tests]]
pattern = "tests"
wall_time = "1s"
cpu_time = "1s"
memory = "10MiB"

[[tests]]
pattern = "*::test_big"
wall_time = "3 s"
memory = "1 GiB"

[[tests]]
pattern = "tests/none"
wall_time = "1s"
`))
	tally.Add(budget.Run{ID: "s"}, "", measured("tests/a.py::test_big", 2.5, 1.5, 100))
	tally.Add(budget.Run{ID: "s"}, "", measured("tests/a.py::test_small", 0.1, 0.1, 11))
	tally.Add(budget.Run{ID: "s"}, "", measured("other/a.py::test", 9, 9, 9))
	b := tally.Budget()
	assert.Equal(t, &monitor.Budget{Limits: 6, Exceeded: 2, Unmatched: []string{"tests/none"}, Uses: []monitor.BudgetUse{
		{Test: "tests/a.py::test_big", Pattern: "tests", Metric: monitor.MetricCPUTime, Value: 1.5, Limit: 1, Share: 1.5},
		{Test: "tests/a.py::test_small", Pattern: "tests", Metric: monitor.MetricMemUsage, Value: 11, Limit: 10, Share: 1.1},
		{Test: "tests/a.py::test_big", Pattern: "*::test_big", Metric: monitor.MetricTotalTime, Value: 2.5, Limit: 3, Share: monitor.Number(2.5 / 3)},
	}}, b)
}

// TestTotals holds what is added up: each test of a job once, at its lowest, and of several jobs the worst.
func TestTotals(t *testing.T) {
	t.Parallel()
	const total = "[total]\nwall_time = \"10s\"\ncpu_time = \"10s\"\nmemory = \"100MiB\"\n"
	wall := func(b *monitor.Budget) (all []float64) {
		for _, u := range b.Uses {
			if u.Metric == monitor.MetricTotalTime && u.Test == "" {
				all = append(all, float64(u.Value))
			}
		}
		return all
	}
	tally := budget.NewTally(read(t, total))
	assert.Empty(t, tally.Budget().Uses, "nothing was measured")
	tally.Add(budget.Run{ID: "0"}, "py311", measured("a", 0.5, 0.5, -3))
	assert.Zero(t, tally.Budget().Uses[2].Value, "a process that shrank needs no memory")

	tally.Add(budget.Run{ID: "1"}, "py312", measured("a", 2, 1, 30))
	tally.Add(budget.Run{ID: "1"}, "py312", measured("b", 3, 1, 40))
	tally.Add(budget.Run{ID: "1"}, "py312", measured("b", 4, 1, 20)) // of another class with a test of this name
	assert.Equal(t, []float64{9}, wall(tally.Budget()))
	tally.Add(budget.Run{ID: "2"}, "py312", measured("a", 1, 1, 35)) // again
	assert.Equal(t, []float64{8}, wall(tally.Budget()))
	tally.Add(budget.Run{ID: "3"}, "py313", measured("a", 5, 1, 60))
	tally.Add(budget.Run{ID: "3"}, "py313", measured("b", 6, 1, math.NaN()))
	b := tally.Budget()
	assert.Equal(t, []float64{11}, wall(b))
	assert.Equal(t, 1, b.Exceeded)
	assert.Equal(t, 3, b.Limits)
	for _, u := range b.Uses {
		if u.Metric == monitor.MetricMemUsage {
			assert.InDelta(t, 60, float64(u.Value), 0, "the greatest memory of a process is no sum")
		}
	}

	failed := measured("c", 100, 100, 1000)
	failed.Outcome = monitor.OutcomeFailed
	tally.Add(budget.Run{ID: "4"}, "py313", failed)
	assert.Equal(t, b, tally.Budget())
	peak := measured("d", 0, 0, 10)
	peak.MemPeak = 150
	tally.Add(budget.Run{ID: "4"}, "py313", peak)
	assert.Equal(t, 2, tally.Budget().Exceeded)
}

// TestATestThatIsMeasuredAgainIsCleared holds that one slow measurement of a job does not count where another one is within the
// limit, and that a job does not clear another.
func TestATestThatIsMeasuredAgainIsCleared(t *testing.T) {
	t.Parallel()
	tally := budget.NewTally(read(t, "[[tests]]\npattern = \"*\"\nwall_time = \"1s\"\n"))
	tally.Add(budget.Run{ID: "1"}, "linux", measured("a", 1.2, 0, 0))
	assert.Equal(t, 1, tally.Budget().Exceeded)
	tally.Add(budget.Run{ID: "2"}, "mac", measured("a", 0.9, 0, 0))
	assert.Equal(t, 1, tally.Budget().Exceeded)
	tally.Add(budget.Run{ID: "3"}, "linux", measured("a", 0.95, 0, 0))
	b := tally.Budget()
	assert.Zero(t, b.Exceeded)
	require.Len(t, b.Uses, 1)
	assert.InDelta(t, 0.95, float64(b.Uses[0].Share), 1e-9, "it is near")
}

// TestShardsAreNoRepeats holds that a test of a shard does not clear one of another shard that has its name, although both are runs of
// their own on one branch and class of machine: pytest-monitor leaves classes out.
func TestShardsAreNoRepeats(t *testing.T) {
	t.Parallel()
	type ran struct {
		tests        string // names; a capital letter stands for 9 s, a small one for 1 s
		began, ended int
	}
	for name, test := range map[string]struct {
		runs   []ran
		x, all float64 // the test x, and all together
	}{
		"shards one after the other":    {[]ran{{"Xabc", 0, 9}, {"xdef", 9, 18}}, 9, 15},
		"in another order":              {[]ran{{"xdef", 0, 9}, {"Xabc", 9, 18}}, 9, 15},
		"shards at once with equal ids": {[]ran{{"Xab", 0, 9}, {"xab", 8, 18}}, 9, 11},
		"a repeat":                      {[]ran{{"Xabc", 0, 9}, {"xabc", 9, 18}}, 1, 4},
		"some tests again":              {[]ran{{"Xabcd", 0, 9}, {"xa", 9, 18}}, 1, 5},
		"a smoke job before":            {[]ran{{"X", 0, 9}, {"xabcd", 9, 18}}, 1, 5},
		"one of two shards again":       {[]ran{{"Xabc", 0, 9}, {"Xdef", 0, 9}, {"xdef", 9, 18}}, 9, 15},
		"both shards again":             {[]ran{{"Xabc", 0, 9}, {"Xdef", 0, 9}, {"xdefabc", 9, 18}}, 1, 7},
		"a repeat of a repeat":          {[]ran{{"Xabc", 0, 9}, {"Xabc", 9, 18}, {"x", 18, 20}}, 1, 4},
	} {
		tally := budget.NewTally(read(t, "[total]\nwall_time = \"1m\"\n[[tests]]\npattern = \"x\"\nwall_time = \"1s\"\n"))
		for i, r := range test.runs {
			at := func(second int) time.Time { return time.Unix(int64(second), 0) }
			run := budget.Run{ID: fmt.Sprint(i), Started: at(r.began), Ended: at(r.ended)}
			for _, one := range r.tests {
				seconds := map[bool]float64{true: 9, false: 1}[unicode.IsUpper(one)]
				tally.Add(run, "linux", measured(strings.ToLower(string(one)), seconds, 0, 0))
			}
		}
		for _, u := range tally.Budget().Uses {
			assert.InDelta(t, map[string]float64{"x": test.x, "": test.all}[u.Test], float64(u.Value), 1e-9, "%s: %q", name, u.Test)
		}
	}
}

// TestOneRunMeasuresATestOnce holds that a fast test does not clear a slow one of its name, and that workers of pytest-xdist, whose
// sessions are of one run, count like one process.
func TestOneRunMeasuresATestOnce(t *testing.T) {
	t.Parallel()
	tally := budget.NewTally(read(t, "[total]\nwall_time = \"1m\"\n[[tests]]\npattern = \"*\"\nwall_time = \"1s\"\n"))
	for session, wall := range map[string]float64{"gw0": 9, "gw1": 0.1} {
		o := measured("t.py::test_x", wall, 0, 0)
		o.SessionH = session
		tally.Add(budget.Run{ID: "1"}, "linux", o)
	}
	b := tally.Budget()
	require.Len(t, b.Uses, 2)
	assert.InDelta(t, 9, float64(b.Uses[0].Value), 1e-9)
	assert.InDelta(t, 9.1, float64(b.Uses[1].Value), 1e-9, "both are parts of the total")
	tally.Add(budget.Run{ID: "2"}, "linux", measured("t.py::test_x", 0.5, 0, 0))
	assert.Zero(t, tally.Budget().Exceeded, "another run measured it again")
}

// TestWhatIsNotMeasuredKeepsNoLimit holds that a value that is missing is not 0.
func TestWhatIsNotMeasuredKeepsNoLimit(t *testing.T) {
	t.Parallel()
	missing := math.NaN()
	tally := budget.NewTally(read(t, `
[total]
wall_time = "1s"
cpu_time = "1s"
memory = "10MiB"

[[tests]]
pattern = "*"
wall_time = "1s"
cpu_time = "1s"
memory = "10MiB"
`))
	tally.Add(budget.Run{ID: "1"}, "linux", measured("a", missing, missing, missing))
	assert.Equal(t, &monitor.Budget{Uses: []monitor.BudgetUse{}, Unmatched: []string{}}, tally.Budget())

	tally.Add(budget.Run{ID: "2"}, "linux", measured("a", 2, missing, 20))
	for range 2 {
		b := tally.Budget()
		assert.Equal(t, 4, b.Limits)
		assert.Equal(t, 4, b.Exceeded)
		tally.Add(budget.Run{ID: "3"}, "linux", measured("a", missing, missing, missing)) // clears nothing
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("[total]\nmemory = \"5MiB\"\n[[tests]]\npattern = \"a*\"\nwall_time = \"1s\"\n"))
	f.Add([]byte("tests = [{pattern = \"a\", cpu_time = \"1s\"}, {}]\n"))
	f.Add([]byte("[[tests]]"))
	f.Add([]byte("[[tests]]\npattern = \"\\uFFFD[\"\nmemory = 1e9\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := budget.Read("b.toml", bytes.NewReader(content))
		if err != nil {
			assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
			return
		}
		require.NoError(t, toml.Unmarshal(bytes.TrimPrefix(content, []byte("\ufeff")), new(map[string]any)), "what is read is TOML")
		tally := budget.NewTally(file)
		tally.Add(budget.Run{ID: "s"}, "", measured("tests/a.py::test", 1, 1, 1))
		assert.GreaterOrEqual(t, tally.Budget().Limits, tally.Budget().Exceeded)
	})
}
