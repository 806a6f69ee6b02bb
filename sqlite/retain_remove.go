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
func (r *retaining) remove(run oldRun) (gone bool, err error) {
	sessions := []uint64{run.orphan}
	if run.orphan == 0 {
		sessions, err = r.db.numbersFrom(r.ctx, "SELECT hash FROM sessions WHERE project = ? AND run = ?", run.project, run.run)
	}
	if err != nil {
		return false, err
	}
	var records, last uint64
	var owed bool
	err = r.db.readFrom(r.ctx, r.db.listers, func(q querier) error {
		list := jsonList(sessions)
		if err := q.QueryRowContext(r.ctx, "SELECT count(*), coalesce(max(seq), 0) FROM "+ofSessions, list).Scan(&records, &last); err != nil {
			return err
		}
		owed, err = r.owed(q, run, list, last)
		return err
	})
	if err != nil {
		return false, err
	}
	var mixed bool
	if !owed && last <= r.policy.UpTo {
		err = r.gently(func(w *writer) (err error) { // the destination may have lost the run meanwhile
			if r.round.Waits, err = r.waits(w.conn); err != nil || r.round.Waits != "" {
				return err
			}
			if owed, err = r.owed(w.conn, run, jsonList(sessions), last); err != nil || owed {
				return err
			}
			w.hides = true
			gone, mixed, err = w.hideRun(run, sessions, records)
			return err
		})
	}
	if err != nil || r.round.Waits != "" {
		return false, err
	}
	if !gone {
		r.held[heldRun{run.project, run.run}] = true
		switch {
		case owed:
			r.round.Undelivered++
		case mixed:
			r.round.Mixed++
		default:
			r.round.UnderWay++
		}
		return false, nil
	}
	r.round.Runs++
	r.round.Records += int64(records)
	r.removed()
	_, err = r.finish()
	return true, err
}

// owed says whether the destination lacks a record of sessions, or the report on their run. Dead letters are owed: nobody else has them.
// So is all of a project that the destination has yet to delete. What is new of it is then delivered again from the file.
func (r *retaining) owed(q querier, run oldRun, sessions string, last uint64) (owed bool, err error) {
	if r.policy.Dest == "" {
		return false, nil
	}
	owed = true // by a destination that got nothing yet
	var dest, dead, parked int64
	var cursor uint64
	err = each(r.ctx, q, `SELECT id, cursor, dead, EXISTS (SELECT 1 FROM parked p WHERE p.dest = d.id),
		EXISTS (SELECT 1 FROM reports k WHERE k.project = ? AND k.run = ? AND k.version > d.reports)
		OR EXISTS (SELECT 1 FROM undeleted u WHERE u.dest = d.id AND u.project = ?) FROM destinations d WHERE name = ?`,
		[]any{run.project, run.run, run.project, string(r.policy.Dest)},
		func(row scanner) error { return row.Scan(&dest, &cursor, &dead, &parked, &owed) })
	if owed = owed || last > cursor; err != nil || owed || dead == 0 && parked == 0 {
		return owed, err
	}
	err = q.QueryRowContext(r.ctx, `SELECT EXISTS (SELECT 1 FROM `+ofSessions+` r WHERE EXISTS (SELECT 1 FROM parked p WHERE p.dest = ?2 AND p.seq = r.seq)
		OR EXISTS (SELECT 1 FROM dead_letters l WHERE l.dest = ?2 AND l.seq = r.seq))`, sessions, dest).Scan(&owed)
	return owed, err
}

// hideRun gives the sessions of a run the name of no project, and removes its sums and its report. From then on nobody sees any of it. A
// run that got a record since its records were counted stays. So does a mixed one, with a session whose hash is a context's too.
func (w *writer) hideRun(run oldRun, sessions []uint64, records uint64) (gone, mixed bool, err error) {
	list := jsonList(sessions)
	var now uint64
	_, err = w.row(`SELECT (SELECT coalesce(sum(metrics), 0) FROM tallies WHERE session`+inList+`) +
		(SELECT coalesce(sum(outcomes), 0) FROM outcome_tallies WHERE session`+inList+`) +
		(SELECT count(*) FROM sessions WHERE project = ?2 AND run = ?3) + (SELECT count(*) FROM ends WHERE session`+inList+`),
		EXISTS (SELECT 1 FROM contexts WHERE hash`+inList+`) OR EXISTS (SELECT 1 FROM tallies WHERE context`+inList+`)
		OR EXISTS (SELECT 1 FROM outcome_tallies WHERE context`+inList+`)`, []any{list, run.project, run.run}, &now, &mixed)
	if err != nil || mixed || now != records {
		return false, mixed, err
	}
	for _, change := range []struct {
		query string
		args  []any
	}{
		{"UPDATE hashes SET project = ?2 WHERE id" + inList, []any{list, oldPrefix + run.project}},
		{"UPDATE sessions SET project = ?2 WHERE hash" + inList, []any{list, oldPrefix + run.project}},
		{"DELETE FROM tallies WHERE session" + inList, []any{list}},
		{"DELETE FROM outcome_tallies WHERE session" + inList, []any{list}},
		{"DELETE FROM reports WHERE project = ? AND run = ?", []any{run.project, run.run}},
		{"INSERT INTO removing SELECT value FROM json_each(?)", []any{list}},
		{"INSERT INTO retention VALUES (1, 1, ?) ON CONFLICT DO UPDATE SET runs = runs + 1, records = records + excluded.records", []any{records}},
	} {
		if _, err := w.exec(change.query, change.args...); err != nil {
			return false, false, err
		}
	}
	w.hashes.drop()
	return true, false, nil
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
