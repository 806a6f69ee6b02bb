package report_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
	"pymon-bridge/test/harness"
)

// ciPage returns docs/ci.md.
func ciPage(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "ci.md"))
	require.NoError(t, err)
	return string(content)
}

// fences returns the blocks of code of a language in Markdown.
func fences(page, language string) (blocks []string) {
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		if m[1] == language {
			blocks = append(blocks, m[2])
		}
	}
	return blocks
}

// workflow is what the recipes for GitHub and GitLab have in scripts.
type workflow struct {
	Jobs map[string]struct {
		Steps []struct {
			Run  string `yaml:"run"`
			Uses string `yaml:"uses"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
	Tests struct {
		Script []string `yaml:"script"`
	} `yaml:"tests"`
}

// scripts returns the scripts of all recipes, one for each shell that they run in.
func scripts(t *testing.T) (all []string) {
	t.Helper()
	page := ciPage(t)
	recipes := fences(page, "yaml")
	require.Len(t, recipes, 4)
	for _, recipe := range recipes {
		var w workflow
		require.NoError(t, yaml.Unmarshal([]byte(recipe), &w))
		for _, step := range w.Jobs["tests"].Steps {
			require.NotEqual(t, step.Run == "", step.Uses == "", "a step runs or uses something")
			all = append(all, step.Run)
		}
		all = append(all, strings.Join(w.Tests.Script, "\n"))
	}
	jenkins := fences(page, "groovy")
	require.Len(t, jenkins, 2)
	for _, m := range regexp.MustCompile(`(?s)sh '''(.*?)'''`).FindAllStringSubmatch(strings.Join(jenkins, "\n"), -1) {
		all = append(all, m[1])
	}
	return append(all, fences(page, "")[1:]...) // the first one is the synopsis
}

// TestRecipesAreShell holds that the scripts of the recipes parse.
func TestRecipesAreShell(t *testing.T) {
	t.Parallel()
	parsed := 0
	for _, script := range scripts(t) {
		cmd := exec.Command("bash", "-n")
		cmd.Stdin = strings.NewReader(script)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", script, out)
		if strings.Contains(script, "pymon-bridge check") || strings.Contains(script, "pymon-bridge run") {
			parsed++
		}
	}
	assert.Equal(t, 10, parsed)
}

// TestRecipesUseWhatThereIs holds that formats and reasons to fail that the page names exist, that it names all of them,
// and that its commands have only the flags of its synopsis.
func TestRecipesUseWhatThereIs(t *testing.T) {
	t.Parallel()
	page := ciPage(t)
	synopsis := fences(page, "")[0]
	for _, m := range regexp.MustCompile(`--format ([a-z]+)(?:[^a-z|]|$)`).FindAllStringSubmatch(page, -1) {
		_, err := report.ParseFormat(m[1])
		assert.NoError(t, err)
	}
	for _, m := range regexp.MustCompile(`--fail-on ([a-z]+)(?:[^a-z|]|$)`).FindAllStringSubmatch(page, -1) {
		_, err := report.ParseFailOn(m[1])
		assert.NoError(t, err)
	}
	for _, f := range report.Formats() {
		assert.Contains(t, page, "\n| `"+string(f)+"` |")
	}
	for _, on := range report.FailOns() {
		assert.Contains(t, page, "\n| `"+string(on)+"` |")
	}
	for _, script := range scripts(t) {
		script = strings.ReplaceAll(script, "\\\n", " ")
		for _, m := range regexp.MustCompile(`(?m)^.*(?:pymon-bridge check|(?:^|\s)check --).*$`).FindAllString(script, -1) {
			for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(m, -1) {
				assert.Contains(t, synopsis, flag)
			}
		}
	}
}

// TestRecipesFindTheComment holds that the page and the reports agree on what the comment to update starts with.
func TestRecipesFindTheComment(t *testing.T) {
	t.Parallel()
	assert.Contains(t, ciPage(t), `startswith("`+report.Marker("webshop")+`")`)
	assert.Contains(t, ciPage(t), `startswith("`+report.Marker(monitor.DefaultProject)+`")`)
	assert.Contains(t, ciPage(t), "`"+strings.Replace(report.Marker("webshop"), "webshop", "PROJECT", 1)+"`")
}

// TestPageSaysHowTestsAreSelected holds that the example of the page is what is really written.
func TestPageSaysHowTestsAreSelected(t *testing.T) {
	t.Parallel()
	lines := report.Rerun(suspects(suspect{"test_pay.py", "test_pay", "test_pay", "test_pay[visa, 3]"}))
	assert.Contains(t, ciPage(t), "for `test_pay[visa-3]` it is `"+lines[2]+"`")
}
