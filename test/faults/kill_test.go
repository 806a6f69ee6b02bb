package faults_test

import (
	"compress/gzip"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/faults/seam"
	"pymon-bridge/test/harness"
)

var killFaults = []fault{
	{name: "kill -9 at random moments", short: 10, long: 150, run: killedAtRandom},
	{name: "kill -9 in a commit", short: 6, long: 100, run: func(t *testing.T, rounds int) tally {
		return killedIn(t, rounds, nil, seam.WriteLog, seam.SyncLog)
	}},
	{name: "kill -9 while the log is copied and emptied", short: 6, long: 60, run: func(t *testing.T, rounds int) tally {
		return killedIn(t, rounds, []string{"--max-bytes", "32MiB"}, seam.WriteDatabase, seam.SyncDatabase, seam.Truncate)
	}},
	{name: "kill -9 in a delivery", short: 6, long: 60, run: killedInDelivery},
	{name: "kill -9 in an upgrade", short: 4, long: 60, run: killedInUpgrade},
	{name: "kill -9 while old runs go", short: 3, long: 40, run: killedInRetention},
	{name: "kill -9 in an import", short: 3, long: 40, run: killedInImport},
	{name: "kill -9 in a deletion", short: 3, long: 40, run: killedInDeletion},
	{name: "kill -9 in backup and recover", short: 4, long: 40, run: killedInCopies},
	{name: "kill -9 in a migration", short: 4, long: 60, run: killedInMigration},
}

// killedAtRandom kills the bridge at random moments while clients post and it delivers. The proxy is slow, so that a kill hits a
// delivery before or after it is stored.
func killedAtRandom(t *testing.T, rounds int) tally {
	s := newSite(t, harness.SharedInflux(t), harness.BridgeConfig{})
	s.proxy.OnWrite(func(w *harness.Write) harness.Answer {
		time.Sleep(time.Duration(rand.Int64N(int64(50 * time.Millisecond))))
		answer := w.Forward()
		time.Sleep(time.Duration(rand.Int64N(int64(50 * time.Millisecond))))
		return answer
	})
	s.begin()
	for range rounds {
		time.Sleep(time.Duration(rand.Int64N(int64(300 * time.Millisecond))))
		s.restart()
	}
	s.proxy.OnWrite(nil)
	s.ledger.accepts(t, clients)
	r := s.tally(rounds)
	require.Positive(t, s.ledger.cut, "no kill hit a request")
	return r
}

// killedIn kills the bridge before one of the next operations of a kind.
func killedIn(t *testing.T, rounds int, args []string, operations ...seam.Operation) tally {
	s := newFaultySite(t, harness.BridgeConfig{Args: args})
	s.begin()
	for n := range rounds {
		operation := operations[n%len(operations)]
		most := int64(20)
		if operation == seam.Truncate || operation == seam.SyncDatabase { // few of them
			most = 1
		}
		s.page.Arm(operation, 1+rand.Int64N(most), seam.Kill)
		s.killed()
	}
	s.ledger.accepts(t, clients)
	return s.tally(rounds)
}

// killedInDelivery kills the bridge when InfluxDB has a write and the bridge has no answer yet, and when InfluxDB has it not.
func killedInDelivery(t *testing.T, rounds int) tally {
	s := newSite(t, harness.SharedInflux(t), harness.BridgeConfig{})
	s.begin()
	for n := range rounds {
		held := make(chan struct{}, 100)
		s.proxy.OnWrite(func(w *harness.Write) harness.Answer {
			if n%2 == 0 && w.Has("test_metrics") {
				w.Forward()
			}
			held <- struct{}{}
			<-w.Gone()
			return harness.Answer{}
		})
		<-held
		s.bridge.Kill()
		s.proxy.OnWrite(nil)
		s.bridge.Start()
		s.ledger.accepts(t, clients)
	}
	return s.tally(rounds)
}

// killedInUpgrade kills the bridge at a moment of an upgrade.
func killedInUpgrade(t *testing.T, rounds int) tally {
	s := newSite(t, harness.SharedInflux(t), harness.BridgeConfig{Args: []string{"--stop-after", "2s"}})
	s.begin()
	for range rounds {
		s.ledger.accepts(t, clients)
		const begins = "another program takes the place of this one"
		said := strings.Count(s.bridge.Log(), begins)
		s.bridge.Signal(syscall.SIGUSR2)
		require.Eventually(t, func() bool { return strings.Count(s.bridge.Log(), begins) > said }, time.Minute, time.Millisecond, "no upgrade")
		time.Sleep(time.Duration(rand.Int64N(int64(1500 * time.Millisecond))))
		s.restart()
	}
	s.ledger.accepts(t, clients)
	return s.tally(rounds)
}

