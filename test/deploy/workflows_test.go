package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	assert.Equal(t, 3, made, "the tests, the release, and what uploads it")
}

// TestWorkflowsTrustLittle: a tag of an action can move, a hash cannot. Only the jobs that publish may write anything.
func TestWorkflowsTrustLittle(t *testing.T) {
	for name, w := range workflows(t) {
		require.NotNil(t, w.Permissions, name)
		for what, may := range *w.Permissions {
			assert.Equal(t, "read", may, "%s: %s", name, what)
		}
		for job, j := range w.Jobs {
			for _, step := range j.Steps {
				if step.Uses != "" {
					assert.Regexp(t, `@[0-9a-f]{40}$`, step.Uses, job)
				}
			}
			if j.Permissions["contents"] == "write" {
				assert.Equal(t, "github", job)
			}
		}
	}
}
