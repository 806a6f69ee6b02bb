package wire_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// anyImported draws a record of any class, with everything that another bridge has decided if placed is set.
func anyImported(t *rapid.T, placed bool) *monitor.Record {
	text, float := texts(), floats()
	draw := func(name string) string { return text.Draw(t, name) }
	moment := func(name string) time.Time { return time.Unix(0, rapid.Int64Range(1, 7e18).Draw(t, name)).UTC() }
	instant := func() (at monitor.Instant) {
		if placed {
			at = monitor.Instant{UTC: moment("utc").UnixNano(), Offset: rapid.Int32Range(-46800, 54000).Draw(t, "offset")}
		}
		return at
	}
	rec := &monitor.Record{Project: "shop", Received: moment("received"), Import: &monitor.Import{Placed: placed}}
	m := monitor.Metric{SessionH: draw("session_h"), ContextH: draw("context_h"), ItemStartTime: "2026-11-22", Item: draw("item"),
		TotalTime: float.Draw(t, "total_time"), MemUsage: math.NaN(), At: instant()}
	switch rapid.IntRange(0, 3).Draw(t, "class") {
	case 0:
		rec.Context = &monitor.Context{H: "h" + draw("h"), CPUCount: 2, CPUFrequency: float.Draw(t, "cpu_frequency"),
			CPUVendor: monitor.Text{Null: rapid.Bool().Draw(t, "null")}, PythonInfo: draw("python_info")}
		if placed {
			rec.Context.Env = "e" + draw("env")
		}
	case 1:
		s := &monitor.Session{SessionH: "h" + draw("h"), RunDate: "2026-11-22", Description: rapid.SampledFrom([]string{"", "a", `{"a": "b"}`}).Draw(t, "description"),
			ScmRef: monitor.Text{Null: rapid.Bool().Draw(t, "null")}, Start: instant()}
		s.Tags = wire.ParseDescription(s.Description)
		s.Method = rapid.SampledFrom([]string{"", "m2"}).Draw(t, "method")
		if placed {
			rec.Client = "10.0.0.1"
			s.Run, s.Branch, s.Build, s.Machine = "r"+draw("run"), draw("branch"), draw("build"), draw("machine")
			if s.StatesOffset = rapid.Bool().Draw(t, "states_offset"); s.StatesOffset {
				s.Start.Offset = 3600
			}
			if rapid.Bool().Draw(t, "ended") {
				s.Completion, s.End = monitor.Partial, monitor.End{ExitStatus: 2, Collected: 5, Deselected: 1, Reason: "-x", Ended: moment("ended")}
			}
		}
		rec.Session = s
	case 2:
		rec.Outcome = &monitor.Outcome{Metric: m, NodeID: "n" + draw("node"), Outcome: "failed", Attempts: 3,
			SetupTime: float.Draw(t, "setup_time"), MemPeak: math.NaN()}
	default:
		rec.Metric = &m
	}
	if placed && rec.Measured() != nil && rapid.Bool().Draw(t, "pinned") {
		rec.Import.Origin = &monitor.Origin{Env: "e" + draw("env"), Run: draw("run")}
	}
	return rec
}

// TestImportedRoundTrip holds that a record arrives as it is, with the arrival at the bridge that decided, or else at this one.
func TestImportedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		placed := rapid.Bool().Draw(t, "placed")
		sent := anyImported(t, placed)
		base := monitor.Record{Project: "shop", Received: sent.Received, Import: &monitor.Import{}}
		if placed {
			base.Received = time.Unix(0, 71e17)
		}
		got, err := wire.DecodeImported(base, wire.AppendImported(nil, sent))
		require.NoError(t, err)
		assert.Equal(t, *sent.Import, *got.Import)
		of := func(r *monitor.Record) string { // NaN is not equal to NaN
			return fmt.Sprintf("%s %v %s %+v %+v %+v %+v", r.Project, r.Received, r.Client, r.Context, r.Session, r.Metric, r.Outcome)
		}
		require.Equal(t, of(sent), of(got))
	})
}

