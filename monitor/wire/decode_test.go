package wire_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

const metricBody = `{"session_h": "s", "context_h": "c", "item_start_time": "2026-11-22T16:03:15.107220", ` +
	`"item_path": "tests.test_a", "item": "test_ok", "item_variant": "test_ok[1, 2]", "item_fs_loc": "tests/test_a.py", ` +
	`"kind": "function", "component": "core", "total_time": 0.05405235290527344, "user_time": 0.030000000000000027, ` +
	`"kernel_time": 1e-05, "cpu_usage": 1, "mem_usage": -55.78125}`

const contextBody = `{"cpu_count": 2, "cpu_frequency": 2300.0, "cpu_type": "", "cpu_vendor": "V", "ram_total": 24105, ` +
	`"machine_node": "n", "machine_type": "x86_64", "machine_arch": "64bit", "system_info": "Linux - 6.1", ` +
	`"python_info": "3.9.1 \n[GCC]", "h": "c1b8"}`

const sessionBody = `{"session_h": "5352", "run_date": "2026-11-22T16:36:00", "scm_ref": "abc", "description": {"a": "b"}}`

// with returns body with the first occurrence of old replaced. It fails when body does not have old.
func with(t *testing.T, body, old, new string) string {
	t.Helper()
	require.Contains(t, body, old)
	return strings.Replace(body, old, new, 1)
}

func TestDecodeMetric(t *testing.T) {
	m, _, err := wire.DecodeMetric([]byte(metricBody))
	require.NoError(t, err)
	assert.Equal(t, &monitor.Metric{
		SessionH: "s", ContextH: "c", ItemStartTime: "2026-11-22T16:03:15.107220", ItemPath: "tests.test_a",
		Item: "test_ok", ItemVariant: "test_ok[1, 2]", ItemFSLoc: "tests/test_a.py", Kind: "function", Component: "core",
		TotalTime: 0.05405235290527344, UserTime: 0.030000000000000027, KernelTime: 1e-05, CPUUsage: 1, MemUsage: -55.78125,
	}, m)
}

func TestDecodeContext(t *testing.T) {
	want := monitor.Context{H: "c1b8", CPUCount: 2, CPUFrequency: 2300, CPUVendor: monitor.Text{String: "V"},
		RAMTotal: 24105, MachineNode: "n", MachineType: "x86_64", MachineArch: "64bit", SystemInfo: "Linux - 6.1",
		PythonInfo: "3.9.1 \n[GCC]"}
	tests := []struct {
		name, old, new string
		change         func(c *monitor.Context)
	}{
		{"as sent", `"h"`, `"h"`, func(*monitor.Context) {}},
		{"the documentation's spelling", `"ram_total"`, `"ram_tota"`, func(*monitor.Context) {}},
		{"both spellings", `"ram_total": 24105`, `"ram_tota": 1, "ram_total": 24105`, func(*monitor.Context) {}},
		{"frequency as integer", `2300.0`, `0`, func(c *monitor.Context) { c.CPUFrequency = 0 }},
		{"count as float", `"cpu_count": 2`, `"cpu_count": 16.0`, func(c *monitor.Context) { c.CPUCount = 16 }},
		{"count with exponent", `"cpu_count": 2`, `"cpu_count": 1e3`, func(c *monitor.Context) { c.CPUCount = 1000 }},
		{"largest integer", `24105`, `9223372036854775807`, func(c *monitor.Context) { c.RAMTotal = math.MaxInt64 }},
		{"vendor null", `"V"`, `null`, func(c *monitor.Context) { c.CPUVendor = monitor.Text{Null: true} }},
		{"vendor missing", `"cpu_vendor": "V", `, ``, func(c *monitor.Context) { c.CPUVendor = monitor.Text{} }},
		{"host name null", `"n"`, `null`, func(c *monitor.Context) { c.MachineNode = "" }},
		{"repeated key", `"cpu_type": ""`, `"cpu_type": 1, "cpu_type": "x"`, func(c *monitor.Context) { c.CPUType = "x" }},
		{"escaped key", `"cpu_type": ""`, `"cpu\u005ftype": "x"`, func(c *monitor.Context) { c.CPUType = "x" }},
		{"unknown keys", `"cpu_type"`, `"CPU_TYPE": 1, "more": [{"a": [null, true, 1.5e3]}], "cpu_type"`, func(*monitor.Context) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expected := want
			tt.change(&expected)
			c, err := wire.DecodeContext([]byte(with(t, contextBody, tt.old, tt.new)))
			require.NoError(t, err)
			assert.Equal(t, &expected, c)
		})
	}
	c, err := wire.DecodeContext([]byte(with(t, contextBody, `2300.0`, `NaN`)))
	require.NoError(t, err)
	assert.True(t, math.IsNaN(c.CPUFrequency))
}

