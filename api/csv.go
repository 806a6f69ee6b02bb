package api

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// table writes values of type T as CSV (RFC 4180).
type table[T any] struct {
	header []string
	row    func(r *row, v T)
}

func (t *table[T]) appendHeader(dst []byte) []byte {
	r := row{dst: dst}
	for _, name := range t.header {
		r.text(name)
	}
	return r.end()
}

func (t *table[T]) appendRow(dst []byte, v T) []byte {
	r := row{dst: dst}
	t.row(&r, v)
	return r.end()
}

// row is a row of CSV during writing. Package encoding/csv cannot end rows with \r\n without a change of the line breaks
// inside texts.
type row struct {
	dst   []byte
	began bool // the row has a field
}

func (r *row) end() []byte { return append(r.dst, "\r\n"...) }

func (r *row) separate() {
	if r.began {
		r.dst = append(r.dst, ',')
	}
	r.began = true
}

// text writes a text, with quotes if necessary. Invalid UTF-8 becomes U+FFFD, because readers of CSV would refuse the
// whole file.
func (r *row) text(s string) {
	r.separate()
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.ContainsAny(s, "\",\r\n") {
		r.dst = append(r.dst, s...)
		return
	}
	r.dst = append(append(append(r.dst, '"'), strings.ReplaceAll(s, `"`, `""`)...), '"')
}

// nullable writes a text. Null becomes an empty field.
func (r *row) nullable(t monitor.Text) { r.text(t.String) }

func (r *row) integer(n int64) {
	r.separate()
	r.dst = strconv.AppendInt(r.dst, n, 10)
}

// number writes a float with all its digits. NaN and infinities become an empty field.
func (r *row) number(f float64) {
	r.separate()
	if !math.IsNaN(f) && !math.IsInf(f, 0) {
		r.dst = wire.AppendNumber(r.dst, f)
	}
}

func (r *row) frequency(mhz float64) {
	r.separate()
	if !math.IsNaN(mhz) && !math.IsInf(mhz, 0) {
		r.dst = wire.AppendFrequency(r.dst, mhz)
	}
}

func metricTable() *table[*monitor.Metric] {
	return &table[*monitor.Metric]{
		header: wire.MetricNames,
		row:    appendMetric,
	}
}

func appendMetric(r *row, m *monitor.Metric) {
	for _, s := range m.Texts() {
		r.text(*s)
	}
	for _, f := range m.Values() {
		r.number(*f)
	}
}

func outcomeTable() *table[*monitor.Outcome] {
	return &table[*monitor.Outcome]{
		header: append(slices.Clone(wire.MetricNames), "nodeid", "outcome", "attempts", "setup_time", "teardown_time", "mem_peak",
			"mem_test"),
		row: func(r *row, o *monitor.Outcome) {
			appendMetric(r, &o.Metric)
			r.text(o.NodeID)
			r.text(o.Outcome)
			r.integer(o.Attempts)
			for _, f := range [...]float64{o.SetupTime, o.TeardownTime, o.MemPeak, o.MemTest} {
				r.number(f)
			}
		},
	}
}

func sessionTable() *table[*monitor.Session] {
	return &table[*monitor.Session]{
		header: []string{"session_h", "run_date", "scm_ref", "tags"},
		row: func(r *row, s *monitor.Session) {
			r.text(s.SessionH)
			r.text(s.RunDate)
			r.nullable(s.ScmRef)
			r.text(string(wire.AppendTags(nil, s.Tags)))
		},
	}
}

func contextTable() *table[*monitor.Context] {
	return &table[*monitor.Context]{
		header: []string{"h", "context_h", "cpu_count", "cpu_frequency", "cpu_type", "cpu_vendor", "ram_total",
			"machine_node", "machine_type", "machine_arch", "system_info", "python_info"},
		row: func(r *row, c *monitor.Context) {
			r.text(c.H)
			r.text(c.H)
			r.integer(c.CPUCount)
			r.frequency(c.CPUFrequency)
			r.text(c.CPUType)
			r.nullable(c.CPUVendor)
			r.integer(c.RAMTotal)
			for _, s := range [...]string{c.MachineNode, c.MachineType, c.MachineArch, c.SystemInfo, c.PythonInfo} {
				r.text(s)
			}
		},
	}
}

// runTable writes the environments as a JSON array in one field, and the hashes of the sessions as another. It has a column
// for the number of tests with each outcome.
func runTable() *table[*monitor.Run] {
	return &table[*monitor.Run]{
		header: slices.Concat([]string{"project", "run", "scm_ref", "branch", "build", "tags", "environments", "sessions", "tests",
			"modules", "total_time", "user_time", "kernel_time", "started", "ended"}, monitor.Outcomes[:], []string{"completion", "partial", "verdict", "regressions", "suspects", "improvements"}),
		row: func(r *row, run *monitor.Run) {
			first := firstOf(run)
			r.text(run.Project)
			r.text(run.ID)
			r.nullable(first.ScmRef)
			r.text(first.Branch)
			r.text(first.Build)
			r.text(string(wire.AppendTags(nil, tagsOf(run.Sessions))))
			r.text(string(appendArray(nil, run.Environments, wire.AppendText)))
			r.text(string(appendArray(nil, run.Sessions, appendHash)))
			r.integer(run.Tests)
			r.integer(run.Modules)
			for _, f := range [...]float64{run.TotalTime, run.UserTime, run.KernelTime} {
				r.number(f)
			}
			r.text(zoned(run.Started))
			r.text(zoned(run.Ended))
			for _, outcome := range monitor.Outcomes {
				if run.Outcomes == nil {
					r.text("")
				} else {
					r.integer(run.Outcomes[outcome])
				}
			}
			end := endOf(run)
			r.text(string(end.Completion))
			r.text(end.Partial)
			if run.Report == nil {
				for range 4 {
					r.text("")
				}
				return
			}
			r.text(string(run.Report.Verdict))
			r.integer(int64(run.Report.Regressions))
			r.integer(int64(run.Report.Suspects))
			r.integer(int64(run.Report.Improvements))
		},
	}
}

func appendHash(dst []byte, s *monitor.Session) []byte { return wire.AppendText(dst, s.SessionH) }
