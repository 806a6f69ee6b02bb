package sqlite

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"

	"pymon-bridge/monitor"
)

// FlakyTests implements [monitor.Store]. It finds all flaky tests before it reads the texts of the first one, since their
// order depends on all outcomes. It has some numbers of each flaky test in memory. It counts the outcomes of the tests of the
// page only.
func (db *DB) FlakyTests(ctx context.Context, query monitor.FlakyQuery, p monitor.Page) iter.Seq2[*monitor.FlakyTest, error] {
	return func(yield func(*monitor.FlakyTest, error) bool) {
		s := newFlakySearch(ctx, db)
		if err := s.run(query); err != nil {
			yield(nil, err)
			return
		}
		if p.Total != nil {
			*p.Total = int64(len(s.found))
		}
		rest := s.found[min(max(0, p.Offset), int64(len(s.found))):]
		if p.Limit > 0 {
			rest = rest[:min(p.Limit, int64(len(rest)))]
		}
		if err := s.count(rest); err != nil {
			yield(nil, err)
			return
		}
		find := func(_ context.Context, _ querier, w wanted[*flaky]) (part []*flaky, err error) {
			part = rest[:min(w.max, int64(len(rest)))]
			rest = rest[len(part):]
			return part, nil
		}
		stream(ctx, db, monitor.Page{Limit: p.Limit}, lister[*flaky, *monitor.FlakyTest]{find, s.read})(yield)
	}
}

// CountFlakyTests implements [monitor.Store].
func (db *DB) CountFlakyTests(ctx context.Context, query monitor.FlakyQuery) (int64, error) {
	s := newFlakySearch(ctx, db)
	err := s.run(query)
	return int64(len(s.found)), err
}

// flaky is a flaky test without its texts, or one that may be flaky.
type flaky struct {
	key                           testKey
	seq, utc                      int64 // of the newest outcome that shows it; 0 when none does
	at                            *place
	runs, passed, failed, retried int64
	last                          int // run counted last, from 1 on
}

// show notes an outcome that shows that the test is flaky.
func (t *flaky) show(seq, utc int64, at *place) {
	if t.seq == 0 || newestFirst(&flaky{seq: seq, utc: utc}, t) < 0 {
		t.seq, t.utc, t.at = seq, utc, at
	}
}

// count counts the outcomes of some tests in the chosen runs.
func (s *flakySearch) count(tests []*flaky) error {
	wanted, projects := make(map[testKey]*flaky, len(tests)), make(map[string]bool)
	for _, t := range tests {
		wanted[t.key] = t
		projects[s.runs[t.at.run].project] = true
	}
	sessions := slices.SortedFunc(maps.Keys(s.sessions), func(a, b int64) int {
		return cmp.Or(cmp.Compare(s.sessions[a].run, s.sessions[b].run), cmp.Compare(a, b))
	})
	sessions = slices.DeleteFunc(sessions, func(session int64) bool { return !projects[s.runs[s.sessions[session].run].project] })
	return s.scan(sessions, maps.Keys(wanted), func(key testKey, o outcomeAt) {
		if t := wanted[key]; t != nil {
			t.add(o)
		}
	})
}

// add counts an outcome. The outcomes of a run follow each other.
func (t *flaky) add(o outcomeAt) {
	if run := o.at.run + 1; t.last != run {
		t.last = run
		t.runs++
	}
	switch {
	case !o.passed:
		t.failed++
	case o.attempts > 1:
		t.retried++
		fallthrough
	default:
		t.passed++
	}
}

// read reads the texts of some tests.
func (s *flakySearch) read(ctx context.Context, q querier, tests []*flaky, left *budget) ([]*monitor.FlakyTest, error) {
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
