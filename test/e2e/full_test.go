package e2e_test

import (
	"crypto/sha256"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// The test fills the disk of a bridge: once to the floor of free space, once to the last byte. The bridge refuses new
// records and asks clients to wait. It accepts repeats. It loses no acknowledged record. When there is room again, it
// accepts without a restart.
func TestFullDiskRefusesLosesNothingAndHeals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, minFree string
		left          int64
		says          string
	}{
		{"floor", "16MiB", 14 << 20, " MiB left, 16 are required"}, // more space than the bridge writes between two checks
		{"last byte", "0", 0, " is full: database or disk is full"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			disk, err := harness.SmallDisk(t, 32<<20)
			if err != nil {
				t.Logf("there is no disk to fill; only TestFloorOfFreeSpaceRefusesNewRecords tests this: %v", err)
				return
			}
			influx := harness.SharedInflux(t)
			bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{Data: filepath.Join(disk.Dir, "data"),
				Wrap: disk.Enter, Args: []string{"--client-timezone", "UTC", "--min-free", tt.minFree}})
			posts, process := newPoster(bridge.URL), newMachine()
			process.enrol(t, posts)
			before := process.metrics("test_cart[before]", time.Now(), 50)
			posts.mustPostAll(t, before)

			disk.Fill(tt.left)
			during, refused := untilRefused(t, posts, process)
			assertFull(t, refused)
			assert.Contains(t, refused.body, tt.says)
			bridge.WaitSays("[-]journal: ")
			status, lines := bridge.Ready()
			assert.Equal(t, http.StatusServiceUnavailable, status, lines)
			process.enrol(t, posts) // repeats
			assertMixed(t, posts, process, before)

			bridge.Kill() // a write that failed must not disturb the next start
			bridge.Start()
			assertFull(t, posts.try("/metrics/", metricJSON(process.metric("test_cart[refused]", time.Now()))))
			posts.mustPostAll(t, before)

			disk.Free()
			after := process.metric("test_cart[after]", time.Now())
			require.Eventually(t, func() bool {
				return posts.try("/metrics/", metricJSON(after)).status == http.StatusCreated
			}, time.Minute, 10*time.Millisecond, "the bridge accepts again")
			bridge.WaitSays("[+]journal ok")
			bridge.Restart() // otherwise delivery would wait for half a minute after the full disk
			bridge.WaitDelivered()
			all := append(append(before, during...), after)
			assert.Equal(t, once(all), count(points(t, influx, bucket)))
		})
	}
}

// The bridge requires more free space than any disk has.
func TestFloorOfFreeSpaceRefusesNewRecords(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	process := newMachine()
	records := process.metrics("test_cart[1]", process.started, 50)
	process.enrol(t, newPoster(bridge.URL))
	newPoster(bridge.URL).mustPostAll(t, records)
	require.Equal(t, 0, bridge.Stop().ExitCode())

	bridge = harness.StartBridge(t, harness.BridgeConfig{Data: bridge.Data, Args: []string{"--min-free", "4EiB"}})
	posts := newPoster(bridge.URL)
	process.enrol(t, posts) // repeats
	assertMixed(t, posts, process, records)
	assert.Contains(t, bridge.WaitSays("[-]journal: "), "MiB left, 4398046511104 are required")
	metrics := bridge.Metrics()
	assert.Zero(t, metrics[`pymon_bridge_healthy{component="journal"}`])
	assert.Less(t, metrics["pymon_bridge_journal_free_bytes"], metrics["pymon_bridge_journal_min_free_bytes"])
	r := posts.try("/contexts/", newMachine().contextJSON())
	assertFull(t, r)
	assert.Contains(t, r.body, "are required")
}

// untilRefused posts new records until one is refused. It returns the accepted records and the refusal.
func untilRefused(t *testing.T, posts *poster, process machine) (accepted []harness.PymonMetric, refused reply) {
	t.Helper()
	for _, m := range process.metrics("test_cart[during]", time.Now(), 20_000) {
		r := posts.try("/metrics/", metricJSON(m))
		if r.status != http.StatusCreated {
			return accepted, r
		}
		accepted = append(accepted, m)
	}
	require.Fail(t, "nothing is refused")
	return nil, reply{}
}

// assertFull asserts that an answer comes from a bridge without room.
func assertFull(t *testing.T, r reply) {
	t.Helper()
	assert.Equal(t, http.StatusServiceUnavailable, r.status, "%s %v", r.body, r.err)
	seconds, err := strconv.Atoi(r.header.Get("Retry-After"))
	assert.NoError(t, err)
	assert.Positive(t, seconds)
	assert.Contains(t, r.body, `"message"`)
}

// assertMixed posts repeats and new records at the same time, so that one commit has both. Repeats are still accepted.
func assertMixed(t *testing.T, posts *poster, process machine, repeats []harness.PymonMetric) {
	t.Helper()
	accepted := make(chan []string)
	go func() {
		accepted <- posts.postAll(process.metrics("test_cart[new]", time.Now(), 400), http.StatusServiceUnavailable)
	}()
	refused := posts.postAll(slices.Repeat(repeats, 8), http.StatusCreated)
	assert.Empty(t, refused[:min(3, len(refused))], "%d repeats were refused", len(refused))
	assert.Empty(t, <-accepted, "new records were not refused")
}

// acceptOrRefuse posts new records to a full bridge. It returns those that found room, since the log was emptied meanwhile.
func acceptOrRefuse(t *testing.T, posts *poster, metrics []harness.PymonMetric) (accepted []harness.PymonMetric) {
	for _, m := range metrics {
		if r := posts.try("/metrics/", metricJSON(m)); r.status == http.StatusCreated {
			accepted = append(accepted, m)
		} else {
			assertFull(t, r)
		}
	}
	return accepted
}

