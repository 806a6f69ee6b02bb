package sqlite

import (
	"time"

	"pymon-bridge/monitor"
)

// What of the rollups is kept.
const (
	rollupRuns  = 1000                 // of a branch
	rollupSpan  = 400 * 24 * time.Hour // of a branch, and since its last run
	rollupYoung = 45 * 24 * time.Hour  // since the last run of a branch without a stretch, such as that of a pull request
)

// dropOldRollup removes the rollup of a branch that has no runs any more, of one at a time.
func (w *writer) dropOldRollup(n *rolling) error {
	var id int64
	found, err := w.row(`SELECT r.id FROM rollups r WHERE r.project = ?1 AND NOT EXISTS
		(SELECT 1 FROM rollup_stretches s WHERE s.rollup = r.id AND (s.last_ns >= ?3 OR s.last_ns >= ?2 AND NOT s.open)) LIMIT 1`,
		[]any{n.query.Project, nanoseconds(n.run.Started.Add(-rollupSpan)), nanoseconds(n.run.Started.Add(-rollupYoung))}, &id)
	if err != nil || !found {
		return err
	}
	for _, table := range []string{"rollup_stretches WHERE rollup", "rollup_steps WHERE rollup", "rollups WHERE id"} {
		if _, err := w.exec("DELETE FROM "+table+" = ?", id); err != nil {
			return err
		}
	}
	return nil
}

// rollupID returns the id of the rollup of a query. It adds one where there is none.
func (w *writer) rollupID(q monitor.RollupQuery) (id int64, err error) {
	key := []any{q.Project, q.Branch, q.Env, q.Selection}
	found, err := w.row("SELECT id FROM rollups WHERE project = ? AND branch = ? AND env = ? AND selection = ?", key, &id)
	if err == nil && !found {
		id, err = w.insert("INSERT INTO rollups (project, branch, env, selection) VALUES (?, ?, ?, ?)", key...)
	}
	return id, err
}
