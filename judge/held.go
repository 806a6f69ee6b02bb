package judge

import (
	"context"
	"iter"

	"pymon-bridge/monitor"
)

// held has the measurements of runs that several runs of a commit are compared with, so that the jobs of a commit read their common
// history once. It takes 48 bytes for each measurement. All reports under way share [Judge.MaxHeld]. What has no room is read
// again.
type held struct {
	judge *Judge
	read  monitor.SampleReader
	last  map[string]int // by run, the last comparison that it is in
	now   int            // comparison
	runs  map[heldRun]*heldSamples
}

type heldRun struct {
	id   string
	sort monitor.Sort
}

// heldSamples are the measurements of a run.
type heldSamples struct {
	complete bool
	room     int // for how many measurements there is room in the end
	samples  []heldSample
	origins  []heldOrigin
}

type heldSample struct {
	series          *monitor.Series
	start           int64
	total, cpu, mem float64
	origin          int // index
}

// heldOrigin is what neighbours have in common.
type heldOrigin struct{ session, env, location string }

// hold returns what holds measurements for some comparisons, in the order in which they are judged.
func (j *Judge) hold(comparisons []monitor.Comparison) *held {
	h := &held{judge: j, read: j.history, last: map[string]int{}, runs: map[heldRun]*heldSamples{}}
	if history, ok := j.history.(monitor.SampleReaders); ok {
		h.read = history.SampleReader()
	}
	for i, c := range comparisons {
		for _, runs := range [][]*monitor.RunInfo{c.Baseline, c.Window} {
			for _, run := range runs {
				h.last[run.ID] = i
			}
		}
	}
	return h
}

// next drops what no later comparison has.
func (h *held) next() {
	for run := range h.runs {
		if h.last[run.id] <= h.now {
			h.drop(run)
		}
	}
	h.now++
}

// close drops everything.
func (h *held) close() {
	for run := range h.runs {
		h.drop(run)
	}
}

func (h *held) drop(run heldRun) {
	h.judge.holding.Add(-int64(h.runs[run].room))
	delete(h.runs, run)
}

// samples gives the measurements of some runs, in any order. It reads those that are not held.
func (h *held) samples(ctx context.Context, sort monitor.Sort, runs []*monitor.RunInfo) iter.Seq2[monitor.Sample, error] {
	return func(yield func(monitor.Sample, error) bool) {
		var unread []*monitor.RunInfo
		for _, run := range runs {
			kept := h.runs[heldRun{run.ID, sort}]
			if kept == nil || !kept.complete {
				unread = append(unread, run)
				continue
			}
			for i := range kept.samples {
				s, from := &kept.samples[i], &kept.origins[kept.samples[i].origin]
				if !yield(monitor.Sample{Run: run, Session: from.session, Series: s.series, Env: from.env, Location: from.location,
					Start: s.start, TotalTime: s.total, CPUTime: s.cpu, MemUsage: s.mem}, nil) {
					return
				}
			}
		}
		if len(unread) == 0 {
			return
		}
		keep := map[*monitor.RunInfo]*heldSamples{}
		for _, run := range unread {
			if kept := h.begin(run, sort); kept != nil {
				keep[run] = kept
			}
		}
		for s, err := range h.read.Samples(ctx, sort, unread) {
			if kept := keep[s.Run]; kept != nil && !kept.add(s) {
				h.drop(heldRun{s.Run.ID, sort})
				delete(keep, s.Run)
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
		for _, kept := range keep {
			kept.complete = true
		}
	}
}

// begin makes room for the measurements of a run. It returns nil where no later comparison has the run, and where there is no room.
func (h *held) begin(run *monitor.RunInfo, sort monitor.Sort) *heldSamples {
	if h.last[run.ID] <= h.now {
		return nil
	}
	of := heldRun{run.ID, sort}
	if h.runs[of] != nil { // its reading ended early
		h.drop(of)
	}
	room := measurements([]*monitor.RunInfo{run})
	if h.judge.holding.Add(int64(room)) > int64(h.judge.MaxHeld) {
		h.judge.holding.Add(-int64(room))
		return nil
	}
	h.runs[of] = &heldSamples{room: room, samples: make([]heldSample, 0, room)}
	return h.runs[of]
}

// add returns false when the run has more measurements than there is room for: some have arrived meanwhile.
func (k *heldSamples) add(s monitor.Sample) bool {
	if len(k.samples) == k.room {
		return false
	}
	from := heldOrigin{s.Session, s.Env, s.Location}
	if n := len(k.origins); n == 0 || k.origins[n-1] != from {
		k.origins = append(k.origins, from)
	}
	k.samples = append(k.samples, heldSample{series: s.Series, start: s.Start, total: s.TotalTime, cpu: s.CPUTime, mem: s.MemUsage,
		origin: len(k.origins) - 1})
	return true
}