func TestDecodeSession(t *testing.T) {
	tags := func(pairs ...string) (tags []monitor.Tag) {
		for i := 0; i < len(pairs); i += 2 {
			tags = append(tags, monitor.Tag{Name: pairs[i], Value: monitor.Text{String: pairs[i+1]}})
		}
		return tags
	}
	tests := []struct {
		name, description, kept string
		tags                    []monitor.Tag
	}{
		{"object", `{"b": "2", "a": "1"}`, `{"b": "2", "a": "1"}`, tags("b", "2", "a", "1")},
		{"empty object", `{}`, `{}`, nil},
		{"text holding JSON", `"{\"description\": \"n\"}"`, `{"description": "n"}`, tags("description", "n")},
		{"plain text", `"nightly \"build\" \u00e9"`, `nightly "build" é`, tags("description", `nightly "build" é`)},
		{"text like a number", `"2024"`, `2024`, tags("description", "2024")},
		{"broken JSON in text", `"{oops"`, `{oops`, tags("description", "{oops")},
		{"JSON and more in text", `"{} {}"`, `{} {}`, tags("description", "{} {}")},
		{"empty text", `""`, ``, nil},
		{"null", `null`, ``, nil},
		{"repeated tag", `{"a": "1", "b": "2", "a": "3"}`, `{"a": "1", "b": "2", "a": "3"}`, tags("a", "3", "b", "2")},
		{"empty name", `{"": "x y"}`, `{"": "x y"}`, tags("", "x y")},
		{"Python's words", `{"a": 1, "b": 1.50, "c": true, "d": [1, "it's", null], "e": {"x": false}, "f": 1e16, "g": -Infinity}`,
			`{"a": 1, "b": 1.50, "c": true, "d": [1, "it's", null], "e": {"x": false}, "f": 1e16, "g": -Infinity}`,
			tags("a", "1", "b", "1.5", "c", "True", "d", `[1, "it's", None]`, "e", `{'x': False}`, "f", "1e+16", "g", "-inf")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := wire.DecodeSession([]byte(with(t, sessionBody, `{"a": "b"}`, tt.description)))
			require.NoError(t, err)
			assert.Equal(t, tt.kept, s.Description)
			assert.Equal(t, tt.tags, s.Tags)
			assert.Equal(t, tt.tags, wire.ParseDescription(s.Description))
		})
	}
	s, err := wire.DecodeSession([]byte(with(t, with(t, sessionBody, `"abc"`, `null`), `"b"`, `null`)))
	require.NoError(t, err)
	assert.Equal(t, monitor.Text{Null: true}, s.ScmRef)
	assert.Equal(t, []monitor.Tag{{Name: "a", Value: monitor.Text{Null: true}}}, s.Tags)
}

func TestDecodeNamesEveryWrongField(t *testing.T) {
	decoders := map[string]func(string) error{
		metricBody:  func(b string) error { _, _, err := wire.DecodeMetric([]byte(b)); return err },
		contextBody: func(b string) error { _, err := wire.DecodeContext([]byte(b)); return err },
		sessionBody: func(b string) error { _, err := wire.DecodeSession([]byte(b)); return err },
	}
	tests := []struct {
		name, body, old, new string
		field, problem       string
	}{
		{"missing", metricBody, `"item": "test_ok", `, ``, "item", "expected a text, but it is missing"},
		{"wrong letter case", metricBody, `"kind"`, `"Kind"`, "kind", "expected a text, but it is missing"},
		{"null text", metricBody, `"tests.test_a"`, `null`, "item_path", "expected a text, got null"},
		{"number for text", metricBody, `"test_ok"`, `17`, "item", "expected a text, got 17"},
		{"list for component", metricBody, `"core"`, `["core"]`, "component", "expected a text, got a list"},
		{"text for number", metricBody, `1e-05`, `"1e-05"`, "kernel_time", "expected a number, got a text"},
		{"boolean for number", metricBody, `1e-05`, `true`, "kernel_time", "expected a number, got a boolean"},
		{"null for number", metricBody, `1e-05`, `null`, "kernel_time", "expected a number, got null"},
		{"beyond floats", metricBody, `1e-05`, `1e999`, "kernel_time", "expected a number that fits 64-bit floating point, got 1e999"},
		{"the last of repeated members counts", metricBody, `"kind": "function"`, `"kind": "function", "kind": 1`, "kind", "expected a text, got 1"},
		{"no date", metricBody, `2026-11-22T16:03:15.107220`, `yesterday`, "item_start_time", "expected an ISO 8601 date such as 2026-01-31T12:00:00.123456"},
		{"impossible date", metricBody, `2026-11-22T`, `2026-02-30T`, "item_start_time", "expected a date and time of day that exist"},
		{"far date", metricBody, `2026-11-22T`, `2200-01-01T`, "item_start_time", "expected a date from 1970 to 2199"},
		{"fraction for integer", contextBody, `"cpu_count": 2`, `"cpu_count": 2.5`, "cpu_count", "expected a whole number of at most 64 bits, got 2.5"},
		{"beyond integers", contextBody, `24105`, `9223372036854775808`, "ram_total", "expected a whole number of at most 64 bits, got 9223372036854775808"},
		{"beyond integers as float", contextBody, `24105`, `1e19`, "ram_total", "expected a whole number of at most 64 bits, got 1e19"},
		{"NaN for integer", contextBody, `24105`, `NaN`, "ram_total", "expected a whole number of at most 64 bits, got NaN or Infinity"},
		{"empty hash", contextBody, `"c1b8"`, `""`, "h", "expected a non-empty text"},
		{"empty session hash", sessionBody, `"5352"`, `""`, "session_h", "expected a non-empty text"},
		{"list as description", sessionBody, `{"a": "b"}`, `[]`, "description", "expected an object of texts, or a text, got a list"},
		{"no commit", sessionBody, `"scm_ref": "abc", `, ``, "scm_ref", "expected a text, but it is missing"},
		{"date", sessionBody, `2026-11-22T16:36:00`, ``, "run_date", "expected an ISO 8601 date such as 2026-01-31T12:00:00.123456"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := decoders[tt.body](with(t, tt.body, tt.old, tt.new))
			var e *monitor.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, monitor.EInvalid, e.Code)
			assert.Equal(t, map[string]string{tt.field: tt.problem}, e.Fields)
		})
	}
}

