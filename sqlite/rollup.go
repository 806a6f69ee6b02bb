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
		known, err := rollupOf(ctx, from, q)
		if err != nil {
			return err
		}
		if b.names, err = rollupTests(ctx, from, q.Project); err != nil {
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
				name, ok := b.names[test]
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

// rollupContentOf reads the content of a stretch. It is nil where it is damaged: the others tell enough.
func (db *DB) rollupContentOf(ctx context.Context, q querier, stretch int64) (c *rollupContent, err error) {
	err = each(ctx, q, "SELECT content FROM rollup_stretches WHERE id = ?", []any{stretch}, func(row scanner) error {
		var stored []byte
		if err := row.Scan(&stored); err != nil {
			return err
		}
		var damage error
		if c, damage = decodeRollup(stored); damage != nil {
			db.logger.Error("a part of the history of a branch cannot be read", "stretch", stretch, "error", damage)
		}
		return nil
	})
	return c, err
}

// build gives a builder the contents of stretches. The last runs, with the judged one, become one stretch, or two of equal size.
func (db *DB) build(ctx context.Context, q querier, b *rollupBuilder, stretches []rollupStretch) error {
	var open []rollupStretch
	var contents []*rollupContent
	b.columns = len(stretches) + 2
	for _, s := range stretches {
		c, err := db.rollupContentOf(ctx, q, s.id)
		switch {
		case err != nil:
			return err
		case c == nil:
		case s.open:
			open, contents = append(open, s), append(contents, c)
		default:
			b.add(s.Stretch, c)
		}
	}
	if own := b.query.Run; own != nil {
		open = append(open, rollupStretch{Stretch: monitor.Stretch{First: own.RunMark, Last: own.RunMark, Runs: 1}})
		contents = append(contents, contentOf(own, b.ids(own)))
	}
	first := 0
	if len(open) > stretchRuns {
		first = len(open) / 2
	}
	for _, part := range [][2]int{{0, first}, {first, len(open)}} {
		if from, to := part[0], part[1]; from < to {
			b.add(monitor.Stretch{First: open[from].First, Last: open[to-1].Last, Runs: to - from}, medians(contents[from:to]))
		}
	}
	return nil
}

// rollupBuilder makes rollups of contents.
type rollupBuilder struct {
	query   monitor.RollupQuery
	names   map[uint64]rollupTest
	places  []int32 // by id, the place in Tests from 1 on, or in once from -1 down
	once    []measuredOnce
	columns int // at most
	result  monitor.Rollups
}

// measuredOnce is what the first stretch that has a test has of it. Tests of one stretch alone do not grow, and where names change with
// each run, nearly all are such tests. So a test has a row from its second stretch on.
type measuredOnce struct {
	test   uint64
	column int
	values [judgedMetrics]float32
}

// ids returns the ids of tests. A test that the file does not know gets one that no test has.
func (b *rollupBuilder) ids(own *monitor.RunValues) []uint64 {
	known, last := make(map[monitor.TestID]uint64, len(b.names)), uint64(0)
	for id, name := range b.names {
		known[name.TestID], last = id, max(last, id)
	}
	ids := make([]uint64, len(own.Tests))
	for i, test := range own.Tests {
		test = nameless(test)
		id, ok := known[test]
		if !ok {
			last++
			id = last
		}
		b.names[id], ids[i] = rollupTest{test, own.Files[i]}, id
	}
	return ids
}

func (b *rollupBuilder) add(s monitor.Stretch, c *rollupContent) {
	column := len(b.result.Stretches)
	b.result.Stretches = append(b.result.Stretches, s)
	for i, id := range c.tests {
		if !b.named(id) {
			continue
		}
		now := measuredOnce{test: id, column: column}
		for m := range now.values {
			now.values[m] = c.values[m][i]
		}
		switch place := b.places[id]; {
		case place == 0:
			b.once = append(b.once, now)
			b.places[id] = -int32(len(b.once))
			continue
		case place < 0:
			b.set(b.once[-place-1])
		}
		b.set(now)
	}
}

// named says whether the name of a test is known. It makes room for the place of one that is.
func (b *rollupBuilder) named(id uint64) bool {
	if id < uint64(len(b.places)) && b.places[id] != 0 {
		return true
	}
	_, known := b.names[id]
	if !known || id > greatestRollupID(len(b.names)) {
		return false
	}
	if id >= uint64(len(b.places)) { // ids have few gaps
		b.places = append(b.places, make([]int32, max(int(id)+1, len(b.names)+1)-len(b.places))...)
	}
	return true
}

// set puts what a stretch has of a test into its row.
func (b *rollupBuilder) set(v measuredOnce) {
	r := &b.result
	if b.places[v.test] <= 0 {
		name := b.names[v.test]
		name.Env = b.query.Env
		r.Tests, r.Files = append(r.Tests, name.TestID), append(r.Files, name.file)
		b.places[v.test] = int32(len(r.Tests))
		for m := range r.Values {
			r.Values[m] = append(r.Values[m], slices.Repeat([]float32{float32(math.NaN())}, b.columns))
		}
	}
	for m := range r.Values {
		r.Values[m][b.places[v.test]-1][v.column] = v.values[m]
	}
}

func (b *rollupBuilder) finish() *monitor.Rollups {
	r := &b.result
	if len(r.Stretches) == 1 {
		for _, v := range b.once {
			b.set(v)
		}
	}
	r.Project, r.Branch, r.Env = b.query.Project, b.query.Branch, b.query.Env
	for m := range r.Values {
		for i := range r.Values[m] {
			r.Values[m][i] = r.Values[m][i][:len(r.Stretches)]
		}
	}
	made := *r // without the names
	return &made
}
