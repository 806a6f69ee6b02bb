package report_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// A person looks at a test, not at a measurement. So a test is named once, with its worst result in front.
func TestATestIsOneEntry(t *testing.T) {
	t.Parallel()
	r := newReport()
	add := func(status monitor.Status, variant, metric string) {
		r.Results = append(r.Results, result(status, variant, metric, 1, 2))
	}
	add(monitor.StatusRegression, "test_a", monitor.MetricCPUTime)
	add(monitor.StatusRegression, "test_a", monitor.MetricTotalTime)
	add(monitor.StatusRegression, "test_b", monitor.MetricTotalTime)
	add(monitor.StatusSuspect, "test_c", monitor.MetricTotalTime)
	add(monitor.StatusImprovement, "test_a", monitor.MetricMemUsage)
	elsewhere := result(monitor.StatusSuspect, "test_a", monitor.MetricCPUTime, 1, 2)
	elsewhere.Env = smallBox
	r.Results = append(r.Results, elsewhere)
	text := write(t, report.Text, r, report.Options{})
	assert.Equal(t, 2, strings.Count(text, "::test_a\n"), "once on each class of machine: %s", text)
	assert.Equal(t, 1, strings.Count(text, "::test_b\n"))
	assert.Contains(t, text, "\nREGRESSIONS: 2 tests\n▲ ")
	assert.Contains(t, text, "\nSUSPECTS: 2 tests\n◆ ")
	assert.NotContains(t, text, "IMPROVEMENTS")
	assert.Regexp(t, `\n  ▼ memory  .* improvement, limit `, text)
	assert.Equal(t, 1, strings.Count(text, "::test_a\n  ▲ CPU time  "))
	assert.NotContains(t, text, " regression, limit ", "the heading says that")
}

// The sign and the word say what the colour says.
func TestEveryStatusHasASign(t *testing.T) {
	t.Parallel()
	r := newReport()
	for status, sign := range map[monitor.Status]string{
		monitor.StatusRegression: "▲", monitor.StatusSuspect: "◆", monitor.StatusImprovement: "▼", monitor.StatusResolved: "●",
		monitor.StatusOK: "●", monitor.StatusLearning: "○", monitor.StatusNotJudged: "–", "odd": "–",
	} {
		r.Results = []monitor.Result{result(status, "test_a", monitor.MetricCPUTime, 1, 2)}
		assert.Contains(t, write(t, report.Text, r, report.Options{All: true}), "\n"+sign+" tests/checkout/", status)
	}
}

func TestTextSaysWhatToDoNext(t *testing.T) {
	t.Parallel()
	one, suspect, clean, new := oneReport(), slowReport(), fineReport(), oneReport()
	new.Results[0].LastGood = ""
	many := manyReport(0, 60)
	quoted := slowReport()
	quoted.Results[0].ItemFSLoc, quoted.Results[0].ItemPath = "it's/test_payment.py", "test_payment"
	for name, tc := range map[string]struct {
		report *monitor.Report
		pytest []string
		want   string
	}{
		"both": {one, nil, "next      look at the commits:\n            git log 1111111111..2222222222\n" +
			"next      run the suspect again, which confirms or clears it:\n            pytest tests/checkout/test_payment.py -k '(test_pay[visa and 3 and items])'\n"},
		"a first commit": {new, nil, "next      look at the commit:\n            git show 2222222222\n"},
		"a suspect":      {suspect, nil, "\n            pytest tests/checkout/test_payment.py -k test_refund\n"},
		"with a server": {suspect, []string{"pytest", "--tag", "branch=a b"},
			"\n            pytest --tag 'branch=a b' tests/checkout/test_payment.py -k test_refund\n"},
		"a quote":            {quoted, nil, `pytest 'it'\''s/test_payment.py' -k test_refund`},
		"too many to type":   {many, nil, "next      run the suspects again, which confirms or clears them, with the other tests of their files:\n            pytest tests/checkout/test_payment.py\n"},
		"nothing to be done": {clean, nil, ""},
	} {
		text := write(t, report.Text, tc.report, report.Options{Pytest: tc.pytest})
		if assert.Contains(t, text, tc.want, name); tc.want == "" {
			assert.NotContains(t, text, "\nnext", name)
		}
	}
	clean.Run = "job 1/2"
	assert.Contains(t, write(t, report.Text, clean, report.Options{BridgeURL: "https://ci.example.org/pymon/"}),
		"\npage      https://ci.example.org/pymon/p/webshop/runs/job%201%2F2\n")
	clean.Run = strings.Repeat("x", 3000)
	assert.NotContains(t, write(t, report.Text, clean, report.Options{BridgeURL: "https://ci.example.org"}), "\npage")
}

// Sentences go on below themselves. What is typed stays in one line.
func TestSentencesFitTheTerminal(t *testing.T) {
	t.Parallel()
	for _, r := range []*monitor.Report{slowReport(), oneReport(), fineReport()} {
		command := ""
		for line := range strings.Lines(write(t, report.Text, r, report.Options{Width: 70, Pytest: []string{"pytest", "--tag", "branch=main"}})) {
			if strings.Contains(line, "pytest --tag") {
				command = line
			} else if !strings.Contains(line, " → ") && !strings.Contains(line, "on Linux") {
				assert.LessOrEqual(t, utf8.RuneCountInString(line), 71, line)
			}
		}
		assert.Equal(t, r.Summary.Suspects > 0, strings.Contains(command, " -k "), command)
	}
	text := write(t, report.Text, slowReport(), report.Options{Width: 70})
	assert.Contains(t, text, "WARNING No confirmed regression, 1 suspect; the whole suite is slower\n       than usual ")
	assert.Contains(t, text, "\nnext      run the suspect again, which confirms or clears it:\n            pytest ")
}
