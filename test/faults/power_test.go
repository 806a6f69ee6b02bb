package faults_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

var powerFaults = []fault{{name: "power cut", needs: root, short: 3, long: 60, run: powerCut}}

// powerCut stops a bridge and its loop device at random moments, and copies what the device had got. The copy is the disk after a
// power cut: it lacks what was in the memory of the file system only. Each metric with a 201 must be there.
func powerCut(t *testing.T, rounds int) tally {
	image := filepath.Join(t.TempDir(), "disk.img")
	run(t, "truncate", "--size", "512M", image)
	run(t, "mkfs.ext4", "-q", "-F", image)
	disk, err := harness.ImageDisk(t, image)
	require.NoError(t, err)
	device := filepath.Base(strings.TrimSpace(run(t, "losetup", "--associated", image, "--noheadings", "--output", "NAME")))
	s := newSite(t, harness.SharedInflux(t), harness.BridgeConfig{Data: filepath.Join(disk.Dir, "data"), Wrap: disk.Enter,
		Args: []string{"--min-free", "0", "--quiet-after", "1s", "--max-bytes", "256MiB"}})
	s.disk = disk
	var r tally
	forgotten := 0
	for n := range rounds {
		s.begin() // the run before is judged
		s.ledger.accepts(t, 20+rand.IntN(200))
		unsafe := fmt.Sprint("unsafe-", n)
		require.NoError(t, os.WriteFile(filepath.Join(disk.There, unsafe), []byte("never synced"), 0o600))
		s.bridge.Signal(syscall.SIGSTOP)
		accepted := s.ledger.copied()
		after := filepath.Join(t.TempDir(), "after.img")
		copyAtRest(t, device, image, after)
		s.bridge.Signal(syscall.SIGCONT)

		lost, doubled, began, kept := s.afterCut(after, unsafe, accepted)
		r.lost, r.doubled, r.longest = r.lost+lost, r.doubled+doubled, max(r.longest, began)
		if !kept {
			forgotten++
		}
		require.NoError(t, os.Remove(after))
	}
	assert.Positive(t, forgotten, "this disk also keeps what was never synced, so this test shows nothing")
	whole := s.tally(rounds)
	whole.lost, whole.doubled, whole.longest = whole.lost+r.lost, whole.doubled+r.doubled, r.longest
	return whole
}

// afterCut starts a bridge with the disk after a power cut, and compares. began is how long the start took. kept says that a file
// is whole that was never synced.
func (s *site) afterCut(image, unsafe string, accepted map[harness.PymonMetric]bool) (lost, doubled int, began time.Duration, kept bool) {
	s.t.Helper()
	disk, err := harness.ImageDisk(s.t, image)
	require.NoError(s.t, err)
	defer disk.Close()
	text, _ := os.ReadFile(filepath.Join(disk.There, unsafe)) // it may be missing
	start := time.Now()
	bridge := harness.StartBridge(s.t, harness.BridgeConfig{Data: filepath.Join(disk.Dir, "data"), Wrap: disk.Enter, Args: []string{"--min-free", "0"}})
	began = time.Since(start)
	bridge.WaitSays("[+]journal ok: accepting")
	bridge.Stop()
	data := taken(s.t, disk)
	assertSound(s.t, data)
	s.ledger.mu.Lock() // clients go on posting
	defer s.ledger.mu.Unlock()
	lost, doubled = s.ledger.compare(s.t, "the disk after a power cut", accepted, inFile(s.t, data))
	return lost, doubled, began, string(text) != ""
}

// copyAtRest copies the image of a device at a moment when nothing is on its way there. The file system writes now and then by itself, so
// the copy is made again until nothing was written meanwhile.
func copyAtRest(t *testing.T, device, image, after string) {
	t.Helper()
	require.Eventually(t, func() bool {
		before := writes(t, device)
		run(t, "cp", "--sparse=always", image, after)
		return strings.HasSuffix(before, " and 0 under way") && before == writes(t, device)
	}, time.Minute, 20*time.Millisecond, "%s does not rest", device)
}

// writes returns what a device has written and what it still has to write.
func writes(t *testing.T, device string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/sys/block", device, "stat"))
	require.NoError(t, err)
	fields := strings.Fields(string(text))
	require.Greater(t, len(fields), 8)
	return fields[4] + " written and " + fields[8] + " under way"
}

// run runs a tool, and returns its output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}
