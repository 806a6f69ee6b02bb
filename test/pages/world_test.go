// Package pages_test looks at the pages of the built program with a real browser, after runs of a real pytest.
package pages_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

func TestMain(m *testing.M) {
	code := harness.Main(m)
	if shared.stop != nil {
		shared.stop()
	}
	os.Exit(code)
}

// shop is a suite in three files, with more tests than a page lists. What one test computes, and whether another fails,
// depend on the commit.
var shop = map[string]string{
	"tests/checkout/test_payment.py": `
import os, time, pytest

SLOW, BROKEN = %q == "slow", %q == "broken"

def compute(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        sum(range(100))

@pytest.mark.parametrize("card", ["visa", "sepa"])
def test_pay_by_card(card):
    compute(0.15 if SLOW and card == "visa" else 0.01)

def test_refund():
    compute(0.004)
    assert not BROKEN, "no refund"

def test_webhook_retries():
    first = not os.path.exists("tried")
    open("tried", "w").close()
    assert not (BROKEN and first), "no answer"
`,
	"tests/catalog/test_search.py": `
import time, pytest

@pytest.mark.parametrize("n", range(48))
def test_finds(n):
    time.sleep(0.0001 * n)
`,
	"tests/account/test_login.py": `
import pytest

def test_login():
    held = bytearray(20 << 20)

@pytest.mark.parametrize("name", ['<b onclick="x">&amp;</b>', "a\"b'c", "\u202eright to left", "two\nlines", pytest.param("", id="x" * 7500), "\udc80lone"])
def test_hostile(name):
    pass
`,
}

// world is a bridge after the runs of one suite, and its numbers as the API has them.
type world struct {
	*harness.Bridge
	good, bad []string // commits, oldest first
	last      string   // id of the last run
}

// goodRuns is how many runs come before the slow ones: enough for judging.
const goodRuns, badRuns = 8, 3

// prepare makes the world. Its bridge ends with the test, so all tests that need it are subtests of one.
func prepare(t *testing.T) *world {
	t.Helper()
	w := &world{Bridge: harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--quiet-after", "1h"}})}
	for i := range goodRuns {
		w.good = append(w.good, w.commit(t, i, "", ""))
	}
	for i := range badRuns {
		broken := ""
		if i == badRuns-1 {
			broken = "broken"
		}
		w.bad = append(w.bad, w.commit(t, goodRuns+i, "slow", broken))
	}
	w.last = fmt.Sprintf("ci-%d", 100+goodRuns+badRuns-1)
	require.Eventually(t, func() bool {
		var page struct{ Run struct{ Status string } }
		w.get(t, "/p/shop/runs/"+w.last+"?format=json", &page)
		return page.Run.Status == "regression"
	}, within, 100*time.Millisecond, "the last run is judged")
	return w
}

// commit runs the suite in a new commit, and returns the commit.
func (w *world) commit(t *testing.T, number int, slow, broken string) string {
	t.Helper()
	suite := t.TempDir()
	for name, content := range shop {
		if name == "tests/checkout/test_payment.py" {
			content = fmt.Sprintf(content, slow, broken)
		}
		file := filepath.Join(suite, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(suite, "VERSION"), fmt.Append(nil, number), 0o600))
	r := harness.Pytest{Python: harness.Plugin92, Suite: suite, Git: true, Args: []string{"-q", "-p", "pymon_bridge", "--reruns", "1",
		"--remote-server", w.URL + "/p/shop", "--tag", "branch=main", "--tag", fmt.Sprintf("run=ci-%d", 100+number)},
		Env: []string{"PYTHONPATH=" + filepath.Join(harness.Root(t), "plugin")}}.Run(t)
	if broken == "" {
		require.Equal(t, 0, r.ExitCode, r.Output())
	} else {
		require.Equal(t, 1, r.ExitCode, r.Output())
	}
	return r.ScmRef
}

// get reads JSON of the bridge.
func (w *world) get(t *testing.T, path string, into any) {
	t.Helper()
	answer, err := http.Get(w.URL + path)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s: %s", path, body)
	require.NoError(t, json.Unmarshal(body, into), string(body))
}

// report asks the API for the report on the last run, with all its results.
func (w *world) report(t *testing.T) *monitor.Report {
	t.Helper()
	r := new(monitor.Report)
	w.get(t, "/p/shop/api/v1/regressions?format=json&all=true&run="+w.last, r)
	return r
}
