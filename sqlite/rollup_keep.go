package sqlite

import (
	"context"
	"maps"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// rolling is a run that is added to the rollups of its branch on one class of machine.
type rolling struct {
	query monitor.RollupQuery
	run   *monitor.RunValues
	own   *rollupContent
	open  []rollupStretch // the runs in no stretch, with the run, oldest first
	// stretch is what the first of them become, nil for nothing.
	stretch *rollupContent
	steps   map[monitor.ResultID]monitor.RunMark
	ids     map[monitor.TestID]uint64
}

// rollUp adds what a run measured to the rollups of its branch and classes of machine. The caller holds keeping.
func (db *DB) rollUp(ctx context.Context, r *monitor.Report) error {
	measured := r.Measured()
	for _, env := range slices.Sorted(maps.Keys(measured)) {
		n := &rolling{run: measured[env], query: monitor.RollupQuery{Project: r.Project, Branch: r.Branch, Env: env,
			Selection: r.Selection, MaxRuns: 4 * stretchRuns}}
		if err := db.prepareRolling(ctx, n); err != nil {
			return err
		}
		if n.open == nil {
			continue
		}
		n.steps = stepsOf(r, env, n.open)
		if err := db.write(ctx, func(w *writer) error { return w.rollUp(n) }); err != nil {
			return err
		}
		if n.stretch == nil {
			continue
		}
		if err := db.sweepRollups(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// prepareRolling does outside of the transaction what takes long. A run that is open is replaced. A run that started before the end
// of a stretch is in it, or comes too late: open is nil then.
func (db *DB) prepareRolling(ctx context.Context, n *rolling) (err error) {
	if n.own, n.ids, err = db.newContent(ctx, n.query.Project, n.run); err != nil {
		return err
	}
	return db.read(ctx, func(q querier) error {
		known, err := rollupOf(ctx, q, n.query)
		if err != nil {
			return err
		}
		n.open = []rollupStretch{{open: true, Stretch: monitor.Stretch{First: n.run.RunMark, Last: n.run.RunMark, Runs: 1}}}
		for _, s := range known.stretches {
			switch {
			case s.open && s.Last.Run != n.run.Run:
				n.open = append(n.open, s)
			case !s.open && !s.Last.Started.Before(n.run.Started):
				n.open = nil
				return nil
			}
		}
		slices.SortFunc(n.open, func(a, b rollupStretch) int {
			if c := a.Last.Started.Compare(b.Last.Started); c != 0 {
				return c
			}
			return strings.Compare(a.Last.Run, b.Last.Run)
		})
		return db.closeStretch(ctx, q, n)
	})
}

// newContent returns what a run measured, and the ids of all tests of the project. It stores the names of new tests.
func (db *DB) newContent(ctx context.Context, project string, run *monitor.RunValues) (*rollupContent, map[monitor.TestID]uint64, error) {
	known, err := db.rollupIDs(ctx, project, run)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]uint64, len(run.Tests))
	for i, test := range run.Tests {
		ids[i] = known[nameless(test)]
	}
	return contentOf(run, ids), known, nil
}

// closeStretch makes a stretch of the first open runs, if there are enough.
func (db *DB) closeStretch(ctx context.Context, q querier, n *rolling) (err error) {
	if len(n.open) < 2*stretchRuns {
		return nil
	}
	var contents []*rollupContent
	for _, s := range n.open[:stretchRuns] {
		c := n.own
		if s.id != 0 {
			if c, err = db.rollupContentOf(ctx, q, s.id); err != nil {
				return err
			}
		}
		if c != nil {
			contents = append(contents, c)
		}
	}
	n.stretch = medians(contents)
	return nil
}

// stepsOf returns where the confirmed changes of a report began. open has the last runs of the branch.
func stepsOf(r *monitor.Report, env string, open []rollupStretch) map[monitor.ResultID]monitor.RunMark {
	steps := map[monitor.ResultID]monitor.RunMark{}
	for i := range r.Results {
		result := &r.Results[i]
		if s := result.Status; result.Env != env || s != monitor.StatusRegression && s != monitor.StatusImprovement && s != monitor.StatusResolved {
			continue
		}
		mark := monitor.RunMark{Run: r.Run, ScmRef: result.FirstBad, Started: r.Started}
		if mark.ScmRef == "" {
			mark.ScmRef = r.ScmRef
		} else if i := slices.IndexFunc(open, func(s rollupStretch) bool { return s.First.ScmRef == mark.ScmRef }); i >= 0 {
			mark = open[i].First
		}
		steps[result.ID()] = mark
	}
	return steps
}

// rollUp stores what was prepared.
func (w *writer) rollUp(n *rolling) error {
	id, err := w.rollupID(n.query)
	if err != nil {
		return err
	}
	add := func(runs []rollupStretch, open bool, c *rollupContent) {
		if err == nil {
			err = w.addStretch(id, monitor.Stretch{First: runs[0].First, Last: runs[len(runs)-1].Last, Runs: len(runs)}, open, c)
		}
	}
	do := func(query string, args ...any) {
		if err == nil {
			_, err = w.exec(query, args...)
		}
	}
	do("DELETE FROM rollup_stretches WHERE rollup = ? AND open AND last_run = ?", id, n.run.Run)
	own := slices.IndexFunc(n.open, func(s rollupStretch) bool { return s.id == 0 })
	if n.stretch == nil || own >= stretchRuns {
		add(n.open[own:own+1], true, n.own)
	}
	if n.stretch != nil {
		for _, s := range n.open[:stretchRuns] {
			do("DELETE FROM rollup_stretches WHERE id = ?", s.id)
		}
		add(n.open[:stretchRuns], false, n.stretch)
		do(`DELETE FROM rollup_stretches WHERE rollup = ?1 AND NOT open AND (last_ns < ?2 OR id IN
			(SELECT id FROM rollup_stretches WHERE rollup = ?1 ORDER BY last_ns DESC LIMIT -1 OFFSET ?3))`,
			id, nanoseconds(n.run.Started.Add(-rollupSpan)), rollupRuns/stretchRuns+2*stretchRuns)
		do("DELETE FROM rollup_steps WHERE rollup = ? AND started < ?", id, nanoseconds(n.run.Started.Add(-rollupSpan)))
	}
	for step, mark := range n.steps { // a regression is said in many reports, and began once
		if n.ids[nameless(step.TestID)] == 0 {
			continue
		}
		do(`INSERT OR IGNORE INTO rollup_steps (rollup, test, metric, started, run, scm_ref) SELECT ?1, ?2, ?3, ?4, ?5, ?6
			WHERE ?6 = '' OR NOT EXISTS (SELECT 1 FROM rollup_steps WHERE rollup = ?1 AND test = ?2 AND metric = ?3 AND scm_ref = ?6)`,
			id, n.ids[nameless(step.TestID)], step.Metric, nanoseconds(mark.Started), mark.Run, mark.ScmRef)
	}
	if err != nil {
		return err
	}
	return w.dropOldRollup(n)
}

// addStretch stores a stretch of a rollup.
func (w *writer) addStretch(rollup int64, s monitor.Stretch, open bool, c *rollupContent) error {
	_, err := w.exec(`INSERT INTO rollup_stretches (rollup, first_run, first_ref, first_ns, last_run, last_ref, last_ns, runs, open, content)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, rollup, s.First.Run, s.First.ScmRef, nanoseconds(s.First.Started), s.Last.Run, s.Last.ScmRef,
		nanoseconds(s.Last.Started), s.Runs, open, c.encode())
	return err
}