// older makes a file of runs with tests, the last one a month ago. It returns a data directory that is not there yet.
func older(t *testing.T, runs, tests int) (data string, file string, l *ledger) {
	t.Helper()
	file, l = olderFile(t, runs, tests)
	return filepath.Join(t.TempDir(), "data"), file, l
}

// olderFile makes the same file, and a ledger that has its metrics.
func olderFile(t *testing.T, runs, tests int) (file string, l *ledger) {
	t.Helper()
	file, l = harness.LargePymonFrom(t, time.Now().UTC().Add(-30*24*time.Hour-time.Duration(runs)*6*time.Hour), runs, tests), newLedger()
	for _, m := range harness.ReadPymon(t, file).Metrics {
		l.accepted[m] = true
	}
	return file, l
}

// killedInRetention kills a bridge that removes old runs. The runs that stay are whole, and InfluxDB has every point.
func killedInRetention(t *testing.T, rounds int) tally {
	const kept, tests = 60, 20
	runs := kept + 25*rounds
	data, file, l := older(t, runs, tests)
	_, status, _ := command(t, "", "import", "--data", data, "--timezone", "UTC", file)
	require.Zero(t, status)
	s := newFaultySite(t, harness.BridgeConfig{Data: data})
	s.ledger = l
	s.bridge.WaitDelivered()
	s.bridge.Stop()
	points := inInflux(t, s.influx, s.bucket)
	r := tally{accepted: l.count(), delivered: len(points)}
	r.lost, r.doubled = l.compare(t, "InfluxDB", l.accepted, points)
	s.bridge.AddArgs("--keep", "1d", "--quiet-after", "1s") // the first round follows the start
	for n := 0; ; n++ {
		if n == rounds {
			s.bridge.Start()
			break
		}
		s.page.Arm(seam.WriteLog, 20+rand.Int64N(400), seam.Kill)
		s.bridge.TryStart() // it may end before it accepts anything
		s.bridge.WaitEnded()
		s.page.Disarm()
		stored := inFile(t, data)
		require.Zero(t, len(stored)%tests, "a part of a run")
		require.GreaterOrEqual(t, len(stored), kept*tests)
		assertSound(t, data)
		r.rounds++
		if len(stored) == kept*tests {
			s.bridge.Start()
			break
		}
	}
	require.Eventually(t, func() bool { return len(inFile(t, data)) == kept*tests }, 2*time.Minute, 100*time.Millisecond)
	s.bridge.Stop()
	assertSound(t, data)
	again := inInflux(t, s.influx, s.bucket)
	lost, doubled := l.compare(t, "InfluxDB after the runs went", l.accepted, again)
	r.lost, r.doubled = r.lost+lost, r.doubled+doubled
	return r
}

// killedInImport kills imports of a file. The next one completes it.
func killedInImport(t *testing.T, rounds int) tally {
	var r tally
	for range rounds {
		data, file, l := older(t, 6, 2000)
		page, env := newPage(t)
		page.Arm(seam.WriteLog, 1000+rand.Int64N(400), seam.Kill) // before these the first records are stored, and behind them the last
		_, _, killed := command(t, env, "import", "--data", data, "--timezone", "UTC", file)
		require.True(t, killed)
		part := harness.CountMetrics(t, data)
		require.Positive(t, part, "killed too early")
		require.Less(t, part, l.count(), "killed too late")
		assertSound(t, data)
		page.Disarm()
		out, status, _ := command(t, env, "import", "--json", "--data", data, "--timezone", "UTC", file)
		require.Zero(t, status, out)
		var said struct {
			Files []struct{ New, Repeats map[string]int }
		}
		require.NoError(t, json.Unmarshal([]byte(out[strings.Index(out, "{"):strings.LastIndex(out, "}")+1]), &said), out)
		require.Len(t, said.Files, 1, out)
		require.Equal(t, []int{l.count() - part, part}, []int{said.Files[0].New["metric"], said.Files[0].Repeats["metric"]}, out)
		r.add(inDirectory(t, l, data))
	}
	return r
}

