package faults_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// jumps are how far the clock of the machine jumps.
var jumps = []time.Duration{-time.Hour, time.Hour, 24 * time.Hour, 3650 * 24 * time.Hour, -24 * time.Hour, -3650 * 24 * time.Hour}

var clockFaults = []fault{{name: "clock jumps by an hour, a day and ten years", short: len(jumps), long: 6 * len(jumps), run: clockJumps}}

// clockJumps sets the clock of a bridge while clients post, and back. Each run is judged when it is quiet. No run of the last 400 days goes,
// although the first round of retention follows each start, also with a clock that is years ahead or behind.
func clockJumps(t *testing.T, rounds int) tally {
	const runs = 130 // more than those that stay in any case
	data, file, l := older(t, runs, 5)
	out, status, _ := command(t, "", "import", "--data", data, "--timezone", "UTC", file)
	require.Zero(t, status, out)
	s := newFaultySite(t, harness.BridgeConfig{Data: data, Args: []string{"--client-timezone=", "--keep", "400d", "--quiet-after", "2s"}})
	s.ledger = l
	for n := range rounds {
		s.begin()
		s.ledger.accepts(t, 2*clients)
		s.page.Ahead.Store(int64(jumps[n%len(jumps)].Seconds()))
		s.ledger.accepts(t, 2*clients)
		judged := strings.Count(s.bridge.Log(), `"msg":"run is judged"`)
		s.end()
		require.Eventually(t, func() bool { return strings.Count(s.bridge.Log(), `"msg":"run is judged"`) > judged }, time.Minute, 20*time.Millisecond,
			"a run that ended when the clock had jumped by %s is not judged", jumps[n%len(jumps)])
		s.begin()
		s.restart()
		s.retained()
		s.ledger.accepts(t, clients)
		s.page.Ahead.Store(0)
		s.ledger.accepts(t, clients)
		s.end()
		s.restart() // what arrived with a wrong date must not go either
		s.retained()
		lost, _ := l.compare(t, "the file after a jump", l.accepted, inFile(t, data))
		require.Zero(t, lost, "after a jump by %s", jumps[n%len(jumps)])
	}
	return s.tally(rounds)
}

// retained waits until a round of retention has ended since the start.
func (s *site) retained() {
	s.t.Helper()
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		out, _, _ := command(s.t, s.env, "status", "--json", "--data", s.bridge.Data) // which also says what needs a person
		var status struct {
			Bridge struct {
				Retention struct{ Last struct{ Ended time.Time } }
			}
		}
		require.NoError(s.t, json.Unmarshal([]byte(out), &status), out)
		if !status.Bridge.Retention.Last.Ended.IsZero() {
			return
		}
		require.True(s.t, time.Now().Before(until), "no round of retention: %s", out)
	}
}
