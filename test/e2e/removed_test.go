package e2e_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// Somebody removes the files of a serving bridge. It answers no 201 for what would vanish with it, and says so.
func TestRemovedFilesEndAcceptance(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(data string) error{
		"file":      func(data string) error { return os.Remove(filepath.Join(data, "pymon.db")) },
		"log":       func(data string) error { return os.Remove(filepath.Join(data, "pymon.db-wal")) },
		"directory": func(data string) error { return os.Rename(data, data+".moved") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bridge := harness.StartBridge(t, harness.BridgeConfig{})
			posts, process := newPoster(bridge.URL), newMachine()
			process.enrol(t, posts)
			require.NoError(t, remove(bridge.Data))
			for range 3 {
				r := posts.try("/metrics/", metricJSON(process.metric("test_cart[lost]", time.Now())))
				assertFull(t, r)
				assert.Contains(t, r.body, "was removed or replaced while the bridge served it")
			}
			status, lines := bridge.Ready()
			assert.Equal(t, http.StatusServiceUnavailable, status)
			assert.Contains(t, lines, "[-]journal: ")
			assert.Contains(t, lines, "was removed or replaced")
			assert.Equal(t, 1, bridge.Stop().ExitCode())
			assert.Contains(t, bridge.Log(), "was removed or replaced")
		})
	}
}

// A person saves the files of which a serving bridge has the last hold, as docs/repair.md says.
func TestRemovedFilesCanBeSavedFromTheProcess(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	posts, process := newPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	kept := process.metrics("test_cart[kept]", process.started, 20)
	posts.mustPostAll(t, kept)
	files, err := filepath.Glob(filepath.Join(bridge.Data, "pymon.db*"))
	require.NoError(t, err)
	for _, file := range files {
		require.NoError(t, os.Remove(file))
	}
	bridge.Signal(syscall.SIGUSR2) // another program would not have the files
	require.Eventually(t, func() bool { return strings.Contains(bridge.Log(), "no upgrade: the bridge goes on as it is") }, time.Minute, time.Millisecond)
	bridge.WaitSays("[-]journal: ")

	saved := t.TempDir()
	script := `for f in /proc/$0/fd/*; do case "$(readlink "$f")" in
  */pymon.db\ \(deleted\)) cp "$f" "$1/pymon.db";;
*/pymon.db-wal\ \(deleted\)) cp "$f" "$1/pymon.db-wal";;
esac; done`
	out, err := exec.Command("sh", "-c", script, strconv.Itoa(bridge.PID()), saved).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Equal(t, 1, bridge.Stop().ExitCode())
	again := harness.StartBridge(t, harness.BridgeConfig{Data: saved})
	newPoster(again.URL).mustPostAll(t, kept)
	assert.EqualValues(t, len(kept), again.Metrics()[`pymon_bridge_repeats_total{class="metric"}`])
}
