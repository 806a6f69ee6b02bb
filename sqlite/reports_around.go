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

// runsAround finds the runs around a report that have reports, in the order of [monitor.ReportStore].
func (db *DB) runsAround(ctx context.Context, r *monitor.Report, max int) (runs []string, err error) {
	err = db.readFrom(ctx, db.listers, func(q querier) error {
		runs = nil
		return each(ctx, q, `WITH reported (run, branch, started) AS MATERIALIZED (
				SELECT s.run, s.branch, min(s.utc_ns) FROM sessions s JOIN reports k ON k.project = s.project AND k.run = s.run
				WHERE s.project = ?1 AND s.run <> ?2 GROUP BY s.run)
			SELECT * FROM (SELECT run, started FROM reported WHERE branch = ?3 AND started > ?4 ORDER BY started, run LIMIT ?5)
			UNION ALL
			SELECT * FROM (SELECT run, started FROM reported WHERE branch = ?3 AND started <= ?4 ORDER BY started DESC, run LIMIT ?5)
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
