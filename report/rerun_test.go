package report_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// suspect is a test as pytest-monitor names it.
type suspect struct{ file, module, item, variant string }

func suspects(all ...suspect) *monitor.Report {
	r := newReport()
	for _, s := range all {
		r.Results = append(r.Results, monitor.Result{Status: monitor.StatusSuspect, ItemFSLoc: s.file,
			TestID: monitor.TestID{ItemPath: s.module, Item: s.item, ItemVariant: s.variant}})
	}
	return r
}

func TestRerun(t *testing.T) {
	t.Parallel()
	pay := suspect{"tests/test_pay.py", "tests.test_pay", "test_pay", "test_pay[visa, 3]"}
	for _, c := range []struct {
		what  string
		tests []suspect
		want  []string
	}{
		{"nothing", nil, nil},
		{"one", []suspect{pay}, []string{"tests/test_pay.py", "-k", "(test_pay[visa and 3])"}},
		{"each once, files in order", []suspect{pay, pay, {"a/test_b.py", "test_b", "test_x", "test_x"}},
			[]string{"a/test_b.py", "tests/test_pay.py", "-k", "(test_pay[visa and 3]) or test_x"}},
		{"reserved words and quotes", []suspect{{"test_a.py", "test_a", "test_x", `test_x[a or "b" and not (c)]`}},
			[]string{"test_a.py", "-k", "(test_x[a and b and c)"}},
		{"a file that looks like an option", []suspect{{"-a/test_a.py", "test_a", "test_x", ""}}, []string{"./-a/test_a.py", "-k", "test_x"}},
		{"a file that looks like a file of arguments", []suspect{{"@a/test_a.py", "test_a", "test_x", ""}},
			[]string{"./@a/test_a.py", "-k", "test_x"}},
		{"Windows", []suspect{{`tests\test_a.py`, "tests.test_a", "test_x", ""}}, []string{"tests/test_a.py", "-k", "test_x"}},
		{"a file of another module", []suspect{pay, {"tests/base.py", "tests.test_a", "test_x", ""}},
			[]string{"-k", "(test_pay[visa and 3]) or test_x"}},
		{"a file outside", []suspect{{"../lib/test_a.py", "test_a", "test_x", ""}}, []string{"-k", "test_x"}},
		{"an absolute file", []suspect{{"/lib/test_a.py", "test_a", "test_x", ""}}, []string{"-k", "test_x"}},
		{"a drive", []suspect{{`C:\lib\test_a.py`, "test_a", "test_x", ""}}, []string{"-k", "test_x"}},
		{"no file", []suspect{{"", "test_a", "test_x", ""}}, []string{"-k", "test_x"}},
		{"no module", []suspect{{"test_a.py", "", "test_x", ""}}, []string{"-k", "test_x"}},
		{"a newline in the file", []suspect{{"a\nb/test_a.py", "test_a", "test_x", ""}}, []string{"-k", "test_x"}},
		{"not UTF-8", []suspect{{"\xff/test_a.py", "test_a", "test_x", ""}}, []string{"-k", "test_x"}},
		{"no words", []suspect{{"test_a.py", "test_a", "\U0001F600", "[]"}}, []string{"test_a.py"}},
		{"neither words nor a file", []suspect{{"", "", "", "[]"}}, nil},
		{"one of two has no words", []suspect{{"test_a.py", "test_a", "", "[]"}, pay}, []string{"test_a.py", "tests/test_pay.py"}},
		{"the same without files", []suspect{{"", "", "", "[]"}, pay}, []string{"-k", "(test_pay[visa and 3])"}},
		{"characters that are letters to some Pythons", []suspect{{"test_a.py", "test_a", "test_größe", "test_größe[日本, 1é]"}},
			[]string{"test_a.py", "-k", "(test_größe[ and 1)"}},
		{"six words", []suspect{{"test_a.py", "test_a", "test_x", "test_x[1, 2, 3, 4, 5, 6, 7]"}},
			[]string{"test_a.py", "-k", "(test_x[1 and 2 and 3 and 4 and 5 and 6)"}},
	} {
		assert.Equal(t, c.want, report.Rerun(suspects(c.tests...)), c.what)
	}
}

// TestRerunOfModules holds that modules run whole: an expression could leave out some of their tests.
func TestRerunOfModules(t *testing.T) {
	t.Parallel()
	module := func(file, path, item string) suspect { return suspect{file, path, item, "module"} }
	for _, c := range []struct {
		modules []suspect
		want    []string
	}{
		{[]suspect{module("tests/test_pay.py", "tests", "test_pay"), module("flat/test_a.py", "", "flat/test_a")},
			[]string{"flat/test_a.py", "tests/test_pay.py"}},
		{[]suspect{module("../test_pay.py", "tests", "test_pay")}, []string{"-k", "test_pay"}},
	} {
		r := suspects(c.modules...)
		for i := range r.Results {
			r.Results[i].Kind, r.Results[i].ItemVariant = "module", ""
		}
		assert.Equal(t, c.want, report.Rerun(r))
	}
}

// TestRerunOfWhat holds that confirmed and suspect tests run again, and no others.
func TestRerunOfWhat(t *testing.T) {
	t.Parallel()
	for _, s := range []monitor.Status{monitor.StatusRegression, monitor.StatusSuspect, monitor.StatusImprovement, monitor.StatusNotJudged,
		monitor.StatusLearning, monitor.StatusOK} {
		r := newReport()
		r.Results = []monitor.Result{result(s, "test_pay", monitor.MetricCPUTime, 1, 2)}
		again := s == monitor.StatusRegression || s == monitor.StatusSuspect
		assert.Equal(t, again, report.Rerun(r) != nil, s)
	}
}

// TestRerunOfMany holds that what pytest has to evaluate stays small: first the parameters are given up, then the
// expression.
func TestRerunOfMany(t *testing.T) {
	t.Parallel()
	var parameters, functions, lost []suspect
	for i := range 1000 {
		parameters = append(parameters, suspect{"test_a.py", "test_a", "test_x", fmt.Sprintf("test_x[%d]", i)})
		functions = append(functions, suspect{"test_a.py", "test_a", fmt.Sprintf("test_%d", i), ""})
		lost = append(lost, suspect{"", "", fmt.Sprintf("test_%d", i), ""})
	}
	assert.Equal(t, []string{"test_a.py", "-k", "test_x"}, report.Rerun(suspects(parameters...)))
	assert.Equal(t, []string{"test_a.py"}, report.Rerun(suspects(functions...)))
	lines := report.Rerun(suspects(lost...))
	require.Len(t, lines, 2)
	assert.Len(t, regexp.MustCompile(`test_\d+`).FindAllString(lines[1], -1), 250)
	assert.Contains(t, lines[1], "test_249", "the worst come first")
	assert.Equal(t, strings.Count(lines[1], "("), strings.Count(lines[1], ")"))
}
