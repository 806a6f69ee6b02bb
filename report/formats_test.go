package report_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

func itoa(n int) string { return strconv.Itoa(n) }

func unescape(s string) string { return html.UnescapeString(s) }

// TestJSONIsTheReport holds that what is written is what the type says, with everything that JSON can say kept.
func TestJSONIsTheReport(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		var got, want monitor.Report
		require.NoError(t, json.Unmarshal([]byte(write(t, report.JSON, s.report, report.Options{All: true})), &got))
		text, err := json.Marshal(s.report)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &want))
		assert.Equal(t, want.Summary, got.Summary)
		assert.Equal(t, want.Branch, got.Branch)
		assert.Equal(t, strings.ToValidUTF8(s.report.ScmRef, "\ufffd"), got.ScmRef, "in full")
		require.Len(t, got.Results, len(want.Results))
		for i := range want.Results {
			assert.Equal(t, want.Results[i].TestID, got.Results[i].TestID)
			assert.Equal(t, want.Results[i].Reason, got.Results[i].Reason)
		}
	}
}

// TestJSONHasNoNulls holds that lists are lists and objects objects even where there is nothing in them, and that
// numbers that JSON cannot write do not prevent it.
func TestJSONHasNoNulls(t *testing.T) {
	t.Parallel()
	r := &monitor.Report{Suite: monitor.Suite{Machines: []monitor.Machine{{TotalTime: math.NaN(), CPUTime: math.Inf(1)}}}}
	got := write(t, report.JSON, r, report.Options{})
	assert.NotContains(t, got, "null")
	assert.Contains(t, got, `"results": []`)
	assert.Contains(t, got, `"sessions": []`)
	assert.Contains(t, write(t, report.JSON, &monitor.Report{}, report.Options{}), `"machines": []`)
	assert.True(t, math.IsNaN(r.Suite.Machines[0].TotalTime), "the report itself stays as it is")
	assert.Nil(t, r.Suite.Offset)
	assert.Error(t, report.Write(io.Discard, report.JSON, &monitor.Report{Started: time.Date(99999, 1, 1, 0, 0, 0, 0, time.UTC)}, report.Options{}))
}

// element says what the schema of Jenkins's xUnit plugin (junit-10.xsd) allows: attributes, with ! where they are
// required, and elements within.
type element struct{ attributes, elements string }

var jenkinsSchema = map[string]element{
	"testsuites": {" name time tests failures errors ", " testsuite "},
	"testsuite": {" name! tests! failures! errors! group time skipped timestamp hostname id package file log url ",
		" testsuite properties testcase system-out system-err "},
	"properties": {"", " property "},
	"property":   {" name! value! ", ""},
	"testcase":   {" name! time classname group ", " skipped error failure system-out system-err "},
	"failure":    {" type message ", ""},
	"skipped":    {" type message ", ""},
	"system-out": {"", ""},
}

// TestJUnitKeepsToTheSchema checks every element and attribute against the schema.
func TestJUnitKeepsToTheSchema(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		d := xml.NewDecoder(strings.NewReader(write(t, report.JUnit, s.report, report.Options{All: true})))
		inside := []string{""}
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			switch token := token.(type) {
			case xml.StartElement:
				checkElement(t, inside[len(inside)-1], token)
				inside = append(inside, token.Name.Local)
			case xml.EndElement:
				inside = inside[:len(inside)-1]
			}
		}
	}
}

func checkElement(t *testing.T, parent string, e xml.StartElement) {
	t.Helper()
	name := e.Name.Local
	rules, ok := jenkinsSchema[name]
	require.True(t, ok, name)
	if parent == "" {
		assert.Equal(t, "testsuites", name)
	} else {
		assert.Contains(t, jenkinsSchema[parent].elements, " "+name+" ", parent)
	}
	has := map[string]bool{}
	for _, a := range e.Attr {
		has[a.Name.Local] = true
		assert.Regexp(t, " "+a.Name.Local+"!? ", rules.attributes, name)
	}
	for _, required := range regexp.MustCompile(`([a-z]+)!`).FindAllStringSubmatch(rules.attributes, -1) {
		assert.True(t, has[required[1]], "%s of %s", required[1], name)
	}
}

