package report_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
	"pymon-bridge/test/harness"
)

// collected is what pytest makes of a file of arguments.
type collected struct {
	Code   int
	Names  []string
	Output string
}

// TestRealPytestSelectsTheTestAgain runs odd tests under pytest-monitor, makes a suspect of each one that it recorded,
// and holds that pytest, given the lines, finds that test again, whatever its name and its file.
func TestRealPytestSelectsTheTestAgain(t *testing.T) {
	t.Parallel()
	for _, version := range []string{harness.Pytest84, harness.Pytest91} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			run := harness.Pytest{Python: version, Suite: oddSuite(t), Args: []string{"--ignore=tests/many"}}.Run(t)
			require.Zero(t, run.ExitCode, run.Output())
			metrics := harness.ReadPymon(t, run.Database).Metrics
			require.Greater(t, len(metrics), 60)

			reports := []*monitor.Report{suspectsOf(metrics...), suspectsOf(many(200)...), suspectsOf(many(300)...)}
			for _, m := range metrics {
				reports = append(reports, suspectsOf(m))
			}
			checkSelections(t, version, run.Dir, reports)
		})
	}
}

// many returns the first n functions of the file that has as many, as the plugin would name them.
func many(n int) (all []harness.PymonMetric) {
	for i := range n {
		name := "test_function_" + itoa(i)
		all = append(all, harness.PymonMetric{ItemFSLoc: "tests/many/test_many.py", ItemPath: "test_many", Item: name, ItemVariant: name})
	}
	return all
}

// oddSuite returns the suite with files in places whose names pytest gives a meaning to.
func oddSuite(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "suite"))))
	for folder, name := range map[string]string{"-dash": "dash", "@at": "at", "tests/br[1]": "bracket", "tests/white  space": "space",
		"tests/größe": "größe", "tests/a::b": "colons"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, folder), 0o755))
		file := filepath.Join(dir, folder, "test_in_"+name+".py")
		require.NoError(t, os.WriteFile(file, []byte("def test_"+name+"_here(): pass\n"), 0o644))
	}
	return dir
}

func suspectsOf(metrics ...harness.PymonMetric) *monitor.Report {
	r := newReport()
	for _, m := range metrics {
		r.Results = append(r.Results, monitor.Result{Status: monitor.StatusSuspect, ItemFSLoc: m.ItemFSLoc,
			TestID: monitor.TestID{ItemPath: m.ItemPath, Item: m.Item, ItemVariant: monitor.StableText(m.ItemVariant)}})
	}
	return r
}

// checkSelections holds that pytest in dir takes the lines of each report and selects its tests.
func checkSelections(t *testing.T, version, dir string, reports []*monitor.Report) {
	t.Helper()
	work := t.TempDir()
	var files []string
	for _, r := range reports {
		lines := report.Rerun(r)
		require.NotEmpty(t, lines)
		file := filepath.Join(work, digits(len(files)))
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644))
		files = append(files, file)
	}
	for i, c := range collect(t, version, dir, files) {
		content, err := os.ReadFile(files[i])
		require.NoError(t, err)
		assert.Zero(t, c.Code, "%s%s", content, c.Output)
		var names []string
		for _, name := range c.Names {
			names = append(names, monitor.StableText(strings.ReplaceAll(name, "-", ", "))) // as the plugin does
		}
		for _, r := range reports[i].Results {
			assert.True(t, slices.Contains(names, r.ItemVariant), "%q is not selected by %s", r.ItemVariant, content)
		}
	}
}

func collect(t *testing.T, version, dir string, files []string) (all []collected) {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("testdata", "collect.py"))
	require.NoError(t, err)
	cmd := exec.Command(filepath.Join(harness.Root(t), ".cache", "py", version, "bin", "python"), append([]string{"-B", script}, files...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LANG=C.UTF-8")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &all))
	require.Len(t, all, len(files))
	return all
}
