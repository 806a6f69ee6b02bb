package sqlite

import (
	"context"
	"fmt"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// stretchRuns is how many runs become one stretch, once there are twice as many outside of stretches. The others stay open, so that a
// run that is judged again, or out of order, takes its place.
const stretchRuns = 5

// rollup is what the file has of a branch and class of machine.
type rollup struct {
	id        int64
	stretches []rollupStretch // oldest first
}

type rollupStretch struct {
	id int64
	monitor.Stretch
	open bool
}

// Rollups implements [monitor.RollupStore].
func (db *DB) Rollups(ctx context.Context, q monitor.RollupQuery) (r *monitor.Rollups, steps map[monitor.ResultID][]monitor.RunMark, err error) {
	err = db.readFrom(ctx, db.listers, func(from querier) error {
		steps = map[monitor.ResultID][]monitor.RunMark{}
		b := &rollupBuilder{query: q}
		if q.Run != nil {
			b.ids = make(map[monitor.TestID]uint64, len(q.Run.Tests))
		}
		known, err := rollupOf(ctx, from, q)
		if err != nil {
			return err
		}
		if err := rollupTests(ctx, from, q.Project, b.name); err != nil {
			return err
		}
		if err := db.build(ctx, from, b, known.stretches); err != nil {
			return err
		}
		r = b.finish()
		return each(ctx, from, "SELECT test, metric, started, run, scm_ref FROM rollup_steps WHERE rollup = ? ORDER BY started", []any{known.id},
			func(row scanner) error {
				var test uint64
				var id monitor.ResultID
				mark := monitor.RunMark{}
				if err := row.Scan(&test, &id.Metric, instant{&mark.Started}, &mark.Run, &mark.ScmRef); err != nil {
					return err
				}
				name, ok := b.names.get(int64(test))
				if !ok || q.Run != nil && mark.Started.After(q.Run.Started) {
					return nil
				}
				id.TestID, id.Env = name.TestID, q.Env
				steps[id] = append(steps[id], mark)
				return nil
			})
	})
	return r, steps, err
}

// RollupState implements [monitor.RollupStore]. It does not change when runs become a stretch.
func (db *DB) RollupState(ctx context.Context, q monitor.RollupQuery) (state string, err error) {
	err = db.read(ctx, func(from querier) error {
		known, err := rollupOf(ctx, from, q)
		if n := len(known.stretches); n > 0 {
			runs := 0
			for _, s := range known.stretches {
				runs += s.Runs
			}
			first, last := known.stretches[0].First, known.stretches[n-1].Last
			state = fmt.Sprintf("%d runs from %d to %d %s", runs, first.Started.UnixNano(), last.Started.UnixNano(), last.Run)
		}
		return err
	})
	return state, err
}

// rollupOf finds the stretches of a query, without their contents.
func rollupOf(ctx context.Context, q querier, query monitor.RollupQuery) (r rollup, err error) {
	err = each(ctx, q, "SELECT id FROM rollups WHERE project = ? AND branch = ? AND env = ? AND selection = ?",
		[]any{query.Project, query.Branch, query.Env, query.Selection}, func(row scanner) error { return row.Scan(&r.id) })
	if err != nil || r.id == 0 {
		return r, err
	}
	until, own := int64(math.MaxInt64), ""
	if query.Run != nil {
		until, own = nanoseconds(query.Run.Started), query.Run.Run
	}
	runs := 0
	err = each(ctx, q, `SELECT id, first_run, first_ref, first_ns, last_run, last_ref, last_ns, runs, open FROM rollup_stretches
		WHERE rollup = ? AND last_ns <= ? AND first_ns >= ? AND NOT (open AND last_run = ?) ORDER BY last_ns DESC, id DESC`,
		[]any{r.id, until, nanoseconds(query.Since), own}, func(row scanner) error {
			var s rollupStretch
			err := row.Scan(&s.id, &s.First.Run, &s.First.ScmRef, instant{&s.First.Started}, &s.Last.Run, &s.Last.ScmRef,
				instant{&s.Last.Started}, &s.Runs, &s.open)
			if runs += s.Runs; query.MaxRuns > 0 && runs > query.MaxRuns && err == nil {
				return errEnough
			}
			r.stretches = append(r.stretches, s)
			return err
		})
	if err == errEnough {
		err = nil
	}
	slices.Reverse(r.stretches)
	return r, err
}

// readRollup gives the content of a stretch to decode. Damage is logged, and costs that stretch only: the others tell enough.
func (db *DB) readRollup(ctx context.Context, q querier, stretch int64, decode func(stored []byte) error) error {
	return each(ctx, q, "SELECT content FROM rollup_stretches WHERE id = ?", []any{stretch}, func(row scanner) error {
		var stored []byte
		if err := row.Scan(&stored); err != nil {
			return err
		}
		if damage := decode(stored); damage != nil {
			db.logger.Error("a part of the history of a branch cannot be read", "stretch", stretch, "error", damage)
		}
		return nil
	})
}

// rollupContentOf reads the content of a stretch. It is nil where it is damaged.
func (db *DB) rollupContentOf(ctx context.Context, q querier, stretch int64) (c *rollupContent, err error) {
	err = db.readRollup(ctx, q, stretch, func(stored []byte) (damage error) {
		c, damage = decodeRollup(stored)
		return damage
	})
	return c, err
}

// build gives a builder the contents of stretches. The last runs, with the judged one, become one stretch, or two of equal size.
func (db *DB) build(ctx context.Context, q querier, b *rollupBuilder, stretches []rollupStretch) error {
	var open []rollupStretch
	var contents []*rollupContent
	for _, s := range stretches {
		err := db.readRollup(ctx, q, s.id, func(stored []byte) error {
			if !s.open {
				return b.add(s.Stretch, stored)
			}
			c, damage := decodeRollup(stored)
			if damage == nil {
				open, contents = append(open, s), append(contents, c)
			}
			return damage
		})
		if err != nil {
			return err
		}
	}
	if own := b.query.Run; own != nil {
		open = append(open, rollupStretch{Stretch: monitor.Stretch{First: own.RunMark, Last: own.RunMark, Runs: 1}})
		contents = append(contents, contentOf(own, b.idsOf(own)))
	}
	first := 0
	if len(open) > stretchRuns {
		first = len(open) / 2
	}
	for _, part := range [][2]int{{0, first}, {first, len(open)}} {
		if from, to := part[0], part[1]; from < to {
			stretch := monitor.Stretch{First: open[from].First, Last: open[to-1].Last, Runs: to - from}
			if err := b.add(stretch, medians(contents[from:to]).encode()); err != nil {
				return err
			}
		}
	}
	return nil
}

// rollupBuilder makes rollups of contents.
type rollupBuilder struct {
	query     monitor.RollupQuery
	names     byID[rollupTest]
	last      uint64                    // the greatest id
	ids       map[monitor.TestID]uint64 // nil where no run is looked for
	stretches []monitor.Stretch
	contents  []rollupCursor // of the stretches
}

// name notes the name of a test.
func (b *rollupBuilder) name(id uint64, t rollupTest) {
	b.names.set(int64(id), t)
	b.last = max(b.last, id)
	if b.ids != nil {
		b.ids[t.TestID] = id
	}
}

// idsOf returns the ids of the tests of a run. A test that the file does not know gets one that no test has.
func (b *rollupBuilder) idsOf(own *monitor.RunValues) []uint64 {
	ids := make([]uint64, len(own.Tests))
	for i, test := range own.Tests {
		test = nameless(test)
		id, ok := b.ids[test]
		if !ok {
			id = b.last + 1
		}
		b.name(id, rollupTest{test, own.Files[i]})
		ids[i] = id
	}
	return ids
}

func (b *rollupBuilder) add(s monitor.Stretch, content []byte) error {
	c, err := openRollup(content)
	if err == nil {
		b.stretches, b.contents = append(b.stretches, s), append(b.contents, c)
	}
	return err
}

// finish puts the contents together, test by test: each has its tests in the order of their ids. Tests of one stretch alone do not
// grow, and where names change with each run, nearly all are such tests. So a test has a row from its second stretch on.
func (b *rollupBuilder) finish() *monitor.Rollups {
	r := &monitor.Rollups{Project: b.query.Project, Branch: b.query.Branch, Env: b.query.Env, Stretches: b.stretches}
	most := 0
	for i := range b.contents {
		most = max(most, b.contents[i].tests)
		b.contents[i].next()
	}
	r.Tests, r.Files = make([]monitor.TestID, 0, most), make([]string, 0, most)
	for m := range r.Values {
		r.Values[m] = make([][]float32, 0, most)
	}
	for {
		test, stretches := b.nearest()
		if stretches == 0 {
			return r
		}
		name, known := b.names.get(int64(test))
		if known = known && (stretches > 1 || len(b.contents) == 1); known {
			name.Env = b.query.Env
			r.Tests, r.Files = append(r.Tests, name.TestID), append(r.Files, name.file)
		}
		var rows [judgedMetrics][]float32
		for m := range rows {
			if known {
				rows[m] = slices.Repeat([]float32{float32(math.NaN())}, len(b.contents))
				r.Values[m] = append(r.Values[m], rows[m])
			}
		}
		for i := range b.contents {
			c := &b.contents[i]
			if c.test != test {
				continue
			}
			if known {
				for m := range rows {
					rows[m][i] = c.value(m)
				}
			}
			c.next()
		}
	}
}

// nearest returns the next test of the contents, and how many have it.
func (b *rollupBuilder) nearest() (test uint64, stretches int) {
	for i := range b.contents {
		switch at := b.contents[i].test; {
		case at == 0:
		case stretches == 0 || at < test:
			test, stretches = at, 1
		case at == test:
			stretches++
		}
	}
	return test, stretches
}
