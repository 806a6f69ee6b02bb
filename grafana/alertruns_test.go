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

// Jobs of a matrix are runs of their own, on a class of machine each: what one of them found stays until a newer run on
// that class of machine no longer has it. Other projects and branches, and other runs of the same id, are no business
// of it.
func TestAlertsFollowEachClassOfMachine(t *testing.T) {
	matrix := []found{of("web/main/1", on("py3.11", "test_a", "slow")), of("web/main/2", on("py3.12")), of("web/main/3", on("py3.13"))}
	shared := of("web/main/1", map[string][]string{"py3.11": {"test_a", "slow"}, "py3.12": {"test_a", "slow"}})
	for name, c := range map[string]struct {
		runs []found
		want []string // with "*" for the test, and for what is said of a slow machine
	}{
		"the job that found it came first": {matrix, []string{"web main py3.11 *"}},
		"the job that found it came last":  {[]found{matrix[1], matrix[2], matrix[0]}, []string{"web main py3.11 *"}},
		"all jobs found it": {[]found{matrix[0], of("web/main/2", on("py3.12", "test_a", "slow"))},
			[]string{"web main py3.11 *", "web main py3.12 *"}},
		"well again on that class of machine":       {append(slices.Clone(matrix), of("web/main/4", on("py3.11"))), nil},
		"the next jobs on the other ones":           {append(slices.Clone(matrix), of("web/main/5", on("py3.12"))), []string{"web main py3.11 *"}},
		"one run on several classes of machine":     {[]found{shared}, []string{"web main py3.11 *", "web main py3.12 *"}},
		"of which one is well again":                {[]found{shared, of("web/main/2", on("py3.12"))}, []string{"web main py3.11 *"}},
		"another branch on that class of machine":   {append(slices.Clone(matrix), of("web/develop/4", on("py3.11"))), []string{"web main py3.11 *"}},
		"another project on that class of machine":  {append(slices.Clone(matrix), of("shop/main/4", on("py3.11"))), []string{"web main py3.11 *"}},
		"an old run of the id of another's newest":  {[]found{of("shop/main/99", on("py3.11")), of("web/main/99", on("py3.11", "test_a", "slow")), of("web/main/100", on("py3.11"))}, nil},
		"and the same test is worse there":          {[]found{of("shop/main/99", on("py3.11", "test_a", "slow")), of("web/main/99", on("py3.11", "test_a", "slow")), of("web/main/100", on("py3.11"))}, []string{"shop main py3.11 *"}},
		"names that could be taken for one another": {[]found{of("web a/main/9", on("b", "test_a", "slow")), of("web/main/9", on("a b", "test_a", "slow")), of("web/main/10", on("a b"))}, []string{"web a main b *"}},
	} {
		t.Run(name, func(t *testing.T) {
			for uid, what := range map[string]string{"pymon-test-regression": "test_a", "pymon-suite-slow": "slow"} {
				want := []string{}
				for _, w := range c.want {
					want = append(want, strings.Replace(w, "*", what, 1))
				}
				assert.Equal(t, want, alerts(t, uid, c.runs), uid)
			}
		})
	}
}

// A newer run takes back what it no longer has, and nothing else.
func TestAlertsOfOneRunAreToldApart(t *testing.T) {
	before := of("web/main/1", on("py3.11", "test_a", "test_b[x|y]", "test_c"))
	assert.Equal(t, []string{"web main py3.11 test_a", "web main py3.11 test_b[x|y]", "web main py3.11 test_c"}, alerts(t, "pymon-test-regression", []found{before}))
	after := of("web/main/2", on("py3.11", "test_b[x|y]"))
	assert.Equal(t, []string{"web main py3.11 test_b[x|y]"}, alerts(t, "pymon-test-regression", []found{before, after}))
}

// At most 200 tests are named, and none that is well again takes the place of one that is not.
func TestAlertsNameWhatStillIs(t *testing.T) {
	many := make([]string, 200)
	for n := range many {
		many[n] = fmt.Sprintf("test_%d", n)
	}
	runs := []found{of("web/main/1", on("py3.11", "test_a")), of("web/main/2", on("py3.12", many...)), of("web/main/3", on("py3.12"))}
	assert.Equal(t, []string{"web main py3.11 test_a"}, alerts(t, "pymon-test-regression", runs))
	assert.Len(t, alerts(t, "pymon-test-regression", []found{of("web/main/1", on("py3.11", append(many, "test_a")...))}), 200)
}

// Alerts are about all branches, or about those that a line of the query names, as the documentation shows.
func TestAlertsAreAboutChosenBranches(t *testing.T) {
	var runs []found
	all := []string{"main", "release/2.1", "release", "", "feature/fast", "mainline", "fix-main", "main\n", "(none)"}
	for i, branch := range all {
		runs = append(runs, found{"web", branch, fmt.Sprint(i), on("py3.11", "test_a", "slow")})
	}
	for uid, what := range map[string]string{"pymon-test-regression": "test_a", "pymon-suite-slow": "slow"} {
		assert.Len(t, alerts(t, uid, runs), len(all), uid)
		r := rules(t)[uid]
		r.Data[0].Model.Query = strings.Replace(r.Data[0].Model.Query, `branches = /.*/`, `branches = /^(main|release\/.*|\(none\))\z/`, 1)
		assert.Equal(t, []string{"web (none) py3.11 " + what, "web main py3.11 " + what, "web release/2.1 py3.11 " + what},
			alertsOf(t, r, runs), uid)
	}
}

// There is one place to say which branches these are in each query, and both say the same, as the documentation does.
func TestAlertsAreAboutTheSameBranches(t *testing.T) {
	chosen := map[string]bool{}
	for _, uid := range []string{"pymon-test-regression", "pymon-suite-slow"} {
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
	assert.Contains(t, string(documented), "\nbranches = /^(main|release\\/.*|\\(none\\))\\z/\n", "the line that is tried above")
}