func TestDecodeRefusesBodiesThatAreNotJSON(t *testing.T) {
	tests := []struct{ name, body, message string }{
		{"empty", ``, "expected a value at byte 0"},
		{"cut off", `{"session_h": "s`, "a text without its closing quote at byte 16"},
		{"cut off in an escape", `{"a": "\`, "a text without its closing quote at byte 7"},
		{"two values", `{} {}`, "expected the end of the text at byte 3"},
		{"no comma", `{"a": 1 "b": 2}`, "expected ',' or '}' at byte 8"},
		{"final comma", `{"a": 1,}`, "expected a member name in quotes at byte 8"},
		{"no colon", `{"a" 1}`, "expected ':' at byte 5"},
		{"single quotes", `{'a': 1}`, "expected a member name in quotes at byte 1"},
		{"leading zero", `{"a": 01}`, "expected ',' or '}' at byte 7"},
		{"bare point", `{"a": 1.}`, "expected a digit at byte 8"},
		{"bare exponent", `{"a": 1e}`, "expected a digit at byte 8"},
		{"bare sign", `{"a": -}`, "expected a digit at byte 7"},
		{"unknown word", `{"a": nan}`, "expected a value at byte 6"},
		{"raw newline", "{\"a\": \"\n\"}", "unescaped control character 0x0a in a text at byte 7"},
		{"invalid UTF-8", "{\"a\": \"\xff\"}", "invalid UTF-8 in a text at byte 7"},
		{"encoded surrogate", "{\"a\": \"\xed\xa0\x80\"}", "invalid UTF-8 in a text at byte 7"},
		{"short escape", `{"a": "\u12"}`, `expected four hexadecimal digits after \u at byte 7`},
		{"unknown escape", `{"a": "\x41"}`, "unknown escape in a text at byte 7"},
		{"deep", `{"a": ` + strings.Repeat("[", 10000), "nested more than 64 deep at byte 70"},
		{"byte order mark", "\ufeff{}", "expected a value at byte 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := wire.DecodeMetric([]byte(tt.body))
			assert.EqualError(t, err, "invalid metric: the body is not JSON: "+tt.message)
			assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
		})
	}
	_, err := wire.DecodeSession([]byte(` [1]`))
	assert.EqualError(t, err, "invalid session; : expected an object, got a list")
}

// FuzzDecodeMetric checks that every metric that was read can be written and read again. When encoding/json can also
// read the body, both must agree.
func FuzzDecodeMetric(f *testing.F) {
	f.Add([]byte(metricBody))
	f.Add([]byte(`{"a": [1, {"b": null}], "item": "\ud83d\ude00 \udcff"}`))
	f.Add([]byte(`{"total_time": NaN, "user_time": -Infinity}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, _, err := wire.DecodeMetric(body)
		if err != nil {
			assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
			return
		}
		again, _, err := wire.DecodeMetric(nulls.Replace(wire.AppendMetric(nil, m)))
		require.NoError(t, err)
		assert.True(t, m.Same(again), "%s", body)
		var plain map[string]any
		if json.Unmarshal(body, &plain) == nil && !strings.Contains(string(body), `\u`) {
			assert.Equal(t, plain["item_path"], m.ItemPath)
			assert.Equal(t, plain["total_time"], m.TotalTime)
		}
	})
}
