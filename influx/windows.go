package influx

import (
	"cmp"
	"slices"
	"time"
)

const (
	// window is how far from a session's start its metrics are looked for at a time.
	window = 12 * time.Hour
	// lull is how long a session has to be silent at the end of a window to have ended.
	lull = 6 * time.Hour
	// between is how many other sessions may lie between two windows that are read as one. Every query costs about
	// what reading that many costs.
	between = 8
)

// windows plans where in time the metrics of some sessions are read, so that what lies between them is not. It reads
// on where a session has not ended.
type windows struct {
	sessions []*progress
	starts   []int64 // of all sessions of the project, in order
	read     []span  // in order and apart
}

// progress is how far the metrics of a session were read.
type progress struct {
	start, end int64 // of what was planned for it
	last       int64 // metric found; 0 for none
}

func newWindows(sessions []*progress, starts []int64) *windows {
	for _, p := range sessions {
		p.end = p.start - int64(beforeSession)
	}
	return &windows{sessions: sessions, starts: starts}
}

// next returns what to read next, nil when all sessions have ended, or are seven days old.
func (w *windows) next() []span {
	for {
		near := w.advance()
		if len(near) == 0 {
			return nil
		}
		if near = without(w.together(near), w.read); len(near) > 0 {
			w.read = w.join(append(w.read, near...), func(a, b span) bool { return b.from <= a.to })
			return near
		}
	}
}

// advance gives a further window to each session that has not ended.
func (w *windows) advance() (near []span) {
	for _, p := range w.sessions {
		if p.end > p.start && p.last < p.end-int64(lull) || p.end >= p.start+int64(afterSession) {
			continue
		}
		from := p.end
		p.end = max(from, p.start) + int64(window)
		near = append(near, span{max(everywhere.from, from), min(everywhere.to, p.end)})
	}
	return near
}

// together joins windows between which there is little.
func (w *windows) together(near []span) []span {
	return w.join(near, func(a, b span) bool {
		if b.from <= a.to {
			return true
		}
		from, _ := slices.BinarySearch(w.starts, a.to)
		to, _ := slices.BinarySearch(w.starts, b.from)
		return to-from <= between
	})
}

// join puts spans in order and joins those for which join holds.
func (w *windows) join(all []span, join func(a, b span) bool) []span {
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var joined []span
	for _, s := range all {
		if n := len(joined); n > 0 && join(joined[n-1], s) {
			joined[n-1].to = max(joined[n-1].to, s.to)
		} else {
			joined = append(joined, s)
		}
	}
	return joined
}

// without returns the parts of spans that are in none of others, which are in order and apart.
func without(spans, others []span) []span {
	var rest []span
	for _, s := range spans {
		for _, o := range others {
			if o.to <= s.from || s.to <= o.from {
				continue
			}
			if s.from < o.from {
				rest = append(rest, span{s.from, o.from})
			}
			s.from = min(s.to, o.to)
		}
		if s.from < s.to {
			rest = append(rest, s)
		}
	}
	return rest
}
