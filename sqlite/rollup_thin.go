package sqlite

import (
	"cmp"
	"context"
)

// thinAfter is after how many commits a stretch may lose the tests that no other one has. With fewer, shards would be lost whose runs
// are stretches of their own.
const thinAfter = 8

// thin removes from the older stretches of a rollup the tests that no other stretch has: a suite may have new names in each run. It marks
// the tests that stay. A test that its first two stretches have stays as long as these. The caller holds keeping.
func (db *DB) thin(ctx context.Context, rollup int64, used []bool) error {
	const several = -1
	var stretches []rollupStretch // newest first
	var in []int32                // by test, the place in stretches from 1 on, or several
	err := db.readFrom(ctx, db.listers, func(q querier) error {
		stretches, in = nil, make([]int32, len(used))
		return each(ctx, q, "SELECT id, open, last_ref, last_run, content FROM rollup_stretches WHERE rollup = ? ORDER BY last_ns DESC, id DESC",
			[]any{rollup}, func(row scanner) error {
				var s rollupStretch
				var stored []byte
				err := row.Scan(&s.id, &s.open, &s.Last.ScmRef, &s.Last.Run, &stored)
				stretches = append(stretches, s)
				for c, err := openRollup(stored); err == nil && c.next(); { // nobody reads a damaged one
					switch test := c.test; {
					case test >= uint64(len(in)):
					case in[test] == 0:
						in[test] = int32(len(stretches))
					default:
						in[test] = several
					}
				}
				return err
			})
	})
	if err != nil {
		return err
	}
	from, alone := thinnable(stretches), map[int32][]uint64{}
	for test, place := range in {
		if place > from && !stretches[place-1].open {
			alone[place-1] = append(alone[place-1], uint64(test))
		} else if place != 0 {
			used[test] = true
		}
	}
	for place, tests := range alone {
		if err := db.removeFrom(ctx, stretches[place].id, tests); err != nil {
			return err
		}
	}
	return nil
}

// thinnable returns how many of some stretches, newest first, have too few commits after them.
func thinnable(stretches []rollupStretch) int32 {
	commits := map[string]bool{}
	for i, s := range stretches {
		if len(commits) >= thinAfter {
			return int32(i)
		}
		if !s.open {
			commits[cmp.Or(s.Last.ScmRef, "run "+s.Last.Run)] = true
		}
	}
	return int32(len(stretches))
}

// removeFrom removes some tests, sorted, from a stretch.
func (db *DB) removeFrom(ctx context.Context, stretch int64, tests []uint64) error {
	var c *rollupContent
	err := db.read(ctx, func(q querier) (err error) {
		c, err = db.rollupContentOf(ctx, q, stretch)
		return err
	})
	if err != nil || c == nil {
		return err
	}
	left := c.only(without(c.tests, tests)).encode()
	return db.write(ctx, func(w *writer) error {
		_, err := w.exec("UPDATE rollup_stretches SET content = ? WHERE id = ?", left, stretch)
		return err
	})
}

// without returns the numbers that others do not have. All are sorted.
func without[N cmp.Ordered](numbers, others []N) (rest []N) {
	for _, n := range numbers {
		for len(others) > 0 && others[0] < n {
			others = others[1:]
		}
		if len(others) == 0 || others[0] != n {
			rest = append(rest, n)
		}
	}
	return rest
}

// only returns what a content has of some of its tests, sorted.
func (c *rollupContent) only(tests []uint64) *rollupContent {
	some := &rollupContent{tests: tests}
	at := 0
	for _, test := range tests {
		for c.tests[at] != test {
			at++
		}
		for m := range c.values {
			some.values[m] = append(some.values[m], c.values[m][at])
		}
	}
	return some
}
