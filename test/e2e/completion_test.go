package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

func TestWordsAreCompleted(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"ch":                           "check",
		"t":                            "top token",
		"token r":                      "rotate revoke",
		"token ":                       "add list rotate revoke",
		"completion ":                  "bash zsh fish",
		"check --sc":                   "--scm-ref",
		"check --format j":             "json junit",
		"check --format=j":             "--format=json --format=junit",
		"check --format = j":           "json junit", // as bash splits it
		"top --by ":                    "cpu wall memory",
		"top --by=":                    "--by=cpu --by=wall --by=memory",
		"top --by =":                   "cpu wall memory", // as bash splits it
		"help che":                     "check",
		"help token ro":                "rotate",
		"top -n 3 --by c":              "cpu",
		"top --json --by w":            "wall",
		"--lis":                        "--listen",
		"serve --min":                  "--min-free",
		"run --che":                    "--check",
		"run --check -- pytest --lis":  "",
		"run pytest --che":             "",
		"check --rerun-file ":          "",
		"check --no-such-flag --forma": "--format",
		"run-b":                        "",
	} {
		words := strings.Split(typed, " ")
		r := harness.RunProgram(t, nil, append([]string{"complete", "--"}, words...)...)
		assert.Equal(t, 0, r.ExitCode, r.Stderr)
		var found []string
		for line := range strings.Lines(r.Stdout) {
			text, _, _ := strings.Cut(line, "\t")
			found = append(found, text)
		}
		assert.Equal(t, want, strings.Join(found, " "), typed)
	}
	assert.Contains(t, harness.RunProgram(t, nil, "complete", "--", "chec").Stdout, "check\tSay whether a run")
}

// A real bash completes with the script as it is printed.
func TestBashCompletes(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	require.NoError(t, os.Symlink(harness.Program(t), filepath.Join(bin, "pymon-bridge")))
	for typed, want := range map[string]string{"pymon-bridge top --by ": "cpu wall memory ", "pymon-bridge top --by =": "cpu wall memory ",
		"pymon-bridge che": "check "} {
		script := `source <(pymon-bridge completion bash)
COMP_LINE="$1" COMP_POINT=${#1}
read -ra COMP_WORDS <<< "$1"
[[ "$1" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_pymon_bridge
printf '%s ' "${COMPREPLY[@]}"
complete -p pymon-bridge`
		cmd := exec.Command("bash", "-c", script, "bash", typed)
		cmd.Env = append(harness.PlainEnvironment(), "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.True(t, strings.HasPrefix(string(out), want+"complete -o bashdefault -o default -F _pymon_bridge pymon-bridge"), "%s", out)
	}
	for _, shell := range []string{"zsh", "fish"} {
		assert.Contains(t, harness.RunProgram(t, nil, "completion", shell).Stdout, "pymon-bridge complete -- ")
	}
	assert.Equal(t, 2, harness.RunProgram(t, nil, "completion", "tcsh").ExitCode)
}
