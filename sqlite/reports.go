package sqlite

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// KeepReport implements [monitor.ReportStore]. It works even when there is no room for new records: reports are few,
// and their runs were accepted.
func (db *DB) KeepReport(ctx context.Context, r *monitor.Report) error {
	if err := db.requireOwner(); err != nil {
		return err
	}
	db.keeping.Lock() // the earlier report is read outside the transaction, and must not change before the end
	defer db.keeping.Unlock()
	before, err := db.storedReport(ctx, r.Project, r.Run)
	if err != nil {
		return err
	}
	var old monitor.Report
	if before != nil {
		if read, err := decodeReport(before); err == nil {
			old = *read
		} else { // a fault in the earlier report must not cost the new one
			db.logger.Error("the earlier report on a run cannot be read", "project", r.Project, "run", r.Run, "error", err)
		}
	}
	kept := withRetracted(r, &old)
	content, err := encodeReport(kept)
	if err != nil {
		return err
	}
	tests := testsOf(kept.Results)
	brief, err := json.Marshal(r.Brief())
	if err != nil {
		return err
	}
	basis, answer, err := encodeAnswer(r)
	if err != nil {
		return err
	}
	judged := nanoseconds(db.Now())
	err = db.write(ctx, func(w *writer) error {
		if bytes.Equal(before, content) {
			_, err := w.exec("UPDATE reports SET judged = ?, brief = ?, basis = ?, answer = ?, tests = ? WHERE project = ? AND run = ?",
				judged, string(brief), basis, answer, tests, r.Project, r.Run)
			return err
		}
		_, err := w.exec("REPLACE INTO reports (project, run, judged, content, brief, basis, answer, tests) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			r.Project, r.Run, judged, content, string(brief), basis, answer, tests)
		return err
	})
	if err != nil {
		return err
	}
	err = db.rollUp(ctx, r)
	switch code := monitor.ErrorCode(err); {
	case err == nil, code == monitor.EUnavailable, code == monitor.EFull, ctx.Err() != nil:
		return err
	default: // a fault in the rollups must not cost the report
		db.logger.Error("what a run measured is not in the history of its branch", "project", r.Project, "run", r.Run, "error", err)
		return nil
	}
}

// withRetracted returns the report as it is kept. It has the notable results. Retracted has the results that the
// earlier report had, or had retracted, and that are not among the notable results now.
func withRetracted(r, old *monitor.Report) *monitor.Report {
	kept := *r
	kept.Results, kept.Retracted = []monitor.Result{}, nil
	kept.LeftOut = nil // it changes with the other runs of the commit
	if !old.Started.IsZero() {
		kept.Started = old.Started // it is the time of the points, and new points overwrite the old ones
	}
	has := make(map[monitor.ResultID]bool)
	for _, result := range r.Results {
		if result.Status.Notable() {
			kept.Results = append(kept.Results, result)
			has[result.ID()] = true
		}
	}
	for _, result := range slices.Concat(old.Results, old.Retracted) {
		if has[result.ID()] {
			continue
		}
		has[result.ID()] = true
		result.Status, result.Level, result.Reason, result.LastGood, result.FirstBad = monitor.StatusOK, "", "", "", ""
		result.UsualAgain = false
		result.Drift, result.Acceptance = nil, nil
		kept.Retracted = append(kept.Retracted, result)
	}
	return &kept
}

// Report implements [monitor.ReportStore].
func (db *DB) Report(ctx context.Context, project, run string) (*monitor.Report, error) {
	stored, err := db.storedReport(ctx, project, run)
	switch {
	case err != nil:
		return nil, err
	case stored == nil:
		return nil, monitor.Errorf(monitor.ENotFound, "there is no report on run %q of project %q", run, project)
	}
	return decodeReport(stored)
}

// CountReports implements [monitor.ListStore].
func (db *DB) CountReports(ctx context.Context, project string) (number int, latest int64, err error) {
	err = db.readFrom(ctx, db.listers, func(q querier) error {
		return q.QueryRowContext(ctx, "SELECT count(*), coalesce(max(version), 0) FROM reports WHERE project = ?", project).Scan(&number, &latest)
	})
	return number, latest, err
}

// ReportVersions returns the versions of the kept reports on runs, by the ids of the runs. It does not read the reports.
func (db *DB) ReportVersions(ctx context.Context, project string, runs []string) (map[string]int64, error) {
	found := map[string]int64{}
	return found, db.ofRuns(ctx, "SELECT run, version FROM reports WHERE project = ? AND run IN (%s)", project, runs, func(row scanner) error {
		var run string
		var version int64
		err := row.Scan(&run, &version)
		found[run] = version
		return err
	})
}

// storedReport returns the content of a report, nil when there is no report.
func (db *DB) storedReport(ctx context.Context, project, run string) (stored []byte, err error) {
	_, err = db.row(ctx, "SELECT content FROM reports WHERE project = ? AND run = ?", []any{project, run}, &stored)
	return stored, err
}

// judging is how long it may take to make a report. A report may lack metrics and ends that arrived within that time before
// it was kept.
const judging = time.Minute

// Unjudged implements [monitor.ReportStore]. What arrived less than a minute before a report was kept counts as having
// arrived after the report. A run without metrics of clients has no time of change, and an imported end is no change.
func (db *DB) Unjudged(ctx context.Context, from, to time.Time, max int) ([]*monitor.RunInfo, error) {
	var infos []*monitor.RunInfo
	err := db.readFrom(ctx, db.listers, func(q querier) error {
		var runs []*monitor.RunInfo
		err := each(ctx, q, `SELECT project, run FROM (
				SELECT s.project, s.run, min(s.utc_ns) AS started, iif(max(y.received) > 0,
					max(max(y.received), max(iif(e.imported = 1, 0, s.ended))), NULL) AS changed
				FROM sessions s LEFT JOIN tallies y ON y.session = s.hash LEFT JOIN ends e ON e.session = s.hash WHERE s.imported = 0 GROUP BY s.project, s.run) r
			WHERE changed > ?1 AND changed <= ?4 AND NOT EXISTS (SELECT 1 FROM reports k
				WHERE k.project = r.project AND k.run = r.run AND k.judged - ?2 >= r.changed)
			ORDER BY started DESC, run, project LIMIT ?3`,
			[]any{nanoseconds(from), judging.Nanoseconds(), max, nanoseconds(to)}, func(row scanner) error {
				r := new(monitor.RunInfo)
				err := row.Scan(&r.Project, &r.ID)
				if !hidden(r.Project) {
					runs = append(runs, r)
				}
				return err
			})
		for _, r := range runs {
			var found []*monitor.RunInfo
			if err == nil {
				found, err = runInfos(ctx, q, monitor.RunInfoQuery{Project: r.Project, Run: r.ID})
				infos = append(infos, found...)
			}
		}
		return err
	})
	return infos, err
}
