package sqlite

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
)

const (
	// suspectsAtOnce is how many outcomes one transaction of the search reads.
	suspectsAtOnce = 10_000
	// sessionsAtOnce is how many sessions one transaction of the search reads.
	sessionsAtOnce = 10
)

// run finds the flaky tests, in order.
func (s *flakySearch) run(query monitor.FlakyQuery) error {
	suspects, err := readPart(s.ctx, s.db, func(q querier) ([]suspect, error) {
		if err := s.chooseRuns(q, query); err != nil {
			return nil, err
		}
		if err := s.readPlaces(q); err != nil {
			return nil, err
		}
		return s.suspects(q)
	})
	if err != nil {
		return err
	}
	for part := range slices.Chunk(suspects, suspectsAtOnce) {
		if err := s.db.readFrom(s.ctx, s.db.listers, func(q querier) error { return s.add(q, part) }); err != nil {
			return err
		}
	}
	for _, g := range s.groups {
		if err := s.compare(g); err != nil {
			return err
		}
	}
	for _, t := range s.tests {
		if t.seq != 0 {
			s.found = append(s.found, t)
		}
	}
	slices.SortFunc(s.found, newestFirst)
	return nil
}

// newestFirst orders flaky tests.
func newestFirst(a, b *flaky) int {
	return cmp.Or(cmp.Compare(b.utc, a.utc), cmp.Compare(b.seq, a.seq))
}

// testKey tells tests apart. Several tests can have one series, since pytest-monitor leaves out classes.
type testKey struct {
	series int64
	node   [32]byte // hash of the node id, which can be long, without the addresses of objects
}

func keyOf(series int64, node string) testKey {
	return testKey{series, monitor.HashOf("", monitor.StableText(node))}
}

// suspect is an outcome that makes a flaky test possible.
type suspect struct {
	seq, utc, series, session int64
	retried                   bool
}

// suspects reads the outcomes that failed in circumstances that other sessions share, or that were retried.
func (s *flakySearch) suspects(q querier) (found []suspect, err error) {
	err = each(s.ctx, q, "SELECT m.seq, m.utc_ns, m.series, m.session, m.outcome = '"+monitor.Passed+"' FROM outcomes m INDEXED BY outcomes_unusual WHERE "+
		isUnusual+" AND m.utc_ns >= ? AND m.outcome IN "+worksOrNot, []any{s.from}, func(row scanner) error {
		var o suspect
		err := row.Scan(&o.seq, &o.utc, &o.series, &o.session, &o.retried)
		if of := s.sessions[o.session]; of != nil && (of.contradicts || o.retried) {
			found = append(found, o)
		}
		return err
	})
	return found, err
}

// add finds the tests of suspects.
func (s *flakySearch) add(q querier, suspects []suspect) error {
	bySeq := make(map[int64]suspect, len(suspects))
	for _, o := range suspects {
		bySeq[o.seq] = o
	}
	return each(s.ctx, q, "SELECT seq, context, node_id FROM outcomes WHERE seq IN (SELECT value FROM json_each(?))",
		[]any{jsonList(slices.Collect(maps.Keys(bySeq)))}, func(row scanner) error {
			var seq, context int64
			var node string
			if err := row.Scan(&seq, &context, &node); err != nil {
				return err
			}
			o := bySeq[seq]
			at := s.places[visit{o.session, context}]
			if at == nil {
				return nil
			}
			key := keyOf(o.series, node)
			t := s.tests[key]
			if t == nil {
				t = &flaky{key: key}
				s.tests[key] = t
			}
			if o.retried {
				t.show(o.seq, o.utc, at)
			} else if at.group != nil && len(at.group.sessions) > 1 {
				at.group.failed[key] = true
			}
			return nil
		})
}

// compare finds the tests that passed and failed in one group. The newest outcome of the group shows it.
func (s *flakySearch) compare(g *group) error {
	passed, newest := make(map[testKey]bool), make(map[testKey]*flaky)
	err := s.scan(g.sessions, maps.Keys(g.failed), func(key testKey, o outcomeAt) {
		if o.at.group != g || !g.failed[key] {
			return
		}
		passed[key] = passed[key] || o.passed
		if newest[key] == nil {
			newest[key] = &flaky{}
		}
		newest[key].show(o.seq, o.utc, o.at)
	})
	for key, last := range newest {
		if passed[key] {
			s.tests[key].show(last.seq, last.utc, last.at)
		}
	}
	return err
}

// outcomeAt is an outcome without its texts.
type outcomeAt struct {
	seq, utc, attempts int64
	passed             bool
	at                 *place
}

// scan reads the outcomes of some tests, and of others of the same series, in some sessions, one session after the other. Of many runs it
// takes long, so other projects read between its parts.
func (s *flakySearch) scan(sessions []int64, tests iter.Seq[testKey], each func(testKey, outcomeAt)) error {
	series := make(map[int64]bool)
	for key := range tests {
		series[key.series] = true
	}
	if len(series) == 0 {
		return nil
	}
	list := jsonList(slices.Collect(maps.Keys(series)))
	for part := range slices.Chunk(sessions, sessionsAtOnce) {
		err := s.db.readFrom(s.ctx, s.db.listers, func(q querier) error { return s.scanPart(q, jsonList(part), list, each) })
		if err == nil {
			err = turns.FromContext(s.ctx).Pass(s.ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *flakySearch) scanPart(q querier, sessions, series any, found func(testKey, outcomeAt)) error {
	return each(s.ctx, q, `SELECT m.seq, m.series, m.session, m.context, m.utc_ns, m.outcome = '`+monitor.Passed+`', m.attempts, m.node_id
		FROM json_each(?) v CROSS JOIN outcomes m INDEXED BY outcomes_session ON m.session = v.value
		WHERE m.series IN (SELECT value FROM json_each(?)) AND m.outcome IN `+worksOrNot, []any{sessions, series}, func(row scanner) error {
		var o outcomeAt
		var v visit
		var of int64
		var node string
		err := row.Scan(&o.seq, &of, &v.session, &v.context, &o.utc, &o.passed, &o.attempts, &node)
		if o.at = s.places[v]; err == nil && o.at != nil {
			found(keyOf(of, node), o)
		}
		return err
	})
}
