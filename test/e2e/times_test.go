package e2e_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// Real clients in different time zones post to one bridge at the same time. The bridge is in yet another zone.
func TestPointsOfClientsInTimeZonesHaveTheRightInstant(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, meta := startBridge(t, influx, harness.BridgeConfig{Env: []string{"TZ=Asia/Tokyo"}})
	type client struct {
		zone   string
		run    *harness.PytestRun
		begins time.Time
	}
	var clients []*client
	for _, zone := range []string{"Asia/Kolkata", "America/New_York", "UTC"} {
		c := &client{zone: zone, begins: time.Now()}
		c.run = harness.Pytest{Env: []string{"TZ=" + zone}, Args: []string{"--tag", "zone=" + zone, "--remote-server", bridge.URL, "flat/test_flat.py"}}.Start(t)
		clients = append(clients, c)
	}
	var sent []harness.PymonMetric
	sessions := map[string]string{} // zone by hash
	latest := map[string]time.Time{}
	for _, c := range clients {
		c.run.Wait()
		latest[c.zone] = time.Now()
		require.Equal(t, 0, c.run.ExitCode, c.run.Output())
		file := harness.ReadPymon(t, c.run.Database)
		sent = append(sent, file.Metrics...)
		require.Len(t, file.Sessions, 1)
		sessions[file.Sessions[0].SessionH] = c.zone
		assertGivesBack(t, bridge.URL, file)
	}
	bridge.WaitDelivered()
	stored := points(t, influx, bucket)
	assertArrived(t, sent, stored)
	byZone := map[string][]point{}
	for _, p := range stored {
		zone := sessions[p.text("session_h")]
		byZone[zone] = append(byZone[zone], p)
		at := p.row["_time"].(time.Time)
		assert.True(t, at.After(clients[0].begins) && at.Before(latest[zone]), "%s is not the right time in %s", at, zone)
	}
	for _, c := range clients {
		require.NotEmpty(t, byZone[c.zone], c.zone)
		assertPlaced(t, byZone[c.zone], c.zone)
	}
	for _, row := range influx.Points(meta, "sessions") {
		p := point{t, row}
		assertAt(t, p, p.text("run_date"), sessions[p.text("session_h")])
	}
}

// assertAt asserts that a point has the microsecond at which a clock in the zone shows the text.
func assertAt(t *testing.T, p point, text, zone string) {
	t.Helper()
	location, err := time.LoadLocation(zone)
	require.NoError(t, err)
	local, err := time.ParseInLocation("2006-01-02T15:04:05.999999", text, location)
	require.NoError(t, err)
	assert.Equal(t, local.UTC(), p.row["_time"].(time.Time).Truncate(time.Microsecond), "%s in %s", text, zone)
}

// assertGivesBack reads sessions and contexts from the bridge and compares them with the client's own file.
func assertGivesBack(t *testing.T, base string, file harness.Pymon) {
	t.Helper()
	var sessions struct {
		Sessions []struct {
			SessionH string                         `json:"session_h"`
			RunDate  string                         `json:"run_date"`
			ScmRef   string                         `json:"scm_ref"`
			Tags     []struct{ Name, Value string } `json:"tags"`
		} `json:"sessions"`
	}
	readJSON(t, base, "/sessions/"+file.Sessions[0].SessionH, &sessions)
	require.Len(t, sessions.Sessions, 1)
	got, want := sessions.Sessions[0], file.Sessions[0]
	assert.Equal(t, want.SessionH, got.SessionH)
	assert.Equal(t, want.RunDate, got.RunDate, "the text as sent, not an instant")
	assert.Equal(t, want.ScmRef, got.ScmRef)
	tags := map[string]string{}
	for _, tag := range got.Tags {
		tags[tag.Name] = tag.Value
	}
	text, err := json.Marshal(tags)
	require.NoError(t, err)
	assert.JSONEq(t, want.Description, string(text))

	var contexts struct {
		Contexts []struct {
			H          string `json:"h"`
			PythonInfo string `json:"python_info"`
		} `json:"contexts"`
	}
	readJSON(t, base, "/contexts/"+file.Contexts[0].H, &contexts)
	require.Len(t, contexts.Contexts, 1)
	assert.Equal(t, file.Contexts[0].H, contexts.Contexts[0].H)
	assert.Equal(t, file.Contexts[0].PythonInfo, contexts.Contexts[0].PythonInfo)
}

func readJSON(t *testing.T, base, path string, into any) {
	t.Helper()
	answer := request{method: http.MethodGet, path: path}.send(t, base)
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	require.NoError(t, json.Unmarshal([]byte(answer.body), into), answer.body)
}

