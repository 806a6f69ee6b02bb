package main

import (
	"fmt"
	"net/http"
	"strings"

	"pymon-bridge/test/harness"
)

// linesOfWrite is how many lines a request to InfluxDB has, as InfluxData advises.
const linesOfWrite = 5000

var escape = strings.NewReplacer(",", `\,`, " ", `\ `, "=", `\=`)

// naive writes the schema that follows from the protocol at first sight: all texts of a row are tags, with its hashes of session and
// context, and sessions and contexts are points with their hash as a tag.
type naive struct {
	influx *harness.Influx
	bucket string
	lines  []byte
	count  int
}

// feed writes the same runs as [feeder.feed] and counts them, as far as pytest-monitor knows them: without outcomes.
func (n *naive) feed(t *team, days int, c *counts) error {
	for day := range days {
		for _, r := range t.day(day) {
			c.add(r)
			for _, s := range r.sessions {
				if err := n.session(s); err != nil {
					return err
				}
			}
		}
	}
	return n.flush()
}

func (n *naive) session(s *session) error {
	c, at := s.context, s.context.local(s.start).UnixNano()
	n.lines = fmt.Appendf(n.lines, "sessions,session_h=%s scm_ref=%q,description=%q %d\n", s.hash, s.commit, s.tags.json(), at)
	n.lines = fmt.Appendf(n.lines, "contexts,h=%s cpu_count=%di,cpu_frequency=%v,cpu_vendor=%q,ram_total=%di,machine_node=%q,python_info=%q %d\n",
		c.hash, c.cpus, c.megahertz, c.vendor, c.memory, c.host, c.python, at)
	n.count += 2
	for _, r := range s.rows {
		if r.outcome != "passed" {
			continue
		}
		n.lines = fmt.Appendf(n.lines, "test_metrics,component=%s,context_h=%s,item=%s,item_fs_loc=%s,item_path=%s,item_variant=%s,kind=function,session_h=%s "+
			"total_time=%v,user_time=%v,kernel_time=%v,cpu_usage=%v,mem_usage=%v %d\n",
			r.component, c.hash, r.item, r.file, r.path, escape.Replace(r.variant), s.hash,
			r.seconds, r.user(), r.kernel(), r.usage(), r.memory, s.context.local(r.start).UnixNano())
		if n.count++; n.count >= linesOfWrite {
			if err := n.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *naive) flush() error {
	status, answer := n.influx.TryWrite(n.bucket, string(n.lines))
	n.lines, n.count = n.lines[:0], 0
	if status != http.StatusNoContent {
		return fmt.Errorf("InfluxDB refused lines: %d %.500s", status, answer)
	}
	return nil
}
