package wire_test

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// nulls replaces the null of an absent float by NaN, which clients send. AppendMetric writes null.
var nulls = replacer{[]byte(`":null`), []byte(`":NaN`)}

type replacer struct{ old, new []byte }

func (r replacer) Replace(b []byte) []byte { return bytes.ReplaceAll(b, r.old, r.new) }

// texts generates all texts that a JSON text can hold: any code point, and lone surrogates in their three-byte form.
func texts() *rapid.Generator[string] {
	surrogate := rapid.Custom(func(t *rapid.T) string {
		r := rapid.IntRange(0xD800, 0xDFFF).Draw(t, "surrogate")
		return string([]byte{0xED, 0x80 | byte(r>>6)&0x3F, 0x80 | byte(r)&0x3F}) + "|" // "|" prevents pairs of surrogates
	})
	special := rapid.SampledFrom([]string{"\x00", "\n", "\r", "\t", "\b", "\f", "\x7f", `\`, `"`, "/", "é", "\u2028", "🚀", "%41", "(none)"})
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(rapid.String(), special, surrogate), 0, 5).Draw(t, "parts")
		s := ""
		for _, p := range parts {
			s += p
		}
		return s
	})
}

func floats() *rapid.Generator[float64] {
	return rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1e-323, math.MaxFloat64, math.NaN(), 1e16, 1e-4, 12}))
}

func TestMetricRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, float := texts(), floats()
		m := &monitor.Metric{
			SessionH: text.Draw(t, "session_h"), ContextH: text.Draw(t, "context_h"), ItemStartTime: "2026-11-22T16:03:15",
			ItemPath: text.Draw(t, "item_path"), Item: text.Draw(t, "item"), ItemVariant: text.Draw(t, "item_variant"),
			ItemFSLoc: text.Draw(t, "item_fs_loc"), Kind: text.Draw(t, "kind"), Component: text.Draw(t, "component"),
			TotalTime: float.Draw(t, "total_time"), UserTime: float.Draw(t, "user_time"), KernelTime: float.Draw(t, "kernel_time"),
			CPUUsage: float.Draw(t, "cpu_usage"), MemUsage: float.Draw(t, "mem_usage"),
		}
		body := wire.AppendMetric(nil, m)
		require.True(t, json.Valid(body), "%s", body)
		for _, c := range body {
			require.Less(t, c, byte(0x7f))
		}
		got, _, err := wire.DecodeMetric(nulls.Replace(body))
		require.NoError(t, err, "%s", body)
		require.True(t, m.Same(got), "%s", body)
	})
}

func TestAppendWritesTheReferenceServersJSON(t *testing.T) {
	assert.Equal(t, `{"session_h":"s","run_date":"2026-11-22T16:36:00","scm_ref":null,"tags":[{"name":"a","value":"\u00e9"},{"name":"b","value":null}]}`,
		string(wire.AppendSession(nil, &monitor.Session{SessionH: "s", RunDate: "2026-11-22T16:36:00", ScmRef: monitor.Text{Null: true},
			Tags: []monitor.Tag{{Name: "a", Value: monitor.Text{String: "é"}}, {Name: "b", Value: monitor.Text{Null: true}}}})))
	assert.Equal(t, `{"session_h":"s","run_date":"d","scm_ref":"","tags":[]}`,
		string(wire.AppendSession(nil, &monitor.Session{SessionH: "s", RunDate: "d"})))
	assert.Equal(t, `{"h":"\udcff","context_h":"\udcff","cpu_count":2,"cpu_frequency":2300,"cpu_type":"","cpu_vendor":null,"ram_total":1,`+
		`"machine_node":"","machine_type":"","machine_arch":"","system_info":"","python_info":"3.9 \n\ud83d\ude80\u007f"}`,
		string(wire.AppendContext(nil, &monitor.Context{H: "\xed\xb3\xbf", CPUCount: 2, CPUFrequency: 2300,
			CPUVendor: monitor.Text{Null: true}, RAMTotal: 1, PythonInfo: "3.9 \n🚀\x7f"})))
}

func TestAWholeFrequencyComesBackWhole(t *testing.T) {
	t.Parallel()
	for sent, want := range map[float64]string{2205: "2205", 0: "0", 2899.9: "2899.9", 1e-5: "1e-05", -3: "-3", 1e15: "1000000000000000",
		1e300: "1e+300", math.Inf(1): "null"} {
		body := string(wire.AppendContext(nil, &monitor.Context{CPUFrequency: sent}))
		assert.Contains(t, body, `"cpu_frequency":`+want+`,"cpu_type"`)
	}
	assert.Contains(t, string(wire.AppendContext(nil, &monitor.Context{CPUFrequency: math.NaN()})), `"cpu_frequency":null,`)
}

func BenchmarkDecodeMetric(b *testing.B) {
	body := []byte(metricBody)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, _, err := wire.DecodeMetric(body); err != nil {
			b.Fatal(err)
		}
	}
}
