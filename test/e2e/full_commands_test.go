package e2e_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// A command that fills the disk says so once, names the disk, and leaves nothing there but an empty directory with a lock.
func TestCommandsOnAFullDiskLeaveNothing(t *testing.T) {
	t.Parallel()
	disk, err := harness.SmallDisk(t, 64<<10)
	if err != nil {
		t.Logf("there is no disk to fill: %v", err)
		return
	}
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	posts, process := newBulkPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	posts.mustPostAll(t, process.metrics("test_cart[1]", time.Now(), 2000))
	bridge.Stop()
	inside := func(name string, args ...string) (string, error) {
		cmd := exec.Command(disk.Enter[0], append(append(disk.Enter[1:], name), args...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for name, args := range map[string][]string{
		"backup":  {"backup", filepath.Join(disk.Dir, "copy.db")},
		"recover": {"recover", "--into", filepath.Join(disk.Dir, "recovered")},
	} {
		said, err := inside(harness.Program(t), append(args, "--data", bridge.Data)...)
		require.Error(t, err, name)
		assert.Equal(t, 1, strings.Count(said, "database or disk is full"), said)
		assert.Contains(t, said, disk.Dir)
	}
	left, err := inside("find", disk.Dir, "-type", "f")
	require.NoError(t, err, left)
	assert.Equal(t, filepath.Join(disk.Dir, "recovered", "pymon.db.lock")+"\n", left)
}
