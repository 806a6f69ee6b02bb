package influx_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/test/harness"
)

func TestMetadata(t *testing.T) {
	t.Parallel()
	w := mustOpen(t, settings(harness.SharedInflux(t)))
	late, early := contextPoint("q", "ab12"), contextPoint("p", "ab12")
	late.Received, late.Context.Env = start.Add(time.Second), "late"
	null := sessionPoint("p", "ab12")
	null.Session.ScmRef = monitor.Text{Null: true}
	empty := sessionPoint("q", "ab12")
	empty.Session.ScmRef, empty.Received = monitor.Text{}, start.Add(-time.Second)
	require.Equal(t, monitor.Delivered, w.Prepare([]*monitor.Point{
		late, early, contextPoint("p", "AB12"), contextPoint("p", "ab1"), null, empty, sessionPoint("p", "zz"),
	})(t.Context()).Kind)
	meta := w.Reader()

	for _, c := range []struct {
		project, h string
		want       *monitor.Context
	}{
		{"p", "ab12", early.Context},
		{"q", "ab12", late.Context},
		{"", "ab12", early.Context}, // accepted first
		{"", "AB12", contextPoint("p", "AB12").Context},
		{"p", "ab1", contextPoint("p", "ab1").Context},
	} {
		got, err := meta.Context(t.Context(), c.project, c.h)
		require.NoError(t, err, "%s %s", c.project, c.h)
		require.Equal(t, c.want, got, "%s %s", c.project, c.h)
	}
	for _, c := range []struct {
		project, h string
		want       *monitor.Session
	}{
		{"p", "ab12", null.Session},
		{"q", "ab12", empty.Session},
		{"", "ab12", empty.Session}, // accepted first
		{"", "zz", sessionPoint("p", "zz").Session},
	} {
		got, err := meta.Session(t.Context(), c.project, c.h)
		require.NoError(t, err, "%s %s", c.project, c.h)
		require.Equal(t, c.want, got, "%s %s", c.project, c.h)
	}
	for _, c := range [][2]string{{"r", "ab12"}, {"p", "ab"}, {"p", "ab123"}, {"p", ""}, {"", "nowhere"}, {`p" or true`, `x" or true or "`}, {"", "${v.bucket}"}} {
		_, err := meta.Context(t.Context(), c[0], c[1])
		require.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), "%s: %v", c, err)
		_, err = meta.Session(t.Context(), c[0], c[1])
		require.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), "%s: %v", c, err)
	}
}

// Any context and session comes back as it was, looked up by its own hash.
func TestAnyMetadataThroughInfluxDB(t *testing.T) {
	t.Parallel()
	w := mustOpen(t, settings(harness.SharedInflux(t)))
	meta := w.Reader()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		text := func(name string) string { return anyText().Draw(rt, name) }
		nullable := monitor.Text{String: text("nullable")}
		if rapid.Bool().Draw(rt, "null") {
			nullable = monitor.Text{Null: true}
		}
		hash := text("hash") + "h"
		integer := rapid.Int64().Draw(rt, "integer")
		c := &monitor.Context{H: hash, CPUCount: integer, CPUFrequency: rapid.Float64Range(-1e300, 1e300).Draw(rt, "frequency"),
			CPUType: text("type"), CPUVendor: nullable, RAMTotal: integer, MachineNode: text("node"), MachineType: text("machine"),
			MachineArch: text("arch"), SystemInfo: text("system"), PythonInfo: text("python"), Env: text("env")}
		description := text("description")
		s := &monitor.Session{SessionH: hash, RunDate: text("date"), ScmRef: nullable, Description: description,
			Tags:  wire.ParseDescription(description),
			Start: monitor.Instant{UTC: start.UnixNano() + int64(n), Offset: rapid.Int32().Draw(rt, "offset")},
			Run:   text("run"), Branch: text("branch"), Build: text("build"), Machine: text("name")}
		project := "p" + time.Duration(n).String()
		v := w.Prepare([]*monitor.Point{
			{Record: &monitor.Record{Project: project, Received: start, Context: c}},
			{Record: &monitor.Record{Project: project, Received: start, Session: s}},
		})(t.Context())
		require.Equal(rt, monitor.Delivered, v.Kind, "%+v", v)
		gotContext, err := meta.Context(t.Context(), project, hash)
		require.NoError(rt, err)
		require.Equal(rt, math.Float64bits(c.CPUFrequency), math.Float64bits(gotContext.CPUFrequency))
		require.Equal(rt, c, gotContext)
		gotSession, err := meta.Session(t.Context(), project, hash)
		require.NoError(rt, err)
		require.Equal(rt, s, gotSession)
	})
}