// With a higher limit the bridge accepts again.
func TestMaxBytesRefusesNewRecords(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	limited := func(size, data string) (*harness.Bridge, string) {
		bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{Data: data,
			Args: []string{"--client-timezone", "UTC", "--max-bytes", size}})
		return bridge, bucket
	}
	bridge, bucket := limited("2MiB", "")
	posts, process := newPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	accepted, refused := untilRefused(t, posts, process)
	assertFull(t, refused)
	assert.Contains(t, refused.body, "has reached its limit")
	assert.Greater(t, len(accepted), 20)
	more := make(chan []harness.PymonMetric)
	go func() { more <- acceptOrRefuse(t, posts, process.metrics("test_cart[new]", time.Now(), 400)) }()
	assert.Empty(t, posts.postAll(slices.Repeat(accepted[:100], 8), http.StatusCreated), "repeats were refused")
	accepted = append(accepted, <-more...)
	bridge.WaitDelivered()
	assert.Equal(t, once(accepted), count(points(t, influx, bucket)))

	require.Equal(t, 0, bridge.Stop().ExitCode())
	bridge, _ = limited("1GiB", bridge.Data)
	newPoster(bridge.URL).mustPost(t, "/metrics/", metricJSON(process.metric("test_cart[after]", time.Now())))
}

// A bridge starts on a file that it must not change. It says which file, what is wrong and what to do. It ends with status
// 1.
func TestDamagedFileIsNamedAndLeftUnchanged(t *testing.T) {
	t.Parallel()
	_, _, whole := wholeFile(t)
	for _, tt := range []struct {
		name   string
		damage func(content []byte) []byte
		wal    string
		says   string // message about the file %[1]s in %[2]s
	}{
		{"no database", func([]byte) []byte { return []byte("These are notes, not measurements.\n") }, "",
			damagedWords(`it is no SQLite file: it begins with "These are notes,"`)},
		{"emptied with its log left", func([]byte) []byte { return nil }, "what is left of a log",
			"%[1]s is damaged: it is empty, but its log pymon.db-wal has 21 bytes. Nothing was changed. Put %[1]s back from " +
				"where it is now, or from a backup. To begin with a new, empty file instead, move "},
		{"the header destroyed", func(b []byte) []byte { clear(b[16:100]); return b }, "",
			damagedWords("file is not a database (26)")},
		{"of another program", func(b []byte) []byte { copy(b[68:72], "MPBX"); return b }, "",
			"open journal %[1]s: this is a SQLite file of another program (application_id 1297105496, "},
		{"of a newer version", func(b []byte) []byte { b[63] = 99; return b }, "",
			"open journal %[1]s: it was written by a newer pymon-bridge (schema version 99, "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			file := filepath.Join(data, "pymon.db")
			content := tt.damage(append([]byte(nil), whole...))
			require.NoError(t, os.WriteFile(file, content, 0o600))
			if tt.wal != "" {
				require.NoError(t, os.WriteFile(file+"-wal", []byte(tt.wal), 0o600))
			}
			result := harness.RunProgram(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0")
			assert.Equal(t, 1, result.ExitCode)
			assert.Contains(t, result.Stderr, "pymon-bridge: "+strings.NewReplacer("%[1]s", file, "%[2]s", data).Replace(tt.says))
			now, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, sha256.Sum256(content), sha256.Sum256(now), "the file was changed")
		})
	}
}

// damagedWords returns the whole message about a damaged file, with %[1]s for its path and %[2]s for its directory.
func damagedWords(what string) string {
	return "%[1]s is damaged: " + what + ". Nothing was changed. Save what can be read into a new file: " +
		"pymon-bridge recover --data %[2]s --into %[2]s-recovered\n"
}

// wholeFile returns the data directory of a stopped bridge, and its file with 502 records.
func wholeFile(t *testing.T) (data, file string, content []byte) {
	t.Helper()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	process := newMachine()
	process.enrol(t, newPoster(bridge.URL))
	newBulkPoster(bridge.URL).mustPostAll(t, process.metrics("test_cart[1]", process.started, 500))
	require.Equal(t, 0, bridge.Stop().ExitCode())
	file = filepath.Join(bridge.Data, "pymon.db")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Greater(t, len(content), 64<<10)
	return bridge.Data, file, content
}

// The test destroys a page that the start does not read. The check in the background finds the damage. Then the bridge
// accepts nothing more, because it might not keep it.
func TestDamageInsideTheFileEndsAcceptance(t *testing.T) {
	t.Parallel()
	data, file, content := wholeFile(t)
	start, end := harness.RootPage(t, data, "metrics_time")
	clear(content[start:end])
	require.NoError(t, os.WriteFile(file, content, 0o600))

	bridge := harness.StartBridge(t, harness.BridgeConfig{Data: data})
	lines := bridge.WaitSays("[-]journal: " + file + " is damaged: PRAGMA quick_check says ")
	assert.Contains(t, lines, "Nothing was changed.")
	status, _ := bridge.Ready()
	assert.Equal(t, http.StatusServiceUnavailable, status)
	healthy, shown := bridge.Metrics()[`pymon_bridge_healthy{component="journal"}`]
	assert.True(t, shown && healthy == 0, "the metrics say so too")
	r := newPoster(bridge.URL).try("/contexts/", newMachine().contextJSON())
	assertFull(t, r)
	assert.Contains(t, r.body, "is damaged")
	require.Equal(t, 0, bridge.Stop().ExitCode())
	now, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, sha256.Sum256(content), sha256.Sum256(now), "the file was changed")
}
