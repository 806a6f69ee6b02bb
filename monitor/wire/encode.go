package wire

import (
	"bytes"
	"math"
	"strconv"

	"pymon-bridge/monitor"
)

// AppendContext appends a context as one JSON object. Its hash is there twice: pytest-monitor reads `h`, and the Python
// client monitor_api reads `context_h`.
func AppendContext(dst []byte, c *monitor.Context) []byte {
	dst = AppendText(append(dst, `{"h":`...), c.H)
	dst = AppendText(append(dst, `,"context_h":`...), c.H)
	dst = strconv.AppendInt(append(dst, `,"cpu_count":`...), c.CPUCount, 10)
	dst = AppendFrequency(append(dst, `,"cpu_frequency":`...), c.CPUFrequency)
	dst = AppendText(append(dst, `,"cpu_type":`...), c.CPUType)
	dst = AppendNullable(append(dst, `,"cpu_vendor":`...), c.CPUVendor)
	dst = strconv.AppendInt(append(dst, `,"ram_total":`...), c.RAMTotal, 10)
	dst = AppendText(append(dst, `,"machine_node":`...), c.MachineNode)
	dst = AppendText(append(dst, `,"machine_type":`...), c.MachineType)
	dst = AppendText(append(dst, `,"machine_arch":`...), c.MachineArch)
	dst = AppendText(append(dst, `,"system_info":`...), c.SystemInfo)
	dst = AppendText(append(dst, `,"python_info":`...), c.PythonInfo)
	return append(dst, '}')
}

// AppendSession appends a session as one JSON object, with its description as the list `tags`. Members that pytest-monitor
// does not know are there only if the client sent them.
func AppendSession(dst []byte, s *monitor.Session) []byte {
	dst = AppendText(append(dst, `{"session_h":`...), s.SessionH)
	dst = AppendText(append(dst, `,"run_date":`...), s.RunDate)
	dst = AppendNullable(append(dst, `,"scm_ref":`...), s.ScmRef)
	dst = AppendTags(append(dst, `,"tags":`...), s.Tags)
	if s.StatesOffset {
		dst = strconv.AppendInt(append(dst, `,"utc_offset":`...), int64(s.Start.Offset), 10)
	}
	if s.Method != "" {
		dst = AppendText(append(dst, `,"method":`...), s.Method)
	}
	if s.Completion != monitor.CompletionUnknown {
		dst = AppendText(append(dst, `,"completion":`...), string(s.Completion))
		dst = strconv.AppendInt(append(dst, `,"exit_status":`...), s.ExitStatus, 10)
		dst = strconv.AppendInt(append(dst, `,"collected":`...), s.Collected, 10)
		dst = strconv.AppendInt(append(dst, `,"deselected":`...), s.Deselected, 10)
		dst = AppendNullable(append(dst, `,"partial":`...), monitor.Text{String: s.Reason, Null: s.Completion != monitor.Partial})
	}
	return append(dst, '}')
}

// AppendTags appends tags as a list of objects with `name` and `value`.
func AppendTags(dst []byte, tags []monitor.Tag) []byte {
	dst = append(dst, '[')
	for i, tag := range tags {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendText(append(dst, `{"name":`...), tag.Name)
		dst = AppendNullable(append(dst, `,"value":`...), tag.Value)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// AppendMetric appends a metric as one JSON object with its 14 fields. Absent floats are null.
func AppendMetric(dst []byte, m *monitor.Metric) []byte { return appendMetric(dst, m, "null") }

// appendMetric appends a metric. absent stands for a float that is absent.
func appendMetric(dst []byte, m *monitor.Metric, absent string) []byte {
	dst = append(dst, '{')
	for i, s := range m.Texts() {
		dst = AppendText(appendName(dst, i), *s)
	}
	for i, f := range m.Values() {
		if dst = appendName(dst, len(monitor.MetricTexts)+i); math.IsNaN(*f) {
			dst = append(dst, absent...)
		} else {
			dst = AppendNumber(dst, *f)
		}
	}
	return append(dst, '}')
}

// AppendOutcome appends an outcome as one JSON object, in the shape in which clients send it. Absent floats are null.
func AppendOutcome(dst []byte, o *monitor.Outcome) []byte {
	dst = AppendMetric(dst, &o.Metric)
	dst = AppendText(append(dst[:len(dst)-1], `,"nodeid":`...), o.NodeID)
	dst = AppendText(append(dst, `,"outcome":`...), o.Outcome)
	dst = strconv.AppendInt(append(dst, `,"attempts":`...), o.Attempts, 10)
	for i, f := range [...]float64{o.SetupTime, o.TeardownTime, o.MemPeak, o.MemTest} {
		dst = append(append(append(dst, `,"`...), measuredNames[setupTime+i]...), `":`...)
		dst = AppendNumber(dst, f)
	}
	return append(dst, '}')
}

// appendName appends the name of the i-th field of a metric.
func appendName(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return append(append(append(dst, '"'), MetricNames[i]...), `":`...)
}

// AppendNullable appends a text in quotes as [AppendText] does, or null.
func AppendNullable(dst []byte, t monitor.Text) []byte {
	if t.Null {
		return append(dst, "null"...)
	}
	return AppendText(dst, t.String)
}

// AppendNumber appends a float as Python prints it, or null when it is absent.
func AppendNumber(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return appendFloat(dst, f)
}

// AppendFrequency appends the clock frequency of a context as [AppendNumber] does. A whole number has no fraction, since
// the reference server has integers.
func AppendFrequency(dst []byte, mhz float64) []byte {
	return bytes.TrimSuffix(AppendNumber(dst, mhz), []byte(".0"))
}
