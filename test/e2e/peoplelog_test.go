package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// logOfARun returns what a bridge logs on a run in a terminal, and its address.
func logOfARun(t *testing.T, args ...string) (line, url string) {
	t.Helper()
	dir := t.TempDir()
	bridge := harness.StartInTerminal(t, 200, []string{"NO_COLOR=1"}, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"),
		"--port-file", filepath.Join(dir, "url"), "--quiet-after", "200ms"}, args...)...)
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "url"))
		url = strings.TrimSpace(string(text))
		return err == nil && url != ""
	}, time.Minute, 10*time.Millisecond)
	process, posts := newMachine(), newPoster(url)
	process.enrol(t, posts)
	row := process.metric("test_pay", process.started)
	row.TotalTime = 1.23456789012345
	posts.mustPost(t, "/metrics/", metricJSON(row))
	require.Eventually(t, func() bool { return strings.Contains(bridge.Output(), "run is judged") }, time.Minute, 10*time.Millisecond)
	bridge.Signal(syscall.SIGTERM)
	r := bridge.Wait()
	assert.Equal(t, 0, r.ExitCode, r.Stdout)
	pages := map[string]bool{}
	for one := range strings.Lines(r.Stdout) {
		if strings.Contains(one, "run is complete") {
			line = strings.TrimSpace(one)
		}
		for _, page := range regexp.MustCompile(`[" ]page"?[:=]"?(\S+/runs/[^\s"]+)`).FindAllStringSubmatch(one, -1) {
			pages[page[1]] = true
		}
		if strings.Contains(one, "run is ") {
			assert.Contains(t, one, "page", "what is said of a run leads to its page")
		}
	}
	require.Len(t, pages, 1, r.Stdout)
	return line, url
}

// On a terminal, a line has what people need. Formats that are asked for are for machines.
func TestTheLogOnATerminalIsForPeople(t *testing.T) {
	t.Parallel()
	line, url := logOfARun(t)
	assert.Regexp(t, `^\d\d:\d\d:\d\d INF run is complete project=default commit=c0ffee branch=main sessions=1 tests=1 total_seconds=1\.23 `, line)
	assert.Regexp(t, ` page=`+url+`/p/default/runs/\S+$`, line)
	assert.NotContains(t, line, "modules=0")
	line, _ = logOfARun(t, "--public-url", "https://ci.example.org/pymon/")
	assert.Contains(t, line, " page=https://ci.example.org/pymon/p/default/runs/")
	line, url = logOfARun(t, "--log-format", "text")
	assert.Regexp(t, `^time=\S+ level=INFO msg="run is complete" project=default run=\S+ .* modules=0 total_seconds=1\.23456789012345 .* page=`+url+`/p/default/runs/\S+$`, line)
	line, _ = logOfARun(t, "--log-format", "json", "--public-url", "https://ci.example.org/pymon/")
	assert.Regexp(t, `^{"time":.*"run":".*"total_seconds":1\.23456789012345,.*"page":"https://ci.example.org/pymon/p/default/runs/[^"]+"}$`, line)
}
