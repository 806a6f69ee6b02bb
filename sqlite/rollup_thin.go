package sqlite

import (
	"cmp"
	"context"
	"slices"

	"pymon-bridge/monitor"
)

// thinAfter is after how many commits a stretch loses the tests that no other one has. A test that is measured more rarely than once in
// so many stretches has no history. With fewer, the tests of a nightly job would be lost; with more, a suite whose names change with
// each run would keep more of them.
const thinAfter = 8

// thin returns older stretches without the tests that they alone have, among as many stretches before and after. Such tests do not
// grow, and a suite may have new names in each run.
func (db *DB) thin(ctx context.Context, q querier, n *rolling) (map[int64]*rollupContent, error) {
	query := n.query
	query.MaxRuns = 0
	known, err := rollupOf(ctx, q, query)
	if err != nil {
		return nil, err
	}
	closed := slices.DeleteFunc(known.stretches, func(s rollupStretch) bool { return s.open })
	from := thinnable(closed)
	closed = append(closed, rollupStretch{Stretch: monitor.Stretch{Last: n.open[stretchRuns-1].Last}})
	thinned := map[int64]*rollupContent{}
	for i := from; i < thinnable(closed); i++ {
		c, err := db.rollupContentOf(ctx, q, closed[i].id)
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		alone := without(c.tests, n.stretch.tests)
		for k := max(0, 2*i-len(closed)); k < len(closed)-1 && len(alone) > 0; k++ {
			if k == i {
				continue
			}
			other, err := db.rollupContentOf(ctx, q, closed[k].id)
			if err != nil {
				return nil, err
			}
			if other != nil {
				alone = without(alone, other.tests)
			}
		}
		if len(alone) > 0 {
			thinned[closed[i].id] = c.only(without(c.tests, alone))
		}
	}
	return thinned, nil
}

// thinnable returns how many of some stretches, oldest first, have enough commits after them.
func thinnable(closed []rollupStretch) int {
	commits := map[string]bool{}
	for i := len(closed) - 1; i >= 0; i-- {
		if len(commits) >= thinAfter {
			return i + 1
		}
		commits[cmp.Or(closed[i].Last.ScmRef, "run "+closed[i].Last.Run)] = true
	}
	return 0
}

// without returns the tests that others do not have. All are sorted.
func without(tests, others []uint64) (rest []uint64) {
	for _, test := range tests {
		for len(others) > 0 && others[0] < test {
			others = others[1:]
		}
		if len(others) == 0 || others[0] != test {
			rest = append(rest, test)
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
