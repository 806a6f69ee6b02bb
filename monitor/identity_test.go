package monitor_test

import (
	"encoding/hex"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
)

func sample() *monitor.Metric {
	return &monitor.Metric{SessionH: "s", ContextH: "c", ItemStartTime: "2026-11-22T16:03:15.107220", ItemPath: "p", Item: "i",
		ItemVariant: "v", ItemFSLoc: "l", Kind: "function", Component: "k", TotalTime: 1, UserTime: 2, KernelTime: 3, CPUUsage: 4, MemUsage: 5}
}

// The hash is part of the data in every InfluxDB, so it must never change.
func TestRecordHashIsStable(t *testing.T) {
	h := monitor.RecordHash("default", sample())
	assert.Equal(t, "c487cfc55233ed4c", hex.EncodeToString(h[:8]))
	h = monitor.HashOf("default", "5352")
	assert.Equal(t, "7a8a7506f9f336e9", hex.EncodeToString(h[:8]))
}

func TestRecordHashAndSameSeeEveryField(t *testing.T) {
	changes := map[string]func(m *monitor.Metric){
		"session_h":                    func(m *monitor.Metric) { m.SessionH = "x" },
		"context_h":                    func(m *monitor.Metric) { m.ContextH = "x" },
		"item_start_time":              func(m *monitor.Metric) { m.ItemStartTime = "x" },
		"item_path":                    func(m *monitor.Metric) { m.ItemPath = "x" },
		"item":                         func(m *monitor.Metric) { m.Item = "x" },
		"item_variant":                 func(m *monitor.Metric) { m.ItemVariant = "x" },
		"item_fs_loc":                  func(m *monitor.Metric) { m.ItemFSLoc = "x" },
		"kind":                         func(m *monitor.Metric) { m.Kind = "x" },
		"component":                    func(m *monitor.Metric) { m.Component = "x" },
		"total_time":                   func(m *monitor.Metric) { m.TotalTime = math.Nextafter(1, 2) },
		"user_time":                    func(m *monitor.Metric) { m.UserTime = math.NaN() },
		"kernel_time":                  func(m *monitor.Metric) { m.KernelTime = -3 },
		"cpu_usage":                    func(m *monitor.Metric) { m.CPUUsage = 0 },
		"mem_usage":                    func(m *monitor.Metric) { m.MemUsage = math.Copysign(0, -1) },
		"text moved to the next field": func(m *monitor.Metric) { m.SessionH, m.ContextH = "sc", "" },
	}
	want := monitor.RecordHash("default", sample())
	assert.NotEqual(t, want, monitor.RecordHash("other", sample()))
	for name, change := range changes {
		m := sample()
		change(m)
		assert.NotEqual(t, want, monitor.RecordHash("default", m), name)
		assert.False(t, m.Same(sample()), name)
	}
	a, b := sample(), sample()
	a.MemUsage, b.MemUsage = math.NaN(), math.Float64frombits(0x7FF0000000000099)
	assert.Equal(t, monitor.RecordHash("default", a), monitor.RecordHash("default", b), "absent is absent")
	assert.True(t, a.Same(b))
	b.At = monitor.Instant{UTC: 1}
	assert.True(t, a.Same(b), "where it was placed does not matter")
}

func TestPointTimeStaysInItsMicrosecond(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := monitor.Instant{UTC: rapid.Int64Range(0, 7e18).Draw(t, "utc")}
		start := monitor.PointTime(at, monitor.HashOf("p", rapid.String().Draw(t, "hash")))
		seen := map[int64]bool{}
		for utc := start; !seen[utc]; utc = monitor.NextPointTime(utc) {
			seen[utc] = true
			assert.Equal(t, at.Micros(), monitor.Instant{UTC: utc}.Micros())
		}
		assert.Len(t, seen, 1000)
	})
}

func TestStableText(t *testing.T) {
	tests := []struct{ in, want string }{
		{"test[<object object at 0x7f12ab34cd56>]", "test[<object object at 0x…>]"},
		{"<a at 0x1> <b.C object at 0x00007FF6AB>", "<a at 0x…> <b.C object at 0x…>"},
		{"<bound method A.f of <A object at 0x7f12>>", "<bound method A.f of <A object at 0x…>>"},
		{"read at 0xFF", "read at 0xFF"},
		{"<object at 0x>", "<object at 0x>"},
		{"", ""},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, monitor.StableText(tt.in))
	}
	m := &monitor.Metric{ItemVariant: "t[<object object at 0x7f12ab34cd56>]", Item: "t"}
	assert.Equal(t, monitor.Series{Project: "p", Item: "t", ItemVariant: "t[<object object at 0x…>]"}, m.Series("p"))
}

