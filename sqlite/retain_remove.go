package sqlite

import (
	"slices"
)

// oldPrefix comes before the project in the sessions and hashes of a run that is removed, as in "deleted run of shop". A project that is
// removed is called "deleted shop 7". The two are never alike, since the name of a project has no space.
const oldPrefix = hiddenPrefix + "run of "

// inList is the condition that a column has one of the numbers of a list, which is the first argument.
const inList = " IN (SELECT value FROM json_each(?1))"

// ofSessions has the numbers of the records of some sessions.
const ofSessions = `(SELECT seq FROM metrics INDEXED BY metrics_session WHERE session` + inList + `
	UNION ALL SELECT seq FROM outcomes INDEXED BY outcomes_session WHERE session` + inList + `
	UNION ALL SELECT seq FROM sessions WHERE hash` + inList + ` UNION ALL SELECT seq FROM ends WHERE session` + inList + `)`

// remove removes a run, unless it has to stay. A run that stays is in held from then on, and counts in the round by its reason.
func (r *retaining) remove(run oldRun) (why stay, err error) {
	var of runContent
	err = r.db.readFrom(r.ctx, r.db.listers, func(q querier) (err error) {
		if of, err = r.content(q, run); err == nil {
			why, err = r.stays(q, run, of)
		}
		return err
	})
	if err == nil && why == mayGo {
		err = r.gently(func(w *writer) (err error) {
			if why, err = r.stays(w, run, of); err == nil && why == mayGo {
				w.hides, err = true, w.hideRun(run, of)
			}
			return err
		})
	}
	if err != nil {
		return why, err
	}
	if why != mayGo {
		r.held[heldRun{run.project, run.run}] = true
		r.count(why)
		return why, nil
	}
	r.round.Runs++
	r.round.Records += int64(of.records)
	r.removed()
	_, err = r.finish()
	return mayGo, err
}

// content counts what the file has of a run.
func (r *retaining) content(q querier, run oldRun) (of runContent, err error) {
	sessions := []uint64{run.orphan}
	if run.orphan == 0 {
		sessions, err = columnOf[uint64](r.ctx, q, "SELECT hash FROM sessions WHERE project = ? AND run = ?", run.project, run.run)
	}
	if of.sessions = jsonList(sessions); err == nil {
		err = q.QueryRowContext(r.ctx, "SELECT count(*), coalesce(max(seq), 0) FROM "+ofSessions, of.sessions).Scan(&of.records, &of.last)
	}
	return of, err
}

// hideRun gives the sessions of a run the name of no project, and removes its sums and its report. From then on nobody sees any of it.
func (w *writer) hideRun(run oldRun, of runContent) error {
	for _, change := range []struct {
		query string
		args  []any
	}{
		{"UPDATE hashes SET project = ?2 WHERE id" + inList, []any{of.sessions, oldPrefix + run.project}},
		{"UPDATE sessions SET project = ?2 WHERE hash" + inList, []any{of.sessions, oldPrefix + run.project}},
		{"DELETE FROM tallies WHERE session" + inList, []any{of.sessions}},
		{"DELETE FROM outcome_tallies WHERE session" + inList, []any{of.sessions}},
		{"DELETE FROM reports WHERE project = ? AND run = ?", []any{run.project, run.run}},
		{"INSERT INTO removing SELECT value FROM json_each(?)", []any{of.sessions}},
		{"INSERT INTO retention VALUES (1, 1, ?) ON CONFLICT DO UPDATE SET runs = runs + 1, records = records + excluded.records", []any{of.records}},
	} {
		if _, err := w.exec(change.query, change.args...); err != nil {
			return err
		}
	}
	w.hashes.drop()
	return nil
}

// finish removes what is left of hidden runs. found says that there was something.
func (r *retaining) finish() (found bool, err error) {
	const ofHidden = " WHERE session IN (SELECT session FROM removing) LIMIT ?1)"
	for {
		seqs, err := r.db.numbersFrom(r.ctx, "SELECT seq FROM (SELECT seq FROM metrics INDEXED BY metrics_session"+ofHidden+
			" UNION ALL SELECT seq FROM (SELECT seq FROM outcomes INDEXED BY outcomes_session"+ofHidden, 10*retainStep)
		if err != nil {
			return found, err
		}
		if len(seqs) == 0 {
			break
		}
		found = true
		slices.Sort(seqs) // those of a zone stand together
		err = r.inSteps(seqs, func(w *writer, some []uint64) error { return w.removeMeasured(r.ctx, some) })
		if err != nil {
			return found, err
		}
	}
	sessions, err := r.db.numbersFrom(r.ctx, "SELECT session FROM removing")
	if err != nil {
		return found, err
	}
	return found || len(sessions) > 0, r.inSteps(sessions, func(w *writer, some []uint64) error {
		if err := w.removeMetadata(r.ctx, some); err != nil {
			return err
		}
		for _, query := range []string{"DELETE FROM hashes WHERE id" + inList, "DELETE FROM removing WHERE session" + inList} {
			if _, err := w.exec(query, jsonList(some)); err != nil {
				return err
			}
		}
		return nil
	})
}
