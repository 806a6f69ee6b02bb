package influx

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"pymon-bridge/monitor"
)

// briefChunk is how many sessions are read at a time where it is only a field or two of each.
const briefChunk = 4000

// sessionEntries returns the chosen sessions in the order of lists.
func (s *Store) sessionEntries(ctx context.Context, l lookFor) ([]entry, error) {
	all, err := s.entries(ctx, sessionDirectory, l)
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.hash, b.hash), cmp.Compare(a.project, b.project))
	})
	return all, err
}

// brief is a session of which its project, hash and start are known, and besides them only what was asked for.
type brief struct {
	entry
	*monitor.Session
}

// briefs reads some fields of the chosen sessions in the order of lists. A page, a run or a name is found among all
// sessions, so that whatever else these hold is not worth reading.
func (s *Store) briefs(ctx context.Context, l lookFor, fields ...string) iter.Seq2[brief, error] {
	return func(yield func(brief, error) bool) {
		all, err := s.sessionEntries(ctx, l)
		if err != nil {
			yield(brief{}, err)
			return
		}
		for some := range slices.Chunk(all, briefChunk) {
			found, err := s.briefly(ctx, some, fields)
			if err != nil {
				yield(brief{}, err)
				return
			}
			for _, b := range found {
				if !yield(b, nil) {
					return
				}
			}
		}
	}
}

// briefly reads some fields of some sessions. The time of a session and the beginning of its hash say which one it is.
func (s *Store) briefly(ctx context.Context, some []entry, fields []string) ([]brief, error) {
	sc := newScan(s.writer.cfg.MetaBucket, SessionMeasurement, sessionDirectory.field)
	in, _ := sc.entries(some)
	c := newCollector(tagPrefix, tagProject)
	if err := s.ask(ctx, sc.fluxOf(in, fields)+dropped, sc.params, c.add); err != nil {
		return nil, err
	}
	type point struct {
		project, prefix string
		at              int64
	}
	rows := make(map[point]Row, len(c.samples))
	for _, p := range c.samples {
		rows[point{p.texts[0], p.tags[tagPrefix], p.at}] = p.row()
	}
	found := make([]brief, len(some))
	for i, e := range some {
		row := rows[point{e.project, prefix(e.hash), e.at}] // without fields where it has none of them
		row.Time = e.at
		found[i] = brief{e, row.Session().Session}
	}
	return found, nil
}

// Sessions implements [monitor.Store].
func (s *Store) Sessions(ctx context.Context, q monitor.SessionQuery, p monitor.Page) iter.Seq2[*monitor.Session, error] {
	return listed(ctx, func(yield func(*monitor.Session) bool) error {
		all, among, err := s.chosen(ctx, q)
		if err != nil {
			return err
		}
		some := chunk
		if len(all) < among/apartChunk {
			some = apartChunk
		}
		return hand(s.read(ctx, sessionDirectory, part(all, p), some), func(rec *monitor.Record) bool { return yield(rec.Session) })
	})
}

// CountSessions implements [monitor.Store].
func (s *Store) CountSessions(ctx context.Context, q monitor.SessionQuery) (int64, error) {
	all, _, err := s.chosen(ctx, q)
	return int64(len(all)), err
}

// chosen returns the sessions of a query in the order of lists, and among how many they were found.
func (s *Store) chosen(ctx context.Context, q monitor.SessionQuery) (all []entry, among int, err error) {
	look := lookFor{project: q.Project, prefix: q.HashPrefix}
	var matches []monitor.Match
	if q.ScmRef != nil {
		matches = []monitor.Match{*q.ScmRef}
	}
	fields := fieldsOf(matches)
	if len(q.Tags) > 0 {
		fields = append(fields, tagsField)
	}
	if len(fields) == 0 {
		all, err = s.sessionEntries(ctx, look)
		return all, len(all), err
	}
	for b, err := range s.briefs(ctx, look, fields...) {
		if err != nil {
			return nil, 0, err
		}
		if among++; holds(b.Session, matches) && tagged(b.Session, q) {
			all = append(all, b.entry)
		}
	}
	return all, among, nil
}

// tagsField is the field of a session that holds its tags.
const tagsField = "description"

// fieldsOf returns the fields of a session that matches look at.
func fieldsOf(matches []monitor.Match) []string {
	var fields []string
	for _, m := range matches {
		field := tagsField
		if m.Field == monitor.FieldScmRef {
			field = "scm_ref"
		}
		if !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
	}
	return fields
}

// tagged says whether a session has the tags of a query.
func tagged(s *monitor.Session, q monitor.SessionQuery) bool {
	for _, want := range q.Tags {
		text := tagText(s, want.Name).String
		has := text != "" && (want.Value == "" || text == want.Value)
		if has == q.AnyTag {
			return has
		}
	}
	return !q.AnyTag || len(q.Tags) == 0
}
