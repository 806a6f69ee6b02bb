package pages_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// gated is a suite whose tests wait until the test lets them go on.
const gated = `
import os, pathlib, time, pytest

@pytest.mark.parametrize("n", range(6))
def test_step(n):
    while not pathlib.Path(os.environ["GATES"], str(n)).exists():
        time.sleep(0.02)
`

// TestFirstMinutes opens a new bridge, pastes the line that it shows, and watches the first tests arrive.
func TestFirstMinutes(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--quiet-after", "3s"}})
	p := newTab(t, 1280, "light")
	p.open(bridge.URL + "/")
	assert.Equal(t, "The bridge is ready", p.text("h1"))
	p.accessible("empty")
	p.picture("page-first")
	words := strings.Fields(p.text("#c-pytest"))
	require.Equal(t, []string{"pytest", "--remote-server", bridge.URL}, words)

	gates, suite := t.TempDir(), t.TempDir()
	open := func(n string) { require.NoError(t, os.WriteFile(filepath.Join(gates, n), nil, 0o600)) }
	require.NoError(t, os.WriteFile(filepath.Join(suite, "test_steps.py"), []byte(gated), 0o600))
	pytest := harness.Pytest{Suite: suite, Args: words[1:], Env: []string{"GATES=" + gates}}.Start(t)
	p.wait(`location.pathname.startsWith("/p/default/runs/")`) // by itself
	p.accessible("no test yet")
	open("0")
	p.wait(`document.querySelector("h1").innerText === "Running: 1 test so far"`)
	assert.Contains(t, p.text(".latest"), "test_step[0]")
	p.wait(`document.querySelector(".run-tests tbody").innerText.includes("test_step[0]")`)
	open("1")
	open("2")
	p.wait(`document.querySelector("h1").innerText === "Running: 3 tests so far"`)
	p.accessible("live")
	p.picture("page-live")
	for _, n := range []string{"3", "4", "5"} {
		open(n)
	}
	pytest.Wait()
	require.Equal(t, 0, pytest.ExitCode, pytest.Output())
	p.wait(`document.querySelector("h1").innerText === "Learning what is usual"`) // by itself, when the run is judged
	p.open(bridge.URL + "/")
	assert.Equal(t, "/p/default/", p.address())

	// The second run knows how many tests to expect.
	harness.Pytest{Suite: suite, Args: words[1:], Env: []string{"GATES=" + t.TempDir()}}.Start(t)
	p.wait(`document.querySelector("[data-live]").innerText.includes("Running")`)
	p.click("[data-live] .btn")
	p.wait(`document.querySelector("h1").innerText === "Running: 0 of about 6 tests"`)
	assert.Equal(t, 1, eval[int](p, `document.querySelectorAll("progress").length`))

	// With a second project, the first page lists both.
	session := fmt.Sprintf(`{"session_h": "5", "run_date": "%s", "scm_ref": "c0ffee", "description": "{}", "utc_offset": 0}`,
		time.Now().UTC().Format("2006-01-02T15:04:05"))
	harness.NewPoster(bridge.URL).MustPost(t, "/p/second/sessions/", session)
	p.open(bridge.URL + "/")
	assert.Equal(t, "Projects", p.text("h1"))
	assert.Contains(t, strings.Join(p.texts("tbody tr"), "\n"), "default running")
	p.accessible("projects")
	p.fits("projects")
	p.do(chromedp.EmulateViewport(390, 800))
	p.scheme("dark")
	p.accessible("projects on a phone")
	p.fits("projects on a phone")
	p.open(bridge.URL + "/p/second/")
	assert.Equal(t, []string{"default", "second"}, eval[[]string](p, `[...document.querySelectorAll(".switch a")].map(a => a.textContent)`))
}
