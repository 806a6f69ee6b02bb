package grafana_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// TestAlertsFollowEachClassOfMachine: in a CI matrix each job is a run of its own, on its own class of machine. An alert of
// a job stays until a newer run on the same class of machine no longer has its cause. Runs of other projects and branches
// do not end it, even with the same run id.
func TestAlertsFollowEachClassOfMachine(t *testing.T) {
	matrix := []judgedRun{of("web/main/1", on("py3.11", "test_a", "slow")), of("web/main/2", on("py3.12")), of("web/main/3", on("py3.13"))}
	shared := of("web/main/1", map[string][]string{"py3.11": {"test_a", "slow"}, "py3.12": {"test_a", "slow"}})
	for name, c := range map[string]struct {
		runs []judgedRun
		want []string // "*" stands for the name of the test, or for "slow"
	}{
		"the first job has a regression": {matrix, []string{"web main py3.11 *"}},
		"the last job has a regression":  {[]judgedRun{matrix[1], matrix[2], matrix[0]}, []string{"web main py3.11 *"}},
		"all jobs have a regression": {[]judgedRun{matrix[0], of("web/main/2", on("py3.12", "test_a", "slow"))},
			[]string{"web main py3.11 *", "web main py3.12 *"}},
		"fixed on the class of machine":                       {append(slices.Clone(matrix), of("web/main/4", on("py3.11"))), nil},
		"next job on another class":                           {append(slices.Clone(matrix), of("web/main/5", on("py3.12"))), []string{"web main py3.11 *"}},
		"one run on several classes of machine":               {[]judgedRun{shared}, []string{"web main py3.11 *", "web main py3.12 *"}},
		"fixed on one of several classes":                     {[]judgedRun{shared, of("web/main/2", on("py3.12"))}, []string{"web main py3.11 *"}},
		"another branch on the same class":                    {append(slices.Clone(matrix), of("web/develop/4", on("py3.11"))), []string{"web main py3.11 *"}},
		"another project on the same class":                   {append(slices.Clone(matrix), of("shop/main/4", on("py3.11"))), []string{"web main py3.11 *"}},
		"old run with the id of another project's newest run": {[]judgedRun{of("shop/main/99", on("py3.11")), of("web/main/99", on("py3.11", "test_a", "slow")), of("web/main/100", on("py3.11"))}, nil},
		"the same, and that project has a regression":         {[]judgedRun{of("shop/main/99", on("py3.11", "test_a", "slow")), of("web/main/99", on("py3.11", "test_a", "slow")), of("web/main/100", on("py3.11"))}, []string{"shop main py3.11 *"}},
		"names that are equal when joined":                    {[]judgedRun{of("web a/main/9", on("b", "test_a", "slow")), of("web/main/9", on("a b", "test_a", "slow")), of("web/main/10", on("a b"))}, []string{"web a main b *"}},
	} {
		t.Run(name, func(t *testing.T) {
			for uid, name := range map[string]string{"pymon-test-regression": "test_a", "pymon-suite-slow": "slow"} {
				want := []string{}
				for _, w := range c.want {
					want = append(want, strings.Replace(w, "*", name, 1))
				}
				assert.Equal(t, want, alerts(t, uid, c.runs), uid)
			}
		})
	}
}

func TestNewerRunEndsOnlyTheAlertsThatItLacks(t *testing.T) {
	before := of("web/main/1", on("py3.11", "test_a", "test_b[x|y]", "test_c"))
	assert.Equal(t, []string{"web main py3.11 test_a", "web main py3.11 test_b[x|y]", "web main py3.11 test_c"}, alerts(t, "pymon-test-regression", []judgedRun{before}))
	after := of("web/main/2", on("py3.11", "test_b[x|y]"))
	assert.Equal(t, []string{"web main py3.11 test_b[x|y]"}, alerts(t, "pymon-test-regression", []judgedRun{before, after}))
}

