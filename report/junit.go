package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// The elements of JUnit XML that Jenkins and GitLab agree on.
type (
	junitSuites struct {
		XMLName  xml.Name   `xml:"testsuites"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Suite    junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Timestamp  string          `xml:"timestamp,attr,omitempty"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string       `xml:"classname,attr"`
		Name    string       `xml:"name,attr"`
		Time    string       `xml:"time,attr,omitempty"`
		Failure *junitDetail `xml:"failure"`
		Skipped *junitDetail `xml:"skipped"`
		Out     string       `xml:"system-out,omitempty"`
	}
	junitDetail struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// junitClass is the class of the test case that stands for the suite as a whole.
const junitClass = "pymon-bridge"

// writeJUnit writes a test case for the suite and one for each result. With the first of them a report is never empty, which
// CI systems take for a mistake. A regression is a failure. A result that is not certain is skipped.
func writeJUnit(b *bytes.Buffer, r *monitor.Report, o Options) error {
	links := newLinks(r, o)
	suite := junitSuite{Name: junitClass + " " + show(r.Project, shortName), Properties: junitProperties(r, links)}
	if !r.Started.IsZero() {
		suite.Timestamp = r.Started.UTC().Format("2006-01-02T15:04:05")
	}
	suite.add(suiteCase(r, links, o.FailOn))
	for i := range r.LeftOut {
		detail := &junitDetail{Type: "left_out", Message: leftOut(&r.LeftOut[i], show)}
		suite.add(junitCase{Class: junitClass, Name: fmt.Sprintf("left out (%d)", i+1), Skipped: detail})
	}
	for _, c := range budgetCases(r.Budget) {
		suite.add(c)
	}
	names, envs := map[string]int{}, severalMachines(r)
	for _, g := range groups(r, o.All) {
		for _, result := range g.results {
			suite.add(resultCase(result, links, envs, names))
		}
	}
	b.WriteString(xml.Header)
	e := xml.NewEncoder(b)
	e.Indent("", "  ")
	err := e.Encode(junitSuites{Name: junitClass, Tests: suite.Tests, Failures: suite.Failures, Suite: suite})
	if err != nil {
		return fmt.Errorf("writing the report as JUnit XML: %w", err)
	}
	b.WriteByte('\n')
	return nil
}

func (s *junitSuite) add(c junitCase) {
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func junitProperties(r *monitor.Report, l links) (all []junitProperty) {
	for _, p := range []junitProperty{
		{"project", r.Project}, {"run", r.Run}, {"scm_ref", r.ScmRef}, {"branch", r.Branch}, {"build", r.Build},
		{"runs", fmt.Sprint(len(r.Runs))}, {"against", r.Against}, {"baseline_runs", fmt.Sprint(r.BaselineRuns)},
	} {
		all = append(all, junitProperty{p.Name, show(p.Value, longName)})
	}
	if page := l.run(); page != "" {
		all = append(all, junitProperty{"page", page})
	}
	return all
}

// suiteCase stands for the suite. It fails only if the pipeline is to fail on a slow suite, and passes only if something was
// judged.
func suiteCase(r *monitor.Report, l links, on FailOn) junitCase {
	gate, sentence := Gate(r, on)
	c := junitCase{Class: junitClass, Name: "whole suite", Out: joined(sentence, totals(r.Summary), partial(r, show),
		strings.Join(growth(r, severalMachines(r), show), "\n"), l.run())}
	detail := &junitDetail{Type: show(string(r.Suite.Status), shortName), Message: sentence}
	switch {
	case slow(r) && on == FailOnSuite:
		c.Failure = detail
	case gate == monitor.GateNotJudged:
		detail.Type = string(monitor.StatusNotJudged)
		c.Skipped = detail
	case r.Suite.Status != monitor.StatusOK:
		c.Skipped = detail
	}
	return c
}

// resultCase returns the test case of one result. names counts the names within a class: GitLab shows only the first test
// case of a name, so the next ones get a number.
func resultCase(r *monitor.Result, l links, envs bool, names map[string]int) junitCase {
	c := junitCase{Class: orUnknown(show(r.ItemPath, longName)), Name: junitName(r, envs)}
	full := c.Class + "\x00" + c.Name
	if names[full]++; names[full] > 1 {
		c.Name += fmt.Sprintf(" [%d]", names[full])
	}
	if r.Metric == monitor.MetricTotalTime && known(r.Value) && r.Value >= 0 {
		c.Time = fmt.Sprintf("%.3f", float64(r.Value))
	}
	lines := slices.Concat([]string{testName(r)}, details(r), []string{"on " + show(r.Env, shortName), l.testPage(r)})
	detail := &junitDetail{Type: show(string(r.Status), shortName), Message: change(r), Text: joined(lines...)}
	switch r.Status {
	case monitor.StatusRegression:
		c.Failure = detail
	case monitor.StatusImprovement, monitor.StatusResolved, monitor.StatusOK, monitor.StatusAccepted:
		c.Out = detail.Message + "\n" + detail.Text
	default:
		c.Skipped = detail
	}
	return c
}

func junitName(r *monitor.Result, envs bool) string {
	name := show(variant(r), longName) + ": " + metricName(r.Metric)
	if r.Occurrence > 0 {
		name += fmt.Sprintf(" (%d)", r.Occurrence+1)
	}
	if envs {
		name += " on " + show(r.Env, shortName)
	}
	return name
}

// change says what became of a measurement: "CPU time ×1.50: 40 ms → 60 ms".
func change(r *monitor.Result) string {
	if !hasNumbers(r) {
		s := metricName(r.Metric) + " not judged"
		if r.Status == monitor.StatusLearning {
			s = metricName(r.Metric) + " has too few earlier runs"
		}
		if r.Reason != "" {
			s += ": " + show(r.Reason, longName)
		}
		return s
	}
	usual, now, by := levels(r)
	return fmt.Sprintf("%s %s: %s → %s", metricName(r.Metric), ratio(by), amount(r.Metric, usual), amount(r.Metric, now))
}
