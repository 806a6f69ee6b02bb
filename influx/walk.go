package influx

import (
	"context"
	"slices"
	"sort"
)

const (
	// slabPoints is how many candidates are read and put in order at a time, at most.
	slabPoints = 16_384
	// usualRate is how many candidates are expected of a session before any were counted.
	usualRate = 256
)

// count returns how many candidates a scan has in a span.
func (s *Store) count(ctx context.Context, sc *scan, in span) (n int64, err error) {
	err = s.ask(ctx, sc.flux(in)+` |> group() |> count() |> keep(columns: ["_value"])`, sc.params, func(r *record) error {
		found, err := r.integer()
		n += found
		return err
	})
	return n, err
}

// walk goes through the candidates of a scan in the order of time and hands over one slab after the other until visit
// returns false. Where InfluxDB decides alone, slabs that lie within the first *skip candidates are left out, and
// *skip becomes what is left to skip of the next.
func (s *Store) walk(ctx context.Context, sc *scan, skip *int64, visit func(slab) (bool, error)) error {
	w := &walker{store: s, scan: sc, skip: skip, visit: visit, rate: s.hints.rate()}
	for _, in := range sc.spans {
		for in.from < in.to {
			next := w.stride(in)
			if more, err := w.descend(ctx, next); err != nil || !more {
				return err
			}
			in.from = next.to
		}
	}
	return nil
}

// slab is a span that has at most slabPoints candidates or is a nanosecond long.
type slab struct {
	span
	count int64 // of candidates; what is written meanwhile may add to it
}

// walker is a walk on its way.
type walker struct {
	store *Store
	scan  *scan
	skip  *int64
	visit func(slab) (bool, error)
	rate  float64 // candidates of a session, as far as is known
}

// stride returns where to look next: the span or its beginning, with about as many sessions as have the candidates
// that are to be skipped, or a slab of them. Counting costs what there is to count.
func (w *walker) stride(in span) span {
	inside := w.scan.inside(in)
	want := float64(slabPoints / 2)
	if w.scan.exact() {
		want = max(want, float64(*w.skip))
	}
	sessions := max(1, int(min(want/max(w.rate, 0.01), 1e9)))
	if w.scan.directed || sessions >= len(inside) {
		return in
	}
	return span{in.from, inside[sessions-1]}
}

// descend cuts a span until its parts are slabs.
func (w *walker) descend(ctx context.Context, in span) (more bool, err error) {
	const unknown = -1
	todo := []slab{{in, unknown}}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if at.count == unknown {
			if at.count, err = w.store.count(ctx, w.scan, at.span); err != nil {
				return false, err
			}
			w.learn(at)
		}
		switch {
		case at.count == 0:
		case w.scan.exact() && *w.skip >= at.count:
			*w.skip -= at.count
		case at.count <= slabPoints || at.to-at.from <= 1:
			if more, err := w.visit(at); err != nil || !more {
				return false, err
			}
		default:
			left, right := w.scan.split(at.span)
			n, err := w.store.count(ctx, w.scan, left)
			if err != nil {
				return false, err
			}
			rest := at.count - n
			if rest <= 0 { // unless something was written meanwhile
				rest = unknown
			}
			todo = append(todo, slab{right, rest}, slab{left, n})
		}
	}
	return true, nil
}

// learn notes how many candidates there are for a session.
func (w *walker) learn(at slab) {
	sessions := len(w.scan.inside(at.span))
	if sessions == 0 {
		return
	}
	w.rate = float64(at.count) / float64(sessions)
	if len(w.scan.tags) == 0 && w.scan.value == "" {
		w.store.hints.setRate(w.rate)
	}
}

// inside returns the different starts of sessions by which a span can be cut.
func (s *scan) inside(in span) []int64 {
	from := sort.Search(len(s.starts), func(i int) bool { return s.starts[i] > in.from })
	to := sort.Search(len(s.starts), func(i int) bool { return s.starts[i] >= in.to })
	return s.starts[from:max(from, to)]
}

// split cuts a span in two: between sessions if there are some, else in the middle.
func (s *scan) split(in span) (left, right span) {
	cut := in.from + (in.to-in.from)/2
	if inside := s.inside(in); len(inside) > 0 {
		cut = inside[len(inside)/2]
	}
	return span{in.from, cut}, span{cut, in.to}
}

// orient tells a scan when sessions began, which is where metrics are. It only decides where spans are cut, so that
// what was known a moment ago will do.
func (s *Store) orient(ctx context.Context, sc *scan) error {
	if sc.directed {
		return nil
	}
	starts, err := s.sessionStarts(ctx)
	sc.starts = starts
	return err
}

// sessionStarts returns when sessions began, in order, as known a moment ago.
func (s *Store) sessionStarts(ctx context.Context) ([]int64, error) {
	known, ok := s.hints.sessions(s.writer.cfg.Now())
	if ok {
		return known, nil
	}
	known = nil
	all, err := s.entries(ctx, sessionDirectory, lookFor{})
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		known = append(known, e.at)
	}
	slices.Sort(known)
	known = slices.Compact(known)
	s.hints.setSessions(s.writer.cfg.Now(), known)
	return known, nil
}