// decided returns what is decided about a session, with changes.
func decided(changes ...string) string {
	members := append([]string{`"utc_ns": 1, "utc_offset": 0, "branch": "", "build": "", "machine": "", "client": ""`}, changes...)
	if !strings.Contains(strings.Join(changes, ""), `"run"`) {
		members = append(members, `"run": "r"`)
	}
	return `, "decided": {` + strings.Join(members, ", ") + `}}`
}

func TestDecodeImportedRefuses(t *testing.T) {
	const session = `{"class": "session", "record": {"session_h": "s", "run_date": "2026-11-22", "scm_ref": "", "description": ""}`
	context := strings.TrimSuffix(string(wire.AppendImported(nil, &monitor.Record{Context: &monitor.Context{H: "c"}})), "}")
	metric := strings.TrimSuffix(string(wire.AppendImported(nil, &monitor.Record{Metric: &monitor.Metric{ItemStartTime: "2026-11-22"}})), "}")
	for row, want := range map[string]map[string]string{
		`{}`:                              {"class": "expected a text, but it is missing", "record": "expected an object, but it is missing"},
		`{"class": "test", "record": {}}`: {"class": `expected context, session, metric or outcome, got "test"`},
		session + `, "decided": 7}`:       {"decided": "expected an object, got 7"},
		session + decided(`"run": ""`, `"received": 1`):              {"run": "expected a non-empty text"},
		session + decided(`"run": "`+strings.Repeat("é", 1<<15)+`"`): {"run": "expected at most 65535 bytes, got 65536"},
		session + decided(`"ended": 1`):                              {"ended": "expected none, since the session has no completion"},
		`{"class": "session", "record": {"session_h": "s", "run_date": "2026-11-22", "scm_ref": "", "description": "", "completion": "complete", "exit_status": 0,
			"collected": 1, "deselected": 0}` + decided(): {"ended": "expected a time, since the session has a completion"},
		context + `, "decided": {"env": ""}}`:                                   {"env": "expected a non-empty text"},
		context + `, "decided": {"env": "` + strings.Repeat("x", 1<<16) + `"}}`: {"env": "expected at most 65535 bytes, got 65536"},
		metric + decided(`"pinned": true, "pinned_env": "", "pinned_run": "r", "pinned_scm_ref": "", "pinned_branch": "", "pinned_build": "`+strings.Repeat("x", 1<<16)+`"`): {
			"pinned_env": "expected a non-empty text", "pinned_build": "expected at most 65535 bytes, got 65536"},
		session + `, "decided": {"received": 1, "utc_ns": -86400000000001, "utc_offset": 90000, "run": "", "branch": "", "build": "", "machine": "", "client": 1}}`: {
			"utc_ns": "expected a whole number from -86400000000000 to 7258118399999999999, got -86400000000001", "utc_offset": "expected a whole number from -86399 to 86399, got 90000",
			"client": "expected a text, got 1"},
		`{"class": "context", "record": {}}`: nil,
		`{"class": "metric", "record": {}}`:  nil,
		`{"class": "outcome", "record": {}}`: nil,
	} {
		_, err := wire.DecodeImported(monitor.Record{Received: time.Unix(2, 0), Import: &monitor.Import{}}, []byte(row))
		require.Error(t, err, row)
		e := err.(*monitor.Error)
		assert.Equal(t, monitor.EInvalid, e.Code)
		if want != nil {
			assert.Equal(t, want, e.Fields, row)
		}
	}
	for _, row := range []string{"7", "[", `{"class"`} {
		_, err := wire.DecodeImported(monitor.Record{Import: &monitor.Import{}}, []byte(row))
		assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err), row)
	}
}

func TestSendable(t *testing.T) {
	for text, ok := range map[string]bool{"": true, "a\x00é🚀": true, "\xed\xb3\xbf": true, "\xff": false, "\xed\xa0\xbd\xed\xb8\x80": false} {
		assert.Equal(t, ok, wire.Sendable(text), "%q", text)
	}
}
