package faults_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/faults/seam"
	"pymon-bridge/test/harness"
)

var diskFaults = []fault{
	{name: "disk full, while commits and the emptying of the log write", needs: smallDisk, short: 3, long: 40, run: fullDisk},
	{name: "disk full, while old runs go", needs: smallDisk, short: 2, long: 12, run: fullDiskInRetention},
	{name: "disk full in import and recover", needs: smallDisk, short: 2, long: 20, run: fullDiskInCommands},
}

// newDisk makes a disk in memory. Some systems allow this to nobody.
func newDisk(t *testing.T, size int) *harness.Disk {
	t.Helper()
	disk, err := harness.SmallDisk(t, size)
	if err != nil {
		t.Skip(err)
	}
	return disk
}

// fullDisk fills the disk of a bridge while clients post, and frees it. The log is small, so that it is emptied often.
func fullDisk(t *testing.T, rounds int) tally {
	disk := newDisk(t, 96<<20)
	s := newSite(t, harness.SharedInflux(t), harness.BridgeConfig{Data: filepath.Join(disk.Dir, "data"), Wrap: disk.Enter,
		Args: []string{"--min-free", "0", "--max-bytes", "64MiB"}})
	s.disk = disk
	s.begin()
	var longest time.Duration
	for n := range rounds {
		s.ledger.accepts(t, 50)
		disk.Fill(rand.Int64N(600 << 10))
		s.bridge.WaitSays("[-]journal: ")
		if n%3 == 2 { // a write that failed must not disturb the next start
			s.restart()
		}
		disk.Free()
		freed := time.Now()
		s.ledger.accepts(t, 1)
		longest = max(longest, time.Since(freed))
	}
	s.ledger.accepts(t, clients)
	s.end()
	s.restart() // otherwise delivery would wait for half a minute after the full disk
	r := s.tally(rounds)
	r.longest = longest
	return r
}

// fullDiskInRetention fills the disk while old runs go. The bridge goes on when there is room.
func fullDiskInRetention(t *testing.T, rounds int) tally {
	const runs, kept, tests = 160, 60, 20
	var r tally
	for range rounds {
		disk := newDisk(t, 96<<20)
		home, file, l := older(t, runs, tests)
		out, status, _ := command(t, "", "import", "--data", home, "--timezone", "UTC", file)
		require.Zero(t, status, out)
		data := filepath.Join(disk.Dir, "data")
		require.NoError(t, os.CopyFS(filepath.Join(disk.There, "data"), os.DirFS(home)))
		disk.Fill(64<<10 + rand.Int64N(200<<10)) // a start needs 32 KiB for the log's index
		bridge := harness.StartBridge(t, harness.BridgeConfig{Data: data, Wrap: disk.Enter, Args: []string{"--min-free", "0", "--keep", "1d", "--quiet-after", "1s"}})
		time.Sleep(time.Duration(rand.Int64N(int64(time.Second))))
		disk.Free()
		freed := time.Now()
		bridge.WaitSays("[+]journal ok")
		bridge.Restart() // a round follows the start
		require.Eventually(t, func() bool { return runsOf(t, bridge) == kept }, time.Minute, 50*time.Millisecond)
		took := time.Since(freed)
		bridge.Stop()
		there := taken(t, disk)
		assertSound(t, there)
		stored := inFile(t, there)
		require.Len(t, stored, kept*tests)
		_, doubled := l.compare(t, "the file", nil, stored) // what goes is old
		r.add(tally{rounds: 1, accepted: l.count(), doubled: doubled, longest: took})
	}
	return r
}

// fullDiskInCommands lets the disk be full in the middle of an import, and fills that of a recover. Each says so, and goes well when there
// is room.
func fullDiskInCommands(t *testing.T, rounds int) tally {
	var r tally
	for range rounds {
		data, file, l := older(t, 6, 2000)
		page, env := newPage(t)
		page.Arm(seam.WriteLog, 1000+rand.Int64N(400), seam.Full) // as in killedInImport
		importing := []string{"import", "--data", data, "--timezone", "UTC", file}
		out, status, _ := command(t, env, importing...)
		require.NotZero(t, status, out)
		assert.Contains(t, out, "is full")
		part := harness.CountMetrics(t, data)
		require.Positive(t, part, "full too early")
		require.Less(t, part, l.count(), "full too late")
		page.Disarm()
		out, status, _ = command(t, env, importing...)
		require.Zero(t, status, out)

		disk := newDisk(t, 64<<20)
		into := filepath.Join(disk.Dir, "data")
		recovering := []string{"recover", "--data", data, "--into", into}
		disk.Fill(512<<10 + rand.Int64N(512<<10))
		out, err := within(disk, harness.Program(t), recovering...)
		require.Error(t, err)
		assert.Contains(t, out, "full")
		disk.Free()
		out, err = within(disk, harness.Program(t), recovering...)
		require.NoError(t, err, out)
		recovered := inDirectory(t, l, taken(t, disk))
		recovered.rounds, recovered.accepted = 0, 0
		r.add(recovered)
		r.add(inDirectory(t, l, data))
	}
	return r
}

// runsOf returns the number of runs that a bridge has.
func runsOf(t *testing.T, bridge *harness.Bridge) int {
	t.Helper()
	resp, err := http.Get(bridge.URL + "/api/v1/runs/count")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ Count int }
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return answer.Count
}

// within runs a command that sees a disk.
func within(disk *harness.Disk, name string, args ...string) (string, error) {
	out, err := exec.Command(disk.Enter[0], append(append(disk.Enter[1:], name), args...)...).CombinedOutput()
	return string(out), err
}
