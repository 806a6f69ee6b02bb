package report_test

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// FuzzFormats holds that whatever a report says, no format panics, emits what is not printable, breaks its own syntax or
// lets a text start a command of a CI system, and that the lines for pytest stay lines.
func FuzzFormats(f *testing.F) {
	for i, name := range oddNames() {
		f.Add(name, string(report.Formats()[i%5]), 0.04*float64(i), 1/float64(i), uint8(i))
	}
	f.Fuzz(func(t *testing.T, name, other string, baseline, value float64, how uint8) {
		r := fuzzedReport(name, other, monitor.Number(baseline), monitor.Number(value), how)
		o := report.Options{All: how&1 > 0, FailOn: report.FailOns()[how%4], BridgeURL: "https://" + other, GrafanaURL: name}
		for _, format := range report.Formats() {
			got := write(t, format, r, o)
			require.True(t, utf8.ValidString(got))
			require.Equal(t, -1, strings.IndexFunc(got, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }), "%q", got)
			checkSyntax(t, format, got)
		}
		for _, line := range report.Rerun(r) {
			require.NotContains(t, line, "\n")
			require.True(t, printable(line), "%q", line)
			require.False(t, line == "" || strings.HasPrefix(line, "@"), "%q", line)
		}
	})
}

func fuzzedReport(name, other string, baseline, value monitor.Number, how uint8) *monitor.Report {
	r := named(name)
	r.Project, r.Sessions, r.Suite.Status, r.Against = other, []string{name}, monitor.Status(other), other
	r.Suite.Offset = map[string]monitor.Number{name: baseline, monitor.MetricCPUTime: value}
	r.Suite.Machines[1].TotalTime = float64(value)
	for i := range r.Results {
		one := &r.Results[i]
		one.Baseline, one.Value, one.Ratio, one.Q, one.N = baseline, value, value/baseline, value, int(how)
		one.ItemPath, one.Level, one.ItemVariant, one.Occurrence = other, monitor.Level(other), name+other, i
		if how&2 > 0 {
			one.Metric, one.Reason = []string{monitor.MetricCPUTime, monitor.MetricMemUsage, other, name}[i], other
		}
	}
	if how&4 > 0 {
		r.Results[len(r.Results)-1].Status = monitor.Status(other)
	}
	r.Summary.Suspects, r.Summary.Regressions = int(how)%3, int(how)%2
	return r
}

func checkSyntax(t *testing.T, format report.Format, got string) {
	t.Helper()
	switch format {
	case report.JSON:
		require.True(t, json.Valid([]byte(got)))
	case report.JUnit:
		require.NoError(t, xml.Unmarshal([]byte(got), &junit{}))
	case report.GitHub:
		for line := range strings.Lines(got) {
			require.Regexp(t, command, strings.TrimSuffix(line, "\n"))
		}
	case report.Text:
		require.NotContains(t, got, "##[")
		for line := range strings.Lines(got) {
			require.False(t, strings.HasPrefix(strings.TrimSpace(line), "::"), line)
		}
	case report.Markdown:
		require.Less(t, len(got), maxComment)
		for _, row := range parseMarkdown(t, got).rows {
			assert.Contains(t, []int{3, 4, 7}, len(row), "%q", row) // machines, reasons, numbers
		}
	}
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