func TestEnvironment(t *testing.T) {
	base := monitor.Context{CPUCount: 8, CPUVendor: monitor.Text{String: "Intel(R) Xeon(R) CPU @ 2.30GHz"}, RAMTotal: 32100,
		MachineType: "x86_64", SystemInfo: "Linux - 6.1.0-18-amd64", PythonInfo: "3.11.7 (main, May  9 2026)"}
	tests := []struct {
		name   string
		change func(c *monitor.Context)
		want   string
	}{
		{"full", func(*monitor.Context) {}, "Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 32G py3.11"},
		{"frequency, host and kernel do not count", func(c *monitor.Context) {
			c.CPUFrequency, c.MachineNode, c.SystemInfo = 2899.9, "other", "Linux - 6.9"
		}, "Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 32G py3.11"},
		{"nothing known", func(c *monitor.Context) { *c = monitor.Context{} }, "?-? ?x ? ?G py?"},
		{"small memory in whole GiB", func(c *monitor.Context) { c.RAMTotal = 6900 }, "Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 7G py3.11"},
		{"large memory in fours", func(c *monitor.Context) { c.RAMTotal = 24105 }, "Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 24G py3.11"},
		{"macOS", func(c *monitor.Context) {
			c.SystemInfo, c.MachineType, c.CPUVendor = "Darwin - 23.1.0", "arm64", monitor.Text{Null: true}
		}, "Darwin-arm64 8x ? 32G py3.11"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := base
			tt.change(&c)
			assert.Equal(t, tt.want, monitor.Environment(&c))
		})
	}
}

// TestEnvironmentTellsPythonsApart goes through what sys.version says on each of them.
func TestEnvironmentTellsPythonsApart(t *testing.T) {
	for version, want := range map[string]string{
		"3.11.7 (main, May  9 2026, 05:40:12) \n[GCC 12.2.0]":                                    "py3.11",
		"3.13.5 (main, Jun 12 2025, 12:40:22) [Clang 20.1.4 ]":                                   "py3.13",
		"3.13.5 experimental free-threading build (main, Jun 12 2025, 12:22:43) [Clang 20.1.4 ]": "py3.13t",
		"3.14.0 free-threading build (main, Oct  7 2025, 15:35:21) [Clang 20.1.4 ]":              "py3.14t",
		"3.11.13 (413c9b7f57f5, Jul 03 2025, 18:04:58)\n[PyPy 7.3.20 with GCC 10.2.1 20210130]":  "pypy3.11",
		"3.12.1 (a free-threading build, [no], 2024)":                                            "py3.12",
		"unheard of": "py?",
	} {
		c := &monitor.Context{Env: "class", PythonInfo: version}
		assert.Equal(t, "?-? ?x ? ?G "+want, monitor.Environment(c), "%q", version)
		named := &monitor.Session{Machine: "ci-large", Marks: monitor.Marks{Method: "m2"}}
		assert.Equal(t, "ci-large "+want+" m2", monitor.MachineClass(c, named), "%q", version)
	}
	measured := &monitor.Session{Marks: monitor.Marks{Method: "m2"}}
	assert.Equal(t, "class m2", monitor.MachineClass(&monitor.Context{Env: "class"}, measured))
}

func TestOriginOf(t *testing.T) {
	m := &monitor.Metric{SessionH: "s"}
	c := &monitor.Context{Env: "class", PythonInfo: "3.12.1"}
	s := &monitor.Session{Run: "r", ScmRef: monitor.Text{String: "abc"}, Branch: "b", Build: "7"}
	assert.Equal(t, monitor.Origin{Env: "unknown", Run: "s"}, monitor.OriginOf(m.SessionH, nil, nil))
	assert.Equal(t, monitor.Origin{Env: "class", Run: "s"}, monitor.OriginOf(m.SessionH, c, nil))
	assert.Equal(t, monitor.Origin{Env: "unknown", Run: "r", ScmRef: "abc", Branch: "b", Build: "7"}, monitor.OriginOf(m.SessionH, nil, s))
	s.Machine = "ci-large"
	assert.Equal(t, "ci-large py3.12", monitor.OriginOf(m.SessionH, c, s).Env)
	assert.Equal(t, "unknown", monitor.OriginOf(m.SessionH, nil, s).Env, "a name alone does not tell the Python version")
}
