package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"pymon-bridge/test/harness"
)

// kept compares what was accepted with what is in the bridge's file and in InfluxDB.
type kept struct {
	stored    int // rows
	lost      int // accepted, and not stored
	doubled   int // stored more than once
	foreign   int // stored although they were not sent, or refused
	delivered int // points in InfluxDB
	outcomes  int // stored outcomes of the plugin's rows, less the accepted rows
	sessions  int // stored sessions, less the accepted ones
}

// err says what is wrong, or is nil.
func (k kept) err() error {
	if k.lost+k.doubled+k.foreign != 0 || k.delivered != k.stored || k.outcomes != 0 || k.sessions != 0 {
		return fmt.Errorf("the bridge did not keep exactly what it accepted: %+v", k)
	}
	return nil
}

// check reads everything that the bridge has, and counts the points. The load must be over and delivered. What was sent without an
// answer may be stored or not, so sessions and outcomes are compared only where everything was answered.
func check(tb testing.TB, bridge *harness.Bridge, influx *harness.Influx, bucket string, l *ledger) (k kept) {
	tb.Helper()
	before := l.count()
	if err := k.read(bridge.URL, l); err != nil {
		tb.Fatal(err)
	}
	k.lost = l.count()[accepted]
	if before[unknown] == 0 {
		for _, s := range l.sessions {
			if s.accepted {
				k.sessions--
			}
			if s.plugin {
				k.outcomes -= count(s.rows, stored)
			}
		}
		k.sessions += ask(tb, bridge.URL+"/api/v1/sessions/count")
		k.outcomes += ask(tb, bridge.URL+"/api/v1/outcomes/count")
	}
	for _, row := range influx.Query(`from(bucket: "` + bucket + `") |> range(start: -2d, stop: 2d)
		|> filter(fn: (r) => r._measurement == "test_metrics" and r._field == "total_time") |> count() |> group() |> sum()`) {
		k.delivered += int(row["_value"].(int64))
	}
	return k
}

func count(rows []fate, f fate) (n int) {
	for _, of := range rows {
		if of == f {
			n++
		}
	}
	return n
}

// read reads all rows that the bridge has.
func (k *kept) read(url string, l *ledger) error {
	answer, err := http.Get(url + "/api/v1/metrics/?format=ndjson")
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusNoContent {
		return errors.New("the list of metrics: " + answer.Status)
	}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		var row struct {
			Session string `json:"session_h"`
			Variant string `json:"item_variant"`
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return err
		}
		k.stored++
		k.find(l.find(row.Session), row.Variant)
	}
	return lines.Err()
}

// find notes that a row is stored.
func (k *kept) find(s *session, variant string) {
	number, err := testNumber(variant)
	if s == nil || err != nil {
		k.foreign++
		return
	}
	switch f := &s.rows[number%len(s.rows)]; *f {
	case accepted, unknown:
		*f = stored
	case stored:
		k.doubled++
	default:
		k.foreign++
	}
}

// ask returns the number that a route for counting answers.
func ask(tb testing.TB, url string) int {
	tb.Helper()
	answer, err := http.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var number struct{ Count int }
	if err := json.NewDecoder(answer.Body).Decode(&number); err != nil {
		tb.Fatalf("%s: %v", url, err)
	}
	return number.Count
}
