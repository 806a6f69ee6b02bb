package wire

import (
	"fmt"
	"math"

	"pymon-bridge/monitor"
)

var contextNames = []string{"cpu_count", "cpu_frequency", "cpu_type", "cpu_vendor", "ram_total", "machine_node",
	"machine_type", "machine_arch", "system_info", "python_info", "h", "ram_tota"}

// DecodeContext reads the body of `POST /contexts/`. All fields except cpu_vendor are required. Texts except h may be
// null. Whole numbers may be written as floats. `ram_tota`, the spelling in the plugin's documentation, counts as
// ram_total. The error is an EInvalid that names each wrong field.
func DecodeContext(body []byte) (*monitor.Context, error) {
	var values [12]value
	f, err := scanFields("context", body, contextNames, values[:])
	if err != nil {
		return nil, err
	}
	if values[4].kind == missing {
		values[4] = values[11]
	}
	c := &monitor.Context{
		CPUCount:     f.integer(0),
		CPUFrequency: f.float(1),
		CPUType:      f.nullable(2).String,
		CPUVendor:    f.optional(3),
		RAMTotal:     f.integer(4),
		MachineNode:  f.nullable(5).String,
		MachineType:  f.nullable(6).String,
		MachineArch:  f.nullable(7).String,
		SystemInfo:   f.nullable(8).String,
		PythonInfo:   f.nullable(9).String,
		H:            f.text(10),
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return c, c.Validate()
}

var sessionNames = []string{"session_h", "run_date", "scm_ref", "description", "utc_offset", "method", "exit_status", "collected",
	"deselected", "partial"}

// maxOffset is the greatest offset from UTC that a client may state, in seconds. The offsets of clocks are smaller.
const maxOffset = 14 * 3600

// DecodeSession reads the body of `POST /sessions/`. session_h, run_date, scm_ref and description are required. scm_ref and
// description may be null. The description is an object (clients from 1.6.1), the text of an object (1.4.0 to 1.6.0), or a
// plain text (before 1.4.0). It has at most [monitor.MaxTags] members. The error is an EInvalid that names each wrong field.
//
// This project's plugin sends more. utc_offset is the offset of its clock in seconds, and method its method of measuring.
// With exit_status the session has ended: then collected and deselected are required, and partial says why the session did
// not run the whole suite.
func DecodeSession(body []byte) (*monitor.Session, error) {
	var values [10]value
	f, err := scanFields("session", body, sessionNames, values[:])
	if err != nil {
		return nil, err
	}
	s := &monitor.Session{SessionH: f.text(0), RunDate: f.text(1), ScmRef: f.nullable(2)}
	switch values[3].kind {
	case object:
		s.Description = string(values[3].raw)
	case text:
		s.Description = unquote(values[3].raw)
	case null:
	default:
		f.problem(3, "an object of texts, or a text")
	}
	if f.has(4) {
		s.StatesOffset, s.Start.Offset = true, int32(f.within(4, -maxOffset, maxOffset))
	}
	s.Method = f.optional(5).String
	if f.has(6) {
		s.End = monitor.End{ExitStatus: f.integer(6), Collected: f.within(7, 0, math.MaxInt64),
			Deselected: f.within(8, 0, math.MaxInt64), Reason: f.optional(9).String}
		s.Completion = monitor.Complete
		if f.has(9) {
			s.Completion = monitor.Partial
			if f.values[9].kind == text && s.Reason == "" {
				f.problem(9, "null or a non-empty text")
			}
		}
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	tags, n := parseDescription(s.Description, monitor.MaxTags)
	if n > monitor.MaxTags {
		return nil, &monitor.Error{Code: monitor.EInvalid, Message: "invalid session", Fields: map[string]string{
			"description": fmt.Sprintf("expected at most %d tags, got %d", monitor.MaxTags, n)}}
	}
	s.Tags = tags
	return s, s.Validate()
}
