package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// People see colours. Files and scripts get none, unless somebody asks for them.
func TestColourIsForPeople(t *testing.T) {
	t.Parallel()
	bridge := startFakeBridge(t, 200, reportOf(monitor.StatusRegression, monitor.StatusOK))
	args := []string{"check", "--url", bridge.URL}
	for _, tc := range []struct {
		name     string
		env      []string
		args     []string
		terminal bool // with a terminal
		pipe     bool // with a pipe
		file     bool // with a file
	}{
		{"auto", nil, nil, true, false, false},
		{"NO_COLOR", []string{"NO_COLOR=1"}, nil, false, false, false},
		{"an empty NO_COLOR", []string{"NO_COLOR="}, nil, true, false, false},
		{"CLICOLOR_FORCE", []string{"CLICOLOR_FORCE=1"}, nil, true, true, true},
		{"CLICOLOR_FORCE is off", []string{"CLICOLOR_FORCE=0"}, nil, true, false, false},
		{"both", []string{"NO_COLOR=1", "CLICOLOR_FORCE=1"}, nil, false, false, false},
		{"a terminal without colours", []string{"TERM=dumb"}, nil, false, false, false},
		{"always", []string{"NO_COLOR=1"}, []string{"--color", "always"}, true, true, true},
		{"never", []string{"CLICOLOR_FORCE=1"}, []string{"--color", "never"}, false, false, false},
		{"the log of GitHub", []string{"GITHUB_ACTIONS=true"}, nil, true, true, false},
		{"the log of GitLab", []string{"GITLAB_CI=true", "TERM=dumb"}, nil, true, true, false},
		{"NO_COLOR in GitHub", []string{"GITHUB_ACTIONS=true", "NO_COLOR=1"}, nil, false, false, false},
	} {
		args := append(append([]string(nil), args...), tc.args...)
		const mark = "\x1b["
		terminal := harness.RunInTerminal(t, 80, tc.env, args...)
		assert.Equal(t, 1, terminal.ExitCode, terminal.Stdout)
		has(t, tc.terminal, terminal.Stdout, mark, tc.name+": terminal")
		has(t, tc.pipe, harness.RunProgram(t, tc.env, args...).Stdout, mark, tc.name+": pipe")
		file := filepath.Join(t.TempDir(), "report.txt")
		out, err := os.Create(file)
		require.NoError(t, err)
		cmd := exec.Command(harness.Program(t), args...)
		cmd.Env = append(harness.PlainEnvironment(), tc.env...)
		cmd.Stdout = out
		_ = cmd.Run() // the status is that of the gate
		require.NoError(t, out.Close())
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, string(text), "FAILED")
		has(t, tc.file, string(text), mark, tc.name+": file")
	}
	for _, format := range []string{"markdown", "json", "junit", "github"} {
		r := harness.RunInTerminal(t, 80, nil, append(args, "--format", format, "--color", "always")...)
		assert.NotContains(t, r.Stdout, "\x1b[", format)
	}
}

// People see that a command waits. Afterwards nothing of it is there, and a log has nothing of it at all.
func TestAWaitIsShownToPeople(t *testing.T) {
	t.Parallel()
	bridge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/regressions") {
			time.Sleep(2 * time.Second)
		}
		assert.NoError(t, json.NewEncoder(w).Encode(reportOf(monitor.StatusOK, monitor.StatusOK)))
	}))
	t.Cleanup(bridge.Close)
	r := harness.RunInTerminal(t, 80, []string{"NO_COLOR=1"}, "check", "--url", bridge.URL)
	assert.Regexp(t, `^(\r[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] waiting for the report)+\r\x1b\[KPASSED `, r.Stdout)
	piped := harness.RunProgram(t, nil, "check", "--url", bridge.URL)
	assert.NotContains(t, piped.Stdout+piped.Stderr, "waiting")
}

// has asserts that a text has a part, or has it not.
func has(t *testing.T, want bool, text, part, name string) {
	t.Helper()
	if want {
		assert.Contains(t, text, part, name)
	} else {
		assert.NotContains(t, text, part, name)
	}
}
