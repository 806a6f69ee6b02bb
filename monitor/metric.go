package monitor

import "math"

// Metric is one measured test or module, as the plugin's `POST /metrics/` sends it (table TEST_METRICS).
type Metric struct {
	SessionH      string
	ContextH      string
	ItemStartTime string // ISO 8601 as sent, in the client's local time; see [ParseTime]
	ItemPath      string // import path of the module; empty for a module outside packages
	Item          string // function name without its class, or module name
	ItemVariant   string // node name with parameters, every "-" replaced by ", "; empty for a module
	ItemFSLoc     string // file, relative to pytest's root directory
	Kind          string // [KindFunction] or "module"
	Component     string // empty when the suite declares none

	TotalTime  float64 // wall time in seconds; NaN when absent, like the next four
	UserTime   float64 // CPU time in user mode, seconds
	KernelTime float64 // CPU time in the kernel, seconds
	CPUUsage   float64 // (user + kernel) / total: a ratio, 1 is one core
	MemUsage   float64 // MiB: peak of the process during the test minus its size at session start; can be negative

	// At is the start as an instant, decided at acceptance.
	At Instant
}

// KindFunction is the kind of a test. A metric of any other kind is a module.
const KindFunction = "function"

// MetricTexts are the plugin's names of a metric's texts, in the plugin's order.
var MetricTexts = [...]string{"session_h", "context_h", "item_start_time", "item_path", "item", "item_variant",
	"item_fs_loc", "kind", "component"}

// Texts returns pointers to the texts, in the order of [MetricTexts].
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
	Measurements // the number of measurements
)

// String returns the plugin's name of a measurement. Its column, its field and its JSON member have the same name.
func (i Measurement) String() string {
	return [Measurements]string{"total_time", "user_time", "kernel_time", "cpu_usage", "mem_usage"}[i]
}

// Values returns pointers to the measurements, in the order of [Measurement].
func (m *Metric) Values() [Measurements]*float64 {
	return [Measurements]*float64{&m.TotalTime, &m.UserTime, &m.KernelTime, &m.CPUUsage, &m.MemUsage}
}

// Series returns the series of a metric. Metrics with the same series and class of machine are one history.
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

// Same says whether two metrics are equal in all 14 fields. It compares texts by their bytes and floats by [SameFloat].
// It does not compare At.
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

// Series identifies a test. All points of a test in InfluxDB have these tags. They differ in the tag `env`.
type Series struct {
	Project, Component, ItemPath, Item, ItemVariant, Kind string
}

// ID identifies the test on a class of machine, the first of its name in a run.
func (s Series) ID(env string) TestID {
	return TestID{Component: s.Component, ItemPath: s.ItemPath, Item: s.Item, ItemVariant: s.ItemVariant, Kind: s.Kind, Env: env}
}