// inDirectory counts what a data directory has.
func inDirectory(t *testing.T, l *ledger, data string) tally {
	t.Helper()
	stored := inFile(t, data)
	r := tally{rounds: 1, accepted: l.count()}
	r.lost, r.doubled = l.compare(t, "the file", l.accepted, stored)
	assertSound(t, data)
	return r
}

// killedInDeletion kills the deletion of one of two projects. The other one keeps everything.
func killedInDeletion(t *testing.T, rounds int) tally {
	var r tally
	parts := 0
	for n := range rounds {
		data, file, l := older(t, 6, 500)
		page, env := newPage(t)
		other := harness.LargePymon(t, 4, 1000)
		renameSessions(t, other)
		for project, file := range map[string]string{"shop": file, "gone": other} {
			out, status, _ := command(t, env, "import", "--data", data, "--project", project, "--timezone", "UTC", file)
			require.Zero(t, status, out)
		}
		before := 1 + rand.Int64N(600) // of about 650 writes
		if n == 0 {
			before = 150 + rand.Int64N(100) // a part is left
		}
		page.Arm(seam.WriteLog, before, seam.Kill)
		deletion := []string{"delete", "--project", "gone", "--yes", "--data", data}
		out, _, killed := command(t, env, deletion...)
		require.True(t, killed, out)
		assertSound(t, data)
		if left := harness.CountMetrics(t, data) - l.count(); 0 < left && left < 4000 {
			parts++
		}
		page.Disarm()
		out, status, _ := command(t, env, deletion...)
		require.Zero(t, status, out)
		r.add(inDirectory(t, l, data))
	}
	require.Positive(t, parts, "no kill left a part")
	return r
}

// renameSessions gives the sessions of a `.pymon` file other hashes.
func renameSessions(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for _, table := range []string{"TEST_SESSIONS", "TEST_METRICS"} {
		_, err = db.Exec("UPDATE " + table + " SET SESSION_H = 'other' || SESSION_H")
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
}

// killedInCopies kills backup and recover, which change nothing in the file that they read.
func killedInCopies(t *testing.T, rounds int) tally {
	data, file, l := older(t, 6, 1000)
	out, status, _ := command(t, "", "import", "--data", data, "--timezone", "UTC", file)
	require.Zero(t, status, out)
	var r tally
	for n := range rounds {
		page, env := newPage(t)
		into := filepath.Join(t.TempDir(), "copy")
		args := []string{"recover", "--data", data, "--into", into}
		if n%2 == 0 {
			require.NoError(t, os.Mkdir(into, 0o700))
			args = []string{"backup", "--data", data, filepath.Join(into, "pymon.db")}
		}
		page.Arm([]seam.Operation{seam.WriteDatabase, seam.WriteLog}[n%2], 1+rand.Int64N(50), seam.Kill)
		_, _, killed := command(t, env, args...)
		require.True(t, killed, "%s was not killed", args[0])
		page.Disarm()
		assertSound(t, data)
		out, status, _ := command(t, env, args...)
		require.Zero(t, status, "%s after a kill: %s", args[0], out)
		r.add(inDirectory(t, l, into))
	}
	r.accepted /= max(r.rounds, 1) // the same records each time
	return r
}

// killedInMigration kills the first start with a file of the first version.
func killedInMigration(t *testing.T, rounds int) tally {
	packed, err := os.Open(filepath.Join(harness.Root(t), "sqlite", "testdata", "schema-1.db.gz"))
	require.NoError(t, err)
	defer func() { _ = packed.Close() }()
	unpacked, err := gzip.NewReader(packed)
	require.NoError(t, err)
	old, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	var r tally
	for n := range rounds {
		data := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(data, "pymon.db"), old, 0o600))
		before := inFile(t, data)
		page, env := newPage(t)
		operation := []seam.Operation{seam.WriteLog, seam.SyncLog, seam.WriteDatabase, seam.Truncate}[n%4]
		most := int64(20)
		if operation != seam.WriteLog {
			most = 1
		}
		page.Arm(operation, 1+rand.Int64N(most), seam.Kill)
		_, _, killed := command(t, env, "dead", "list", "--data", data)
		require.True(t, killed, "no %s", operation)
		page.Disarm()
		out, status, _ := command(t, env, "dead", "list", "--data", data)
		require.Zero(t, status, out)
		after := inFile(t, data)
		assert.Equal(t, before, after, fmt.Sprint("after a kill before a ", operation))
		assertSound(t, data)
		r.add(tally{rounds: 1, accepted: len(before), lost: len(before) - len(after)})
	}
	r.accepted /= max(r.rounds, 1)
	return r
}
