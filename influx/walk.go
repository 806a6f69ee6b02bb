package influx

import (
	"context"
	"errors"
	"slices"
	"sort"
)

// slabPoints is how many candidates are read and put in order at a time, at most.
const slabPoints = 16_384

// count returns how many candidates a scan has in a span.
func (s *Store) count(ctx context.Context, sc *scan, in span) (n int64, err error) {
	err = s.ask(ctx, sc.flux(in)+` |> group() |> count() |> keep(columns: ["_value"])`, sc.params, func(r *record) error {
		found, err := r.integer()
		n += found
		return err
	})
	return n, err
}

// walk goes through the points that a scan chooses in the order of time and hands over those of one slab after the other
// until visit returns false. Where InfluxDB decides alone, slabs that lie within the first *skip candidates are left out,
// and *skip becomes what is left to skip of the next.
func (s *Store) walk(ctx context.Context, sc *scan, skip *int64, visit func(*collector, []*sample) (bool, error)) error {
	w := &walker{store: s, scan: sc, skip: skip, visit: visit}
	return w.walk(ctx)
}

// slab is a span that has at most slabPoints candidates or is a nanosecond long.
type slab struct {
	span
	count int64 // of candidates; what is written meanwhile may add to it
}

// unknown is the count of what was not counted.
const unknown = -1

// walker is a walk on its way.
type walker struct {
	store *Store
	scan  *scan
	skip  *int64
	visit func(*collector, []*sample) (bool, error)
	rate  float64 // candidates of a session, as far as is known
	left  *int64  // how many more are wanted, behind those that are to be skipped; nil for all
}

func (w *walker) walk(ctx context.Context) error {
	rate, known := w.store.hints.rate(w.scan.id())
	if w.rate = rate; known { // of a directed scan where it had many, or has sessions to be cut between
		if err := w.orient(ctx); err != nil {
			return err
		}
	}
	for _, in := range w.scan.spans {
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

// stride returns where to look next: the span or its beginning, with about as many sessions as have the candidates
// that are to be skipped, or else more than are wanted, a slab of them at most. Counting costs what there is to count.
func (w *walker) stride(in span) span {
	inside := w.scan.inside(in)
	want, skip := float64(slabPoints/2), float64(*w.skip)
	if w.scan.exact() {
		if w.left != nil {
			want = min(want, 2*float64(*w.left)+skip)
		}
		want = max(want, skip)
	}
	sessions := max(1, int(min(want/max(w.rate, 0.01), 1e9)))
	if _, begins := slices.BinarySearch(w.scan.starts, in.from); begins {
		sessions--
	}
	if w.scan.directed || sessions >= len(inside) {
		return in
	}
	return span{in.from, inside[sessions]}
}

// descend cuts a span until its parts are slabs.
func (w *walker) descend(ctx context.Context, in span) (more bool, err error) {
	todo := []slab{{in, unknown}}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if more, err := w.try(ctx, &at); err != nil || !more {
			return false, err
		}
		switch {
		case at.count == 0:
		case w.scan.exact() && *w.skip >= at.count:
			*w.skip -= at.count
		case at.count <= slabPoints || at.to-at.from <= 1:
			if more, err := w.read(ctx, at, 0); err != nil || !more {
				return false, err
			}
		default:
			if err := w.orient(ctx); err != nil {
				return false, err
			}
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

// try counts the candidates of a slab, or reads them at once where few are expected. Nothing is left of it then.
func (w *walker) try(ctx context.Context, at *slab) (more bool, err error) {
	if at.count != unknown {
		return true, nil
	}
	if w.few(at.span) {
		if more, err = w.read(ctx, *at, slabPoints); !errors.Is(err, errMany) {
			at.count = 0
			return more, err
		}
	}
	at.count, err = w.store.count(ctx, w.scan, at.span)
	w.learn(*at)
	return true, err
}

// orient looks where metrics are after all, where there are more than a directed scan is expected to have.
func (w *walker) orient(ctx context.Context) (err error) {
	w.scan, err = w.store.oriented(ctx, w.scan)
	return err
}

// few says whether a span is expected to have less than a slab, and something that is not to be skipped.
func (w *walker) few(in span) bool {
	if w.scan.exact() && *w.skip > slabPoints/2 {
		return false
	}
	return w.scan.directed || w.rate*float64(len(w.scan.inside(in))) <= slabPoints
}

// read reads a slab and hands over its points. Fails with errMany where it has more than the limit, if that is not 0.
func (w *walker) read(ctx context.Context, at slab, limit int) (more bool, err error) {
	c, found, err := w.store.points(ctx, w.scan, at.span, limit)
	if err != nil {
		return false, err
	}
	w.learn(slab{at.span, int64(c.read)})
	return w.visit(c, found)
}

// learn notes how many candidates there are for a session.
func (w *walker) learn(at slab) {
	sessions := len(w.scan.inside(at.span))
	if sessions == 0 {
		return
	}
	w.rate = float64(at.count) / float64(sessions)
	w.store.hints.setRate(w.scan.id(), w.rate)
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
	if sc.directed || len(sc.starts) > 0 {
		return nil
	}
	starts, err := s.sessionStarts(ctx)
	sc.starts = starts
	return err
}

// oriented returns a scan that is cut between sessions, though few points were expected of it.
func (s *Store) oriented(ctx context.Context, sc *scan) (*scan, error) {
	if !sc.directed {
		return sc, nil
	}
	c := *sc
	c.directed = false
	return &c, s.orient(ctx, &c)
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
