package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// workflow has the parts of a workflow of GitHub Actions that the tests check.
type workflow struct {
	Permissions *map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Needs       any
		Uses        string
		Steps       []struct{ Uses, Run string }
	}
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	require.NoError(t, err)
	all := map[string]workflow{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var w workflow
		require.NoError(t, yaml.Unmarshal(text, &w), file)
		all[filepath.Base(file)] = w
	}
	require.Len(t, all, 2)
	return all
}

// TestWorkflowsRunWhatIsThere checks the commands of the workflows against the Makefile and the repository. `make lint` checks the
// rest with actionlint.
func TestWorkflowsRunWhatIsThere(t *testing.T) {
	made := 0
	for name, w := range workflows(t) {
		for job, j := range w.Jobs {
			if strings.HasPrefix(j.Uses, "./") {
				assert.FileExists(t, filepath.Join(root, j.Uses), job)
			}
			for _, step := range j.Steps {
				for _, m := range regexp.MustCompile(`(?m)^make (\S+)`).FindAllStringSubmatch(step.Run, -1) {
					out, err := exec.Command("make", "-C", root, "--dry-run", m[1]).CombinedOutput()
					assert.NoError(t, err, "%s: %s", name, out)
					made++
				}
				if strings.HasPrefix(step.Run, ".ci/") {
					info, err := os.Stat(filepath.Join(root, step.Run))
					require.NoError(t, err)
					assert.NotZero(t, info.Mode()&0o111, step.Run)
					made++
				}
			}
		}
	}
	assert.Equal(t, 3, made, "the tests, the static checks, and the release")
}

// permitted is what each job may do beside reading the repository.
var permitted = map[string]map[string]string{
	"image":  {"packages": "write"},
	"attest": {"attestations": "write", "id-token": "write", "packages": "write"},
	"github": {"contents": "write"},
	"pypi":   {"id-token": "write"},
}

// TestWorkflowsTrustLittle: a tag of an action can move, a hash cannot. Jobs may do no more than they need. A job that may take the
// identity of the project runs nothing that comes from the repository or a registry of packages.
func TestWorkflowsTrustLittle(t *testing.T) {
	for name, w := range workflows(t) {
		require.NotNil(t, w.Permissions, name)
		for what, may := range *w.Permissions {
			assert.Equal(t, "contents: read", what+": "+may, name)
		}
		for job, j := range w.Jobs {
			for _, step := range j.Steps {
				if step.Uses != "" {
					assert.Regexp(t, `@[0-9a-f]{40}$`, step.Uses, job)
				}
			}
			may := map[string]string{}
			for what, how := range j.Permissions {
				if what+how != "contentsread" {
					may[what] = how
				}
			}
			assert.Equal(t, fmt.Sprint(permitted[job]), fmt.Sprint(may), "%s: %s", name, job)
			if may["id-token"] == "" {
				continue
			}
			for _, step := range j.Steps {
				assert.NotContains(t, step.Uses, "checkout", job)
				assert.NotRegexp(t, `make|pip|npm|go `, step.Run, job)
			}
		}
	}
}

// TestNothingIsPublishedThatTheBuildRefuses: the build compares the tag with the version of the program.
func TestNothingIsPublishedThatTheBuildRefuses(t *testing.T) {
	jobs := workflows(t)["release.yml"].Jobs
	var after func(job, earlier string) bool
	after = func(job, earlier string) bool {
		needed, several := jobs[job].Needs.([]any)
		if one, ok := jobs[job].Needs.(string); ok && !several {
			needed = []any{one}
		}
		return slices.ContainsFunc(needed, func(n any) bool { return n == earlier || after(n.(string), earlier) })
	}
	require.True(t, after("build", "test"))
	for job := range permitted {
		require.Contains(t, jobs, job)
		assert.True(t, after(job, "build"), job)
	}
}
