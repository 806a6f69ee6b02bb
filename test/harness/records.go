package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// Isoformat is the format in which Python's datetime.isoformat prints most times.
const Isoformat = "2006-01-02T15:04:05.000000"

// ContextJSON returns a machine with a hash, as the plugin posts it.
func ContextJSON(h string) string {
	return fmt.Sprintf(`{"h": %q, "cpu_count": 8, "cpu_frequency": 2300.0, "cpu_type": "x86_64", "cpu_vendor": "Intel",
		"ram_total": 32100, "machine_node": "ci-1", "machine_type": "x86_64", "machine_arch": "64bit",
		"system_info": "Linux - 6.1.0", "python_info": "3.11.7"}`, h)
}

// SessionJSON returns a pytest process with a hash and a start, as the plugin posts it. Its clock shows UTC.
func SessionJSON(h string, started time.Time) string {
	return fmt.Sprintf(`{"session_h": %q, "run_date": %q, "scm_ref": "c0ffee", "description": {"branch": "main"}}`,
		h, started.UTC().Format(Isoformat))
}

// NewMetric returns a measurement of a test that started at a time. Its floats are random, so no other metric equals it.
func NewMetric(session, context, variant string, start time.Time) PymonMetric {
	return PymonMetric{
		SessionH: session, ContextH: context, ItemStartTime: start.UTC().Format(Isoformat),
		ItemPath: "tests.test_shop", Item: "test_cart", ItemVariant: variant, ItemFSLoc: "tests/test_shop.py",
		Kind: "function", Component: "shop", TotalTime: rand.Float64(), UserTime: rand.Float64(),
		KernelTime: rand.Float64(), CPUUsage: rand.Float64() * 8, MemUsage: rand.NormFloat64() * 100,
	}
}

// MetricJSON returns a metric as the plugin posts it.
func MetricJSON(m PymonMetric) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(map[string]any{
		"session_h": m.SessionH, "context_h": m.ContextH, "item_start_time": m.ItemStartTime, "item_path": m.ItemPath,
		"item": m.Item, "item_variant": m.ItemVariant, "item_fs_loc": m.ItemFSLoc, "kind": m.Kind,
		"component": m.Component, "total_time": m.TotalTime, "user_time": m.UserTime, "kernel_time": m.KernelTime,
		"cpu_usage": m.CPUUsage, "mem_usage": m.MemUsage,
	})
	if err != nil {
		panic(err) // texts and floats always have a JSON form
	}
	return b.String()
}