// scripted posts a session and metrics with given times.
type scripted struct {
	t       *testing.T
	posts   *poster
	process machine
}

// session posts a context and a session. runDate is the time on the client's clock.
func (s scripted) session(runDate string) {
	s.t.Helper()
	s.posts.mustPost(s.t, "/contexts/", s.process.contextJSON())
	s.posts.mustPost(s.t, "/sessions/", `{"session_h": "`+s.process.session+`", "run_date": "`+runDate+`", "scm_ref": "", "description": {}}`)
}

// metric posts a metric that starts at the time on the client's clock and takes a millisecond.
func (s scripted) metric(variant, clock string) harness.PymonMetric {
	s.t.Helper()
	m := s.process.metric(variant, time.Now())
	m.ItemStartTime, m.TotalTime = clock, 0.001
	s.posts.mustPost(s.t, "/metrics/", metricJSON(m))
	return m
}

// instants returns the times of a bucket's points by variant, cut to the microsecond.
func instants(t *testing.T, influx *harness.Influx, bucket string) map[string]time.Time {
	t.Helper()
	at := map[string]time.Time{}
	for _, p := range points(t, influx, bucket) {
		variant := p.tag("item_variant")
		assert.NotContains(t, at, variant, "a variant has one point")
		at[variant] = p.row["_time"].(time.Time).Truncate(time.Microsecond)
	}
	return at
}

// The records arrive long after they were measured, so their arrival says nothing about the zone of the client. The flag
// names a zone with daylight saving time.
func TestClientTimezoneAppliesToAllClients(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{Args: []string{"--client-timezone", "America/New_York"}})
	s := scripted{t, newPoster(bridge.URL), newMachine()}
	s.session("2025-03-08T23:00:00.000001")
	sent := []harness.PymonMetric{
		s.metric("winter", "2025-03-09T01:59:59.999999"),
		s.metric("summer", "2025-03-09T03:00:00"),
		s.metric("july", "2025-07-15T08:00:00.250000"),
		s.metric("with an offset", "2025-07-15T08:00:00+02:00"),
	}
	bridge.WaitDelivered()
	assertArrived(t, sent, points(t, influx, bucket))
	assert.Equal(t, map[string]time.Time{
		"winter":         time.Date(2025, 3, 9, 6, 59, 59, 999999000, time.UTC),
		"summer":         time.Date(2025, 3, 9, 7, 0, 0, 0, time.UTC),
		"july":           time.Date(2025, 7, 15, 12, 0, 0, 250000000, time.UTC),
		"with an offset": time.Date(2025, 7, 15, 6, 0, 0, 0, time.UTC),
	}, instants(t, influx, bucket))
}

// The clock of a client in Kolkata is set forward and back between tests. A repeat is found.
func TestClockChangeDuringARunMovesNoPoint(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{Env: []string{"TZ=UTC"}})
	s := scripted{t, newPoster(bridge.URL), newMachine()}
	const kolkata = 5*time.Hour + 30*time.Minute
	now := time.Now().UTC().Truncate(time.Microsecond)
	clock := func(at time.Time, ahead time.Duration) string { return at.Add(ahead).Format(harness.Isoformat) }
	s.session(clock(now, kolkata))
	sent := []harness.PymonMetric{
		s.metric("before", clock(now, kolkata)),
		s.metric("put forward", clock(now, kolkata+time.Hour)),
		s.metric("put back", clock(now, kolkata-time.Hour)),
		s.metric("by half an hour, as on Lord Howe Island", clock(now, kolkata+30*time.Minute)),
		s.metric("back by two hours, to Tehran", clock(now, kolkata-2*time.Hour)),
		s.metric("by two hours, where no zone is", clock(now, kolkata+2*time.Hour)),
	}
	for _, m := range sent {
		s.posts.mustPost(t, "/metrics/", metricJSON(m))
	}
	bridge.WaitDelivered()
	assertArrived(t, sent, points(t, influx, bucket))
	at := instants(t, influx, bucket)
	assert.WithinDuration(t, now, at["by two hours, where no zone is"], time.Minute, "the time of arrival")
	delete(at, "by two hours, where no zone is")
	assert.Equal(t, map[string]time.Time{
		"before": now, "put forward": now, "put back": now, "by half an hour, as on Lord Howe Island": now,
		"back by two hours, to Tehran": now,
	}, at)
	repeats := bridge.Metrics()[`pymon_bridge_repeats_total{class="metric"}`]
	assert.Equal(t, float64(len(sent)), repeats)
}