// TestSlowGrowthIsOneAlert: slow growth lasts for many runs and concerns many tests, so it is one alert of a project's branch. It ends with
// newer runs that have none, on each class of machine that had it.
func TestSlowGrowthIsOneAlert(t *testing.T) {
	first, second := of("web/main/1", on("py3.11", "grows", "test_a")), of("web/main/2", on("py3.12", "grows"))
	for name, c := range map[string]struct {
		runs []judgedRun
		want []string
	}{
		"on two classes":           {[]judgedRun{first, second}, []string{"web main"}},
		"of a job that ran before": {[]judgedRun{first, of("web/main/3", on("py3.12"))}, []string{"web main"}},
		"ended on both":            {[]judgedRun{first, second, of("web/main/3", map[string][]string{"py3.11": {"test_a"}, "py3.12": nil})}, []string{}},
		"of several branches":      {[]judgedRun{first, of("web/fix/1", on("py3.11", "grows")), of("shop/main/1", on("py3.11"))}, []string{"web fix", "web main"}},
		"a regression is none":     {[]judgedRun{of("web/main/1", on("py3.11", "test_a", "slow"))}, []string{}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, alerts(t, "pymon-slow-growth", c.runs)) })
	}
}

// TestAtMost200TestsHaveAlerts also checks that a fixed test does not take the place of another test.
func TestAtMost200TestsHaveAlerts(t *testing.T) {
	many := make([]string, 200)
	for n := range many {
		many[n] = fmt.Sprintf("test_%d", n)
	}
	runs := []judgedRun{of("web/main/1", on("py3.11", "test_a")), of("web/main/2", on("py3.12", many...)), of("web/main/3", on("py3.12"))}
	assert.Equal(t, []string{"web main py3.11 test_a"}, alerts(t, "pymon-test-regression", runs))
	assert.Len(t, alerts(t, "pymon-test-regression", []judgedRun{of("web/main/1", on("py3.11", append(many, "test_a")...))}), 200)
}

// TestAlertsAreAboutChosenBranches: by default alerts are about all branches. One line of the query can choose branches,
// as the documentation shows.
func TestAlertsAreAboutChosenBranches(t *testing.T) {
	var runs []judgedRun
	all := []string{"main", "release/2.1", "release", "", "feature/fast", "mainline", "fix-main", "main\n", "(none)"}
	for i, branch := range all {
		runs = append(runs, judgedRun{"web", branch, fmt.Sprint(i), on("py3.11", "test_a", "slow", "grows")})
	}
	for uid, name := range map[string]string{"pymon-test-regression": " py3.11 test_a", "pymon-suite-slow": " py3.11 slow", "pymon-slow-growth": ""} {
		assert.Len(t, alerts(t, uid, runs), len(all), uid)
		r := rules(t)[uid]
		r.Data[0].Model.Query = strings.Replace(r.Data[0].Model.Query, `branches = /.*/`, `branches = /^(main|release\/.*|\(none\))\z/`, 1)
		assert.Equal(t, []string{"web (none)" + name, "web main" + name, "web release/2.1" + name},
			alertsOf(t, r, runs), uid)
	}
}

// TestAlertsAreAboutTheSameBranches checks that each query has one line that chooses the branches, and that the line is
// the same in the queries and in the documentation.
func TestAlertsAreAboutTheSameBranches(t *testing.T) {
	chosen := map[string]bool{}
	for _, uid := range []string{"pymon-test-regression", "pymon-suite-slow", "pymon-slow-growth"} {
		lines := regexp.MustCompile(`(?m)^branches = .*$`).FindAllString(rules(t)[uid].Data[0].Model.Query, -1)
		require.Len(t, lines, 1, uid)
		chosen[lines[0]] = true
	}
	assert.Len(t, chosen, 1)
	documented, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "alerts.md"))
	require.NoError(t, err)
	for line := range chosen {
		assert.Contains(t, string(documented), "\n"+line+"\n")
	}
	assert.Contains(t, string(documented), "\nbranches = /^(main|release\\/.*|\\(none\\))\\z/\n", "the line of the test above is documented")
}
