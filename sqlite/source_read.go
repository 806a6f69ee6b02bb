package sqlite

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// maxImported is the size in bytes of the largest record that is imported, as large as the largest request of a client.
const maxImported = 4 << 20

// batcher collects the records of a file in batches.
type batcher struct {
	records int
	flush   func(recs []*monitor.Record) error
	skip    func(reason string)

	recs  []*monitor.Record
	bytes int
}

// Read calls do with batches of up to so many records, in an order in which they can be accepted, and skip with the reason for
// each record that cannot be one. The records of a `.pymon` file have no project.
func (s *Source) Read(ctx context.Context, records int, do func(recs []*monitor.Record) error, skip func(reason string)) error {
	out := &batcher{records: records, flush: withoutAhead(do, skip), skip: skip}
	if err := s.rows.read(ctx, s, out); err != nil {
		return err
	}
	if err := s.raw.changed(); err != nil {
		return err
	}
	return out.end()
}

// add adds a record, unless it or its problem says that it cannot be one.
func (b *batcher) add(rec *monitor.Record, err error) error {
	if err == nil {
		err = validate(rec)
	}
	if err == nil && rec.Placed() {
		err = rec.CheckDecided(time.Now())
	}
	if err != nil {
		b.skip(reasonOf(rec.Class(), err))
		return nil
	}
	size := rec.Size()
	if len(b.recs) > 0 && b.bytes+size > maxImported {
		if err := b.end(); err != nil {
			return err
		}
	}
	b.recs, b.bytes = append(b.recs, rec), b.bytes+size
	if len(b.recs) < b.records {
		return nil
	}
	return b.end()
}

// end gives the last records away.
func (b *batcher) end() error {
	recs := b.recs
	b.recs, b.bytes = make([]*monitor.Record, 0, b.records), 0
	if len(recs) == 0 {
		return nil
	}
	return b.flush(recs)
}

func validate(rec *monitor.Record) error {
	if rec.Size() > maxImported {
		return monitor.Errorf(monitor.EInvalid, "expected at most %d MiB", maxImported>>20)
	}
	switch {
	case rec.Context != nil:
		return rec.Context.Validate()
	case rec.Session != nil:
		if n := len(rec.Session.Tags); n > monitor.MaxTags {
			return monitor.Errorf(monitor.EInvalid, "description: expected at most %d tags", monitor.MaxTags)
		}
		return rec.Session.Validate()
	case rec.Outcome != nil:
		return rec.Outcome.Validate()
	}
	return rec.Metric.Validate()
}

// reasonOf says in one line why a record cannot be one. Records with the same fault have the same reason.
func reasonOf(class monitor.Class, err error) string {
	reason := err.Error()
	if e, ok := errors.AsType[*monitor.Error](err); ok && len(e.Fields) > 0 {
		var all []string
		for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
			all = append(all, field+": "+e.Fields[field])
		}
		reason = strings.Join(all, "; ")
	}
	return string(class) + ": " + reason
}

// bridgeRows reads the file of a bridge in the order of acceptance.
type bridgeRows struct{}

// read reads the records as they are stored. Contexts arrive now: nothing tells when they were in use.
func (bridgeRows) read(ctx context.Context, s *Source, out *batcher) error {
	now := time.Now()
	known := map[[2]string]bool{} // sessions. One that has ended has two numbers
	for after := uint64(0); ; {
		pending, complete, err := next(ctx, s.pool, newClause("seq > ?", after), out.records)
		if err != nil {
			return s.unreadable(err)
		}
		for _, p := range pending {
			if after = p.Seq; hidden(p.Project) {
				continue
			}
			if p.Session != nil {
				key := [2]string{p.Project, p.Session.SessionH}
				if known[key] {
					continue
				}
				known[key] = true
			}
			p.Import = &monitor.Import{Placed: true, Origin: p.Pinned}
			if p.Context != nil {
				p.Received = now
			}
			p.Seq = 0
			if err := out.add(p.Record, nil); err != nil {
				return err
			}
		}
		if complete {
			return nil
		}
	}
}