// junit is what CI systems read.
type junit struct {
	Suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Cases    []struct {
			Class   string  `xml:"classname,attr"`
			Name    string  `xml:"name,attr"`
			Failure *string `xml:"failure"`
			Skipped *string `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func parseJUnit(tb testing.TB, r *monitor.Report, o report.Options) (parsed junit) {
	tb.Helper()
	require.NoError(tb, xml.Unmarshal([]byte(write(tb, report.JUnit, r, o)), &parsed))
	return parsed
}

// TestJUnitCounts holds that regressions fail, that what is uncertain is skipped, that every case has a name of its own,
// and that the sums are right.
func TestJUnitCounts(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		suite := parseJUnit(t, s.report, report.Options{}).Suite
		names, failures, skipped := map[string]bool{}, 0, 0
		for _, c := range suite.Cases {
			assert.False(t, names[c.Class+c.Name], c.Name)
			names[c.Class+c.Name] = true
			if c.Failure != nil {
				failures++
			}
			if c.Skipped != nil {
				skipped++
			}
		}
		assert.Equal(t, []int{len(suite.Cases), failures, skipped}, []int{suite.Tests, suite.Failures, suite.Skipped}, s.name)
		assert.Equal(t, s.report.Summary.Regressions+s.report.Over(), failures, s.name)
		assert.NotEmpty(t, suite.Cases, "an empty report counts as a mistake")
	}
	assert.Equal(t, 1, parseJUnit(t, slowReport(), report.Options{FailOn: report.FailOnSuite}).Suite.Failures)
	assert.Zero(t, parseJUnit(t, slowReport(), report.Options{}).Suite.Failures)
}

// TestJUnitNamesEveryTest holds that tests of one id that occurs several times, on several machines, stay apart.
func TestJUnitNamesEveryTest(t *testing.T) {
	t.Parallel()
	r := newReport()
	for range 3 {
		r.Results = append(r.Results, result(monitor.StatusRegression, "test_pay", monitor.MetricCPUTime, 0.04, 0.09))
	}
	r.Results[1].Component = "other"
	r.Results[2].Env = smallBox
	cases := parseJUnit(t, r, report.Options{}).Suite.Cases
	require.Len(t, cases, 4)
	assert.NotEqual(t, cases[1].Name, cases[2].Name)
	assert.Contains(t, cases[3].Name, smallBox)
}

// command is the form of a workflow command that GitHub's runner reads.
var command = regexp.MustCompile(`^::(error|warning|notice) ((?:[a-z]+=[^,:\r\n]*)(?:,[a-z]+=[^,:\r\n]*)*)::([^\r\n]*)$`)

// TestGitHubCommands holds that every line is one command, and that reading it back gives the texts.
func TestGitHubCommands(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		for line := range strings.Lines(write(t, report.GitHub, s.report, report.Options{})) {
			assert.Regexp(t, command, strings.TrimSuffix(line, "\n"), s.name)
		}
	}
	r := oneReport()
	r.Results[0].ItemFSLoc, r.Results[0].ItemVariant = "a,b:c%/test_x.py", "test[100%: a,b]"
	fields := command.FindStringSubmatch(strings.Split(write(t, report.GitHub, r, report.Options{}), "\n")[1])
	assert.Equal(t, "error", fields[1])
	assert.Contains(t, fields[2], "file=a%2Cb%3Ac%25/test_x.py,title=")
	assert.Contains(t, fields[3], "a,b:c%25/test_x.py::test[100%25: a,b]")
}

// TestGitHubShowsTen holds that no annotation is lost in silence where GitHub drops those above ten.
func TestGitHubShowsTen(t *testing.T) {
	t.Parallel()
	got := write(t, report.GitHub, manyReport(60, 10), report.Options{})
	assert.Equal(t, 10, strings.Count(got, "::error "))
	assert.Contains(t, got, "::error title=pymon-bridge::51 more: ")
	assert.Equal(t, 10, strings.Count(got, "::warning "))
	assert.NotContains(t, got, "::warning title=pymon-bridge")
	assert.Contains(t, write(t, report.GitHub, slowReport(), report.Options{FailOn: report.FailOnSuite}), "::error title=Whole suite")
}

// TestAmounts holds how numbers read.
func TestAmounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		metric string
		value  monitor.Number
		want   string
	}{
		{monitor.MetricCPUTime, 0, "→ 0 s "}, {monitor.MetricCPUTime, 0.045, "→ 45 ms "}, {monitor.MetricCPUTime, 0.0452, "→ 45.2 ms "},
		{monitor.MetricTotalTime, 1.23, "→ 1.23 s "}, {monitor.MetricTotalTime, 0.9994, "→ 999 ms "}, {monitor.MetricTotalTime, 0.9996, "→ 1 s "},
		{monitor.MetricTotalTime, 12.34, "→ 12.3 s "}, {monitor.MetricTotalTime, 99.96, "→ 100 s "}, {monitor.MetricTotalTime, 4321, "→ 4321 s "},
		{monitor.MetricTotalTime, 0.00012, "→ 120 µs "}, {monitor.MetricTotalTime, -0.5, "→ -500 ms "}, {monitor.MetricTotalTime, 1e300, "→ 1.00e+300 s "},
		{monitor.MetricMemUsage, 12.5, "→ 12.5 MiB "}, {monitor.MetricMemUsage, -3, "→ -3 MiB "}, {monitor.MetricMemUsage, -0.004, "→ 0 MiB "}, {monitor.MetricMemUsage, nan, "→ – "},
		{"other", 12.5, "→ 12.5 "},
	} {
		r := newReport()
		r.Results = []monitor.Result{result(monitor.StatusSuspect, "test_x", c.metric, 1, c.value)}
		assert.Contains(t, write(t, report.Text, r, report.Options{}), c.want, "%v", c.value)
	}
	for value, want := range map[monitor.Number]string{1.5: "×1.50 ", 0.62: "×0.62 ", 12.34: "×12.3 ", 1234: "×1234 ", 9.996: "×10 "} {
		r := newReport()
		r.Results = []monitor.Result{result(monitor.StatusSuspect, "test_x", monitor.MetricMemUsage, 1, value)}
		assert.Contains(t, write(t, report.Text, r, report.Options{}), want)
	}
}

// TestCommits holds that hashes are cut, that other names are not, and that an open end is none.
func TestCommits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ good, bad, want string }{
		{good, bad, "since 1111111111..2222222222,"}, {"", bad, "since 2222222222,"}, {"r1234", "r1240-dirty", "since r1234..r1240-dirty,"},
		{"release-2026.11", "release-2026.12", "since release-2026.11..release-2026.12,"},
	} {
		r := oneReport()
		r.Results[0].LastGood, r.Results[0].FirstBad = c.good, c.bad
		assert.Contains(t, write(t, report.Text, r, report.Options{}), c.want)
	}
	r := oneReport()
	r.Results = r.Results[:1]
	r.Results[0].LastGood, r.Results[0].FirstBad = good, ""
	assert.NotContains(t, write(t, report.Text, r, report.Options{}), "since")
}
