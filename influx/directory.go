package influx

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

const (
	// chunk is how many contexts or sessions are read at a time.
	chunk = 500
	// apartChunk is how many are read at a time that lie far apart: so few are in as few series, of the 256 of a project,
	// which the query names. What lies between them is read as well.
	apartChunk = 16
)

// directory is one of the measurements of the metadata bucket, and its field with the hash.
type directory struct{ measurement, field string }

// lookFor chooses entries of a directory.
type lookFor struct {
	project string  // any if empty
	prefix  string  // of the hash
	hash    *string // exactly; nil for any
}

// entry is what is kept in memory of each context or session that a question is about.
type entry struct {
	session
	at int64
}

// entries returns the chosen contexts or sessions in no order, each hash of a project once: where bridges placed one
// at different times, that which was accepted first.
func (s *Store) entries(ctx context.Context, d directory, l lookFor) ([]entry, error) {
	sc := s.directoryScan(d, l)
	times := map[session][]int64{}
	err := s.ask(ctx, sc.flux(everywhere)+` |> group(columns: ["_field"])`+dropped, sc.params, func(r *record) error {
		at, err := r.time()
		if err != nil {
			return err
		}
		id := session{DecodeText(r.text(tagProject)), strings.Clone(DecodeText(r.text("_value")))}
		if strings.HasPrefix(id.hash, l.prefix) {
			times[id] = append(times[id], at)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.firsts(ctx, d, times)
}

func (s *Store) directoryScan(d directory, l lookFor) *scan {
	sc := newScan(s.writer.cfg.MetaBucket, d.measurement, d.field)
	sc.ofProject(l.project)
	if l.hash != nil {
		sc.tags = append(sc.tags, "r.prefix == "+sc.bind(prefix(*l.hash)))
		sc.value = "r._value == " + sc.bind(EncodeText(*l.hash))
	} else if len(l.prefix) >= 2 {
		sc.tags = append(sc.tags, "r.prefix == "+sc.bind(prefix(l.prefix)))
	}
	return sc
}

// firsts returns an entry for each hash, at the time of the one that was accepted first.
func (s *Store) firsts(ctx context.Context, d directory, times map[session][]int64) ([]entry, error) {
	all := make([]entry, 0, len(times))
	for id, at := range times {
		e := entry{session: id, at: at[0]}
		if len(at) > 1 {
			var found []*monitor.Record
			for _, t := range at {
				some, err := s.records(ctx, d, []entry{{session: id, at: t}})
				if err != nil {
					return nil, err
				}
				found = append(found, some...)
			}
			if len(found) > 0 {
				first := slices.MinFunc(found, func(a, b *monitor.Record) int {
					return cmp.Or(a.Received.Compare(b.Received), cmp.Compare(a.Session.Start.UTC, b.Session.Start.UTC))
				})
				e.at = first.Session.Start.UTC
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// records reads the contexts or sessions of some entries, and returns them in the same order.
func (s *Store) records(ctx context.Context, d directory, some []entry) ([]*monitor.Record, error) {
	sc := newScan(s.writer.cfg.MetaBucket, d.measurement, d.field)
	in, wanted := sc.entries(some)
	c := newCollector(tagPrefix, tagProject)
	flux := sc.from(in, sc.tags) + ` |> group(columns: ["_field"])` + dropped
	if err := s.ask(ctx, flux, sc.params, c.add); err != nil {
		return nil, err
	}
	found := make([]*monitor.Record, len(some))
	for _, p := range c.samples {
		rec, id := d.decode(p.row())
		if i, ok := wanted[entry{id, p.at}]; ok {
			found[i] = rec
		}
	}
	return slices.DeleteFunc(found, func(r *monitor.Record) bool { return r == nil }), nil
}

// entries narrows a scan to where some entries are, and returns the number of each.
func (sc *scan) entries(some []entry) (in span, number map[entry]int) {
	in = span{some[0].at, some[0].at + 1}
	number = make(map[entry]int, len(some))
	prefixes := map[string]bool{}
	ofOne := true
	for i, e := range some {
		in.from, in.to = min(in.from, e.at), max(in.to, e.at+1)
		number[e] = i
		prefixes[prefix(e.hash)] = true
		ofOne = ofOne && e.project == some[0].project
	}
	if ofOne {
		sc.ofProject(some[0].project)
	}
	var conditions []string
	for p := range prefixes {
		conditions = append(conditions, "r.prefix == "+sc.bind(p))
	}
	if len(conditions) <= apartChunk {
		sc.tags = append(sc.tags, anyOf(conditions))
	}
	return in, number
}

func (d directory) decode(r Row) (*monitor.Record, session) {
	if d.measurement == ContextMeasurement {
		rec := r.Context()
		return rec, session{rec.Project, rec.Context.H}
	}
	rec := r.Session()
	return rec, session{rec.Project, rec.Session.SessionH}
}

// read reads the records of entries, some at a time.
func (s *Store) read(ctx context.Context, d directory, all []entry, some int) iter.Seq2[*monitor.Record, error] {
	return func(yield func(*monitor.Record, error) bool) {
		for part := range slices.Chunk(all, some) {
			found, err := s.records(ctx, d, part)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, rec := range found {
				if !yield(rec, nil) {
					return
				}
			}
		}
	}
}
