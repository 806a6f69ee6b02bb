package sqlite

import (
	"bytes"
	"context"
	"iter"

	"pymon-bridge/monitor"
)

// ReportsAround implements [monitor.ReportStore]. The branch of a run is the branch of its first session.
func (db *DB) ReportsAround(ctx context.Context, r *monitor.Report, max int) iter.Seq2[*monitor.Report, error] {
	return func(yield func(*monitor.Report, error) bool) {
		runs, err := db.runsAround(ctx, r, max)
		if err == nil {
			runs, err = db.sinceRegression(ctx, r.Project, runs)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for _, run := range runs { // one report at a time, since reports can be large
			report, err := db.Report(ctx, r.Project, run)
			if !yield(report, err) || err != nil {
				return
			}
		}
	}
}

// firstSession is the condition that a session is the first one of its run, and that its run has a report and is not the run ?2.
const firstSession = `s.run <> ?2 AND EXISTS (SELECT 1 FROM reports k WHERE k.project = s.project AND k.run = s.run)
	AND NOT EXISTS (SELECT 1 FROM sessions e WHERE e.project = s.project AND e.run = s.run AND (e.utc_ns, e.seq) < (s.utc_ns, s.seq))`

// runsAround finds the runs around a report that have reports, in the order of [monitor.ReportStore]. It walks along an index from the
// report in both directions, so that it takes as long after years.
func (db *DB) runsAround(ctx context.Context, r *monitor.Report, max int) (runs []string, err error) {
	err = db.readFrom(ctx, db.listers, func(q querier) error {
		runs = nil
		return each(ctx, q, `SELECT * FROM (SELECT s.run, s.utc_ns AS started FROM sessions s
				WHERE s.project = ?1 AND s.branch = ?3 AND s.utc_ns > ?4 AND `+firstSession+` ORDER BY s.utc_ns, s.run LIMIT ?5)
			UNION ALL
			SELECT * FROM (SELECT s.run, s.utc_ns FROM sessions s
				WHERE s.project = ?1 AND s.branch = ?3 AND s.utc_ns <= ?4 AND `+firstSession+` ORDER BY s.utc_ns DESC, s.run LIMIT ?5)
			ORDER BY started DESC, run`, []any{r.Project, r.Run, r.Branch, nanoseconds(r.Started), max},
			func(row scanner) error {
				var run string
				var started int64
				err := row.Scan(&run, &started)
				runs = append(runs, run)
				return err
			})
	})
	return runs, err
}

// regressed stands in the JSON of each report with a regression.
var regressed = []byte(`"status":"` + monitor.StatusRegression + `"`)

// sinceRegression leaves out the runs that started before the first run with a regression. Usually these are all runs.
// It does not decode the reports, which takes twenty times as long. runs are in the order of [DB.runsAround].
func (db *DB) sinceRegression(ctx context.Context, project string, runs []string) ([]string, error) {
	for n := len(runs); n > 0; n-- {
		stored, err := db.storedReport(ctx, project, runs[n-1])
		if err != nil {
			return nil, err
		}
		content, err := decompress(stored)
		if err != nil {
			return nil, db.readError(err)
		}
		if bytes.Contains(content, regressed) {
			return runs[:n], nil
		}
	}
	return nil, nil
}
