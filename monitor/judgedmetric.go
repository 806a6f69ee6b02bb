package monitor

// The metrics that are judged of each test, as reports and points name them.
const (
	MetricCPUTime   = "cpu_time" // user and kernel time
	MetricMemUsage  = "mem_usage"
	MetricTotalTime = "total_time" // wall time
)

// Unit is what the values of a metric are counted in.
type Unit string

// The units.
const (
	UnitSeconds Unit = "s"
	UnitMiB     Unit = "MiB"
)

// JudgedMetric is one of the metrics that are judged of each test.
type JudgedMetric struct {
	Name  string
	Title string // what people call it, within a sentence
	Unit  Unit
	// Timed says that a slow machine makes it greater, for all tests of a run alike.
	Timed bool
	// Of returns the metric of a sample; NaN when absent.
	Of func(s Sample) float64
}

// JudgedMetrics are the metrics that are judged, in the order in which reports list those of one test.
var JudgedMetrics = [...]JudgedMetric{
	{MetricCPUTime, "CPU time", UnitSeconds, true, func(s Sample) float64 { return s.CPUTime }},
	{MetricMemUsage, "memory", UnitMiB, false, func(s Sample) float64 { return s.MemUsage }},
	{MetricTotalTime, "wall time", UnitSeconds, true, func(s Sample) float64 { return s.TotalTime }},
}
