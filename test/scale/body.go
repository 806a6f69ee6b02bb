package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"pymon-bridge/test/harness"
)

// local returns a time as the clock of a machine shows it.
func (m machine) local(t time.Time) time.Time { return t.Add(m.skew).In(m.zone) }

func (c state) body() []byte {
	return fmt.Appendf(nil, `{"cpu_count": %d, "cpu_frequency": %v, "cpu_type": %q, "cpu_vendor": %q, "ram_total": %d, "machine_node": %q, `+
		`"machine_type": %q, "machine_arch": "64bit", "system_info": %q, "python_info": "%s (main, Jun  6 2025, 12:00:00) [GCC 13.2.0]", "h": %q}`,
		c.cpus, c.megahertz, c.kind, c.vendor, c.memory, c.host, c.kind, c.system, c.python, c.hash)
}

// body describes a session, and its end where it is a second time.
func (s *session) body(ended bool) []byte {
	start := s.context.local(s.start)
	b := fmt.Appendf(nil, `{"session_h": %q, "run_date": %q, "scm_ref": %q, "description": %s`,
		s.hash, start.Format(harness.Isoformat), s.commit, s.tags.json())
	if s.plugin {
		_, offset := start.Zone()
		b = fmt.Appendf(b, `, "utc_offset": %d, "method": "m2"`, offset)
	}
	if ended {
		partial, _ := json.Marshal(nullable(s.partial)) // texts never fail
		b = fmt.Appendf(b, `, "exit_status": 0, "collected": %d, "deselected": 0, "partial": %s`, s.collected, partial)
	}
	return append(b, '}')
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (t tags) json() string {
	members := make([]string, len(t))
	for i, tag := range t {
		members[i] = fmt.Sprintf("%q: %q", tag[0], tag[1])
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// append appends a row as the client of its session sends it.
func (r row) append(b []byte, s *session) []byte {
	b = fmt.Appendf(b, `{"session_h": %q, "context_h": %q, "item_start_time": %q, "item_path": %q, "item": %q, "item_variant": %q, `+
		`"item_fs_loc": %q, "kind": "function", "component": %q, "total_time": %v, "user_time": %v, "kernel_time": %v, "cpu_usage": %v, "mem_usage": %v`,
		s.hash, s.context.hash, s.context.local(r.start).Format(harness.Isoformat), r.path, r.item, r.variant, r.file, r.component,
		r.seconds, r.user(), r.kernel(), r.usage(), r.memory)
	if s.plugin {
		b = fmt.Appendf(b, `, "nodeid": "%s::%s", "outcome": %q, "attempts": 1, "setup_time": 0.001, "teardown_time": 0.0005, `+
			`"mem_peak": %v, "mem_test": %v`, r.file, r.variant, r.outcome, 120+r.memory, r.memory)
	}
	return append(b, '}')
}

func (r row) user() float64   { return r.cpu * 0.875 }
func (r row) kernel() float64 { return r.cpu * 0.125 }
func (r row) usage() float64  { return r.cpu / r.seconds }
