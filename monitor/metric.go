package monitor

import "math"

// Metric is one measured test or module, as the plugin's `POST /metrics/` sends it (table TEST_METRICS).
type Metric struct {
	SessionH      string
	ContextH      string
	ItemStartTime string // ISO 8601 as sent, in the client's local time; see [ParseTime]
	ItemPath      string // module's import path; empty for a module outside packages
	Item          string // function name without its class, or module name
	ItemVariant   string // node name with parameters, every "-" replaced by ", "; empty for a module
	ItemFSLoc     string // file, relative to pytest's root directory
	Kind          string // [KindFunction] or "module"
	Component     string // empty when the suite declares none

	TotalTime  float64 // wall time in seconds; NaN when absent, as for the next four
	UserTime   float64 // CPU time in user mode, seconds
	KernelTime float64 // CPU time in the kernel, seconds
	CPUUsage   float64 // (user + kernel) / total: a ratio, 1 is one core
	MemUsage   float64 // MiB: peak of the process during the test less its size at session start; can be negative

	// At is the start as an instant, fixed at acceptance.
	At Instant
}

// KindFunction is the kind of a metric that is a test. All others are modules.
const KindFunction = "function"

// MetricTexts are the plugin's names of a metric's texts, in the plugin's order.
var MetricTexts = [...]string{"session_h", "context_h", "item_start_time", "item_path", "item", "item_variant",
	"item_fs_loc", "kind", "component"}

// Texts returns where the texts are, in the order of [MetricTexts].
func (m *Metric) Texts() [len(MetricTexts)]*string {
	return [...]*string{&m.SessionH, &m.ContextH, &m.ItemStartTime, &m.ItemPath, &m.Item, &m.ItemVariant, &m.ItemFSLoc,
		&m.Kind, &m.Component}
}

// Measurement is one of the floats of a metric.
type Measurement int

// The measurements, in the plugin's order.
const (
	TotalTime Measurement = iota
	UserTime
	KernelTime
	CPUUsage
	MemUsage
	Measurements // how many there are
)

// String returns the plugin's name of a measurement, which is that of its column, its field and its JSON member.
func (i Measurement) String() string {
	return [Measurements]string{"total_time", "user_time", "kernel_time", "cpu_usage", "mem_usage"}[i]
}

// Values returns where the measurements are, in the order of [Measurement].
func (m *Metric) Values() [Measurements]*float64 {
	return [Measurements]*float64{&m.TotalTime, &m.UserTime, &m.KernelTime, &m.CPUUsage, &m.MemUsage}
}

// Series returns what a history of comparable measurements has in common, within one class of machine.
func (m *Metric) Series(project string) Series {
	return Series{
		Project:     project,
		Component:   StableText(m.Component),
		ItemPath:    StableText(m.ItemPath),
		Item:        StableText(m.Item),
		ItemVariant: StableText(m.ItemVariant),
		Kind:        StableText(m.Kind),
	}
}

// Same says whether two metrics are equal in all 14 fields: texts by their bytes, floats by their bits, all
// absent floats being equal. When they were accepted and where they were placed does not matter.
func (m *Metric) Same(o *Metric) bool {
	a, b := m.Values(), o.Values()
	for i := range a {
		if !SameFloat(*a[i], *b[i]) {
			return false
		}
	}
	s, t := m.Texts(), o.Texts()
	for i := range s {
		if *s[i] != *t[i] {
			return false
		}
	}
	return true
}

// SameFloat says whether two floats have the same bits. All absent floats are equal.
func SameFloat(a, b float64) bool { return floatBits(a) == floatBits(b) }

// floatBits returns the IEEE 754 bits of f, the same for every NaN.
func floatBits(f float64) uint64 {
	if math.IsNaN(f) {
		return 0x7FF8000000000001
	}
	return math.Float64bits(f)
}

// Series identifies a test: its points in InfluxDB share these tags, and differ in `env`.
type Series struct {
	Project, Component, ItemPath, Item, ItemVariant, Kind string
}
