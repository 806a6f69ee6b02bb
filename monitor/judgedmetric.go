package monitor

// The names of the judged metrics in reports and points.
const (
	MetricCPUTime   = "cpu_time" // user and kernel time
	MetricMemUsage  = "mem_usage"
	MetricTotalTime = "total_time" // wall time
)

// Unit is the unit of a metric's values.
type Unit string

// The units.
const (
	UnitSeconds Unit = "s"
	UnitMiB     Unit = "MiB"
)

// JudgedMetric is a metric that is judged for each test.
type JudgedMetric struct {
	Name  string
	Title string // its name in a sentence
	Unit  Unit
	// Timed says that a slow machine makes the value greater, in all tests of a run alike.
	Timed bool
	// Of returns the value of a sample; NaN when absent.
	Of func(s Sample) float64
}

// JudgedMetrics are the judged metrics, in the order in which reports list the results of one test.
var JudgedMetrics = [...]JudgedMetric{
	{MetricCPUTime, "CPU time", UnitSeconds, true, func(s Sample) float64 { return s.CPUTime }},
	{MetricMemUsage, "memory", UnitMiB, false, func(s Sample) float64 { return s.MemUsage }},
	{MetricTotalTime, "wall time", UnitSeconds, true, func(s Sample) float64 { return s.TotalTime }},
}

// JudgedValue returns the value of a judged metric, of the three that were measured.
func JudgedValue(metric string, totalTime, cpuTime, memUsage float64) float64 {
	switch metric {
	case MetricCPUTime:
		return cpuTime
	case MetricMemUsage:
		return memUsage
	}
	return totalTime
}
