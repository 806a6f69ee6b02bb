package sqlite

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"pymon-bridge/monitor"
)

// FlakyTests implements [monitor.Store]. It finds all flaky tests before it reads the texts of the first one, since their
// order depends on all outcomes. It has some numbers of each flaky test in memory.
func (db *DB) FlakyTests(ctx context.Context, query monitor.FlakyQuery, p monitor.Page) iter.Seq2[*monitor.FlakyTest, error] {
	return func(yield func(*monitor.FlakyTest, error) bool) {
		s := newFlakySearch(ctx, db)
		if err := s.run(query); err != nil {
			yield(nil, err)
			return
		}
		rest := s.found[min(max(0, p.Offset), int64(len(s.found))):]
		find := func(_ context.Context, _ querier, w wanted[flaky]) (part []flaky, err error) {
			part = rest[:min(w.max, int64(len(rest)))]
			rest = rest[len(part):]
			return part, nil
		}
		stream(ctx, db, monitor.Page{Limit: p.Limit}, lister[flaky, *monitor.FlakyTest]{find, s.read})(yield)
	}
}

// CountFlakyTests implements [monitor.Store].
func (db *DB) CountFlakyTests(ctx context.Context, query monitor.FlakyQuery) (int64, error) {
	s := newFlakySearch(ctx, db)
	err := s.run(query)
	return int64(len(s.found)), err
}

// flaky is a flaky test without its texts.
type flaky struct {
	seq, utc                      int64 // of the newest outcome that shows it; 0 when none does
	at                            *place
	runs, passed, failed, retried int64
}

// read reads the texts of some tests.
func (s *flakySearch) read(ctx context.Context, q querier, tests []flaky, left *budget) ([]*monitor.FlakyTest, error) {
	positions := make([]position, len(tests))
	for i, t := range tests {
		positions[i].seq = t.seq
	}
	records, err := rowsAt(ctx, q, true, positions, left, func(rec *monitor.Record) *monitor.Record { return rec })
	if err != nil {
		return nil, err
	}
	items := make([]*monitor.FlakyTest, len(tests))
	for i, t := range tests {
		items[i] = &monitor.FlakyTest{Project: records[i].Project, Seen: records[i].Outcome, ScmRef: t.at.scmRef,
			Run: s.runs[t.at.run].id, Runs: t.runs, Passed: t.passed, Failed: t.failed, Retried: t.retried}
	}
	return items, nil
}

// tried is a test of which outcomes are being read.
type tried struct {
	flaky
	in     map[int]bool // runs by index
	became map[*group]results
}

// results says what a test did in some circumstances.
type results struct{ passed, failed bool }

// add adds an outcome to those before it.
func (t *tried) add(seq, utc int64, at *place, passed bool, attempts int64) {
	became := t.became[at.group]
	if passed {
		became.passed = true
		t.passed++
	} else {
		became.failed = true
		t.failed++
	}
	retried := passed && attempts > 1
	if retried {
		t.retried++
	}
	if at.group != nil {
		t.became[at.group] = became
	}
	if retried || became.passed && became.failed {
		t.seq, t.utc, t.at = seq, utc, at
	}
	t.in[at.run] = true
	t.runs = int64(len(t.in))
}

// judge reads the outcomes of a series in the order of time. Several tests can have one series, since pytest-monitor
// leaves out classes.
func (s *flakySearch) judge(q querier, series int64) error {
	tests := make(map[[32]byte]*tried)
	err := each(s.ctx, q, `SELECT seq, session, context, utc_ns, outcome = '`+monitor.Passed+`', attempts, node_id
		FROM outcomes INDEXED BY outcomes_point
		WHERE series = ? AND utc_ns >= ? AND outcome IN `+worksOrNot+` ORDER BY utc_ns`, []any{series, s.from}, func(row scanner) error {
		var seq, utc, attempts int64
		var v visit
		var passed bool
		var node string
		if err := row.Scan(&seq, &v.session, &v.context, &utc, &passed, &attempts, &node); err != nil {
			return err
		}
		at := s.places[v]
		if at == nil {
			return nil
		}
		key := monitor.HashOf("", monitor.StableText(node)) // node ids can be long
		if tests[key] == nil {
			tests[key] = &tried{in: make(map[int]bool), became: make(map[*group]results)}
		}
		tests[key].add(seq, utc, at, passed, attempts)
		return nil
	})
	for _, t := range tests {
		if t.seq != 0 {
			s.found = append(s.found, t.flaky)
		}
	}
	return err
}

// newestFirst orders flaky tests.
func newestFirst(a, b flaky) int { return cmp.Or(cmp.Compare(b.utc, a.utc), cmp.Compare(b.seq, a.seq)) }

// run finds the flaky tests, in order.
func (s *flakySearch) run(query monitor.FlakyQuery) error {
	candidates, err := readPart(s.ctx, s.db, func(q querier) ([]int64, error) {
		if err := s.chooseRuns(q, query); err != nil {
			return nil, err
		}
		if err := s.readPlaces(q); err != nil {
			return nil, err
		}
		return s.candidates(q)
	})
	if err != nil {
		return err
	}
	for _, series := range candidates {
		if err := s.db.readFrom(s.ctx, s.db.listers, func(q querier) error { return s.judge(q, series) }); err != nil {
			return err
		}
	}
	slices.SortFunc(s.found, newestFirst)
	return nil
}
