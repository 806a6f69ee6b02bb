package regress

import (
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// starts says from which point on the levels of a test count.
type starts struct {
	accepted []int          // by test, after the last acceptance
	changed  [metrics][]int // by metric and test, after the last confirmed change or acceptance
}

// newStarts finds the stretches after confirmed changes and acceptances. A stretch within which a change began does not count.
func newStarts(h *pastRuns, steps map[monitor.ResultID][]monitor.RunMark, accepted []monitor.Acceptance) *starts {
	s := &starts{accepted: make([]int, len(h.Tests))}
	for _, a := range accepted {
		first := h.after(func(start time.Time) bool { return start.After(a.Started) })
		for i := range h.Tests {
			file := ""
			if len(h.Files) > 0 {
				file = h.Files[i]
			}
			if first > s.accepted[i] && a.Covers(h.Tests[i], file) {
				s.accepted[i] = first
			}
		}
	}
	for metric := range s.changed {
		s.changed[metric] = slices.Clone(s.accepted)
	}
	if len(steps) == 0 {
		return s
	}
	for metric := range s.changed {
		id := monitor.ResultID{Metric: monitor.JudgedMetrics[metric].Name}
		for i := range h.Tests {
			id.TestID = h.Tests[i]
			for _, run := range steps[id] {
				first := h.after(func(start time.Time) bool { return !start.Before(run.Started) })
				s.changed[metric][i] = max(s.changed[metric][i], first)
			}
		}
	}
	return s
}

// after returns the first point whose first run starts in time; their number if none does.
func (h *pastRuns) after(inTime func(start time.Time) bool) int {
	for at, i := range h.used {
		if inTime(h.Stretches[i].First.Started) {
			return at
		}
	}
	return len(h.used)
}
