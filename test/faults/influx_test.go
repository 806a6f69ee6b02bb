package faults_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

var influxFaults = []fault{
	{name: "InfluxDB killed in a write", short: 2, long: 30, run: influxKilled},
	{name: "InfluxDB frozen", short: 2, long: 12, run: influxFrozen},
	{name: "InfluxDB wiped, then delivered again", short: 3, long: 12, run: influxWiped},
	{name: "InfluxDB answers with any status", short: 2 * len(statuses), long: 8 * len(statuses), run: influxStatus},
	{name: "InfluxDB answers by half", short: 20, long: 200, run: influxHalf},
}

// influxKilled kills InfluxDB during a write. Clients notice nothing.
func influxKilled(t *testing.T, rounds int) tally {
	influx := harness.StartInflux(t)
	s := newSite(t, influx, harness.BridgeConfig{})
	s.begin()
	torn := false
	for range rounds {
		hit := make(chan struct{})
		var once atomic.Bool
		s.proxy.OnWrite(func(w *harness.Write) harness.Answer {
			if !w.Has("test_metrics") || once.Swap(true) {
				return w.Forward()
			}
			answer := make(chan harness.Answer)
			go func() { answer <- w.Forward() }()
			close(hit)
			return <-answer
		})
		s.ledger.accepts(t, clients)
		<-hit
		time.Sleep(time.Duration(rand.Int64N(int64(20 * time.Millisecond))))
		influx.Kill()
		s.ledger.accepts(t, clients)
		influx.Start()
		torn = torn || strings.Contains(influx.Log(), "File corrupt")
		s.proxy.OnWrite(nil)
		s.bridge.Signal(syscall.SIGHUP) // delivers at once
	}
	if torn { // a kill tore InfluxDB's own log, and it dropped what it had acknowledged behind the tear
		t.Log("InfluxDB's own log was torn, so everything is delivered again")
		s.end()
		s.bridge.WaitDelivered()
		r := harness.RunProgram(t, nil, "replay", "--data", s.bridge.Data)
		require.Equal(t, 0, r.ExitCode, r.Stderr)
	}
	return s.tally(rounds)
}

// influxFrozen stops InfluxDB like a machine without processor time. Clients notice nothing, and a stopped bridge does not wait for it.
func influxFrozen(t *testing.T, rounds int) tally {
	influx := harness.StartInflux(t)
	s := newSite(t, influx, harness.BridgeConfig{})
	s.begin()
	for n := range rounds {
		s.ledger.accepts(t, clients)
		require.NoError(t, syscall.Kill(influx.PID(), syscall.SIGSTOP))
		s.ledger.accepts(t, 10*clients)
		if n%2 == 1 {
			s.bridge.Restart()
		}
		require.NoError(t, syscall.Kill(influx.PID(), syscall.SIGCONT))
		s.bridge.Signal(syscall.SIGHUP)
	}
	return s.tally(rounds)
}

// influxWiped deletes the bucket of a bridge that delivers, and then asks for everything again. The bridge makes the bucket anew.
func influxWiped(t *testing.T, rounds int) tally {
	s := newSite(t, harness.SharedInflux(t), harness.BridgeConfig{})
	for range rounds {
		s.begin()
		s.ledger.accepts(t, 10*clients)
		s.influx.DeleteBucket(s.bucket)
		s.ledger.accepts(t, 10*clients)
		s.end()
		require.Eventually(t, func() bool {
			s.bridge.Signal(syscall.SIGHUP) // delivers at once; a write that is on its way can still be denied
			depth, known := s.bridge.Metrics().Sum("pymon_bridge_journal_depth")
			return known && depth == 0
		}, time.Minute, 100*time.Millisecond)
		r := harness.RunProgram(t, nil, "replay", "--data", s.bridge.Data)
		require.Equal(t, 0, r.ExitCode, r.Stderr)
	}
	return s.tally(rounds)
}

// statuses are the answers of servers, proxies and gateways that matter. InfluxDB's own words are beside some.
var statuses = []harness.Answer{
	{Status: 200}, {Status: 201}, {Status: 202}, {Status: 301}, {Status: 302, Header: http.Header{"Location": {"http://127.0.0.1:1/"}}}, {Status: 304},
	{Status: 307}, {Status: 400}, own(400, "invalid", "unable to parse 'x': missing fields"), {Status: 401}, own(401, "unauthorized", "unauthorized access"),
	{Status: 403}, own(403, "forbidden", "insufficient permissions for write"), {Status: 404}, own(404, "not found", `bucket "pytest" not found`),
	{Status: 405}, {Status: 408}, {Status: 413}, own(413, "request too large", "cannot read data: points in batch is too large"), {Status: 422},
	own(422, "unprocessable entity", "failure writing points to database"), {Status: 429, Header: http.Header{"Retry-After": {"1"}}}, {Status: 431}, {Status: 499},
	{Status: 500}, own(500, "internal error", "unexpected error writing points to database: timeout"), {Status: 501}, {Status: 502}, {Status: 503},
	own(503, "unavailable", "engine is closed"), {Status: 504}, {Status: 507}, {Status: 520}, {Status: 599},
}

// own returns an answer in InfluxDB's own form.
func own(status int, code, message string) harness.Answer {
	return harness.Answer{Status: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: fmt.Sprintf(`{"code":%q,"message":%q}`, code, message)}
}

// influxStatus answers some writes with a status, whether InfluxDB has stored the points or not.
func influxStatus(t *testing.T, rounds int) tally {
	return influxAnswers(t, rounds, func(n int, w *harness.Write) harness.Answer {
		answer := statuses[n%len(statuses)]
		if n/len(statuses)%2 == 1 {
			w.Forward()
		}
		return answer
	})
}

// influxHalf cuts answers off: before them, in their headers and in their bodies, whether InfluxDB has stored the points or not.
func influxHalf(t *testing.T, rounds int) tally {
	return influxAnswers(t, rounds, func(n int, w *harness.Write) harness.Answer {
		answer := harness.Answer{Status: []int{204, 400, 422, 500, 503}[n%5], Body: []string{"", `{"code":"inva`}[n/5%2], Cut: true}
		if answer.Status == http.StatusNoContent || n/10%2 == 1 {
			w.Forward()
		}
		if n%6 == 5 {
			return harness.Answer{} // the connection is reset
		}
		return answer
	})
}

// influxAnswers lets answer decide about one write in each round. The writes after it go on.
func influxAnswers(t *testing.T, rounds int, answer func(n int, w *harness.Write) harness.Answer) tally {
	s := newSite(t, harness.SharedInflux(t), harness.BridgeConfig{})
	s.begin()
	for n := range rounds {
		answered := make(chan struct{})
		var once atomic.Bool
		s.proxy.OnWrite(func(w *harness.Write) harness.Answer {
			if !w.Has("test_metrics") || once.Swap(true) {
				return w.Forward()
			}
			defer close(answered)
			return answer(n, w)
		})
		s.bridge.Signal(syscall.SIGHUP) // delivers at once
		select {
		case <-answered:
		case <-time.After(time.Minute):
			t.Fatal("no write within a minute")
		}
	}
	s.proxy.OnWrite(nil)
	s.bridge.Signal(syscall.SIGHUP)
	return s.tally(rounds)
}
