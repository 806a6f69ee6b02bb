package sqlite

import (
	"bytes"
	"context"
	"time"

	"pymon-bridge/monitor"
)

var (
	_ monitor.ReportStore = (*DB)(nil)
	_ monitor.ReportQueue = (*DB)(nil)
)

// KeepReport implements [monitor.ReportStore]. Also where the file accepts no more records: there are few reports, and
// the runs that they are on were accepted.
func (db *DB) KeepReport(ctx context.Context, r *monitor.Report) error {
	if err := db.owned(); err != nil {
		return err
	}
	content, err := encodeReport(r)
	if err != nil {
		return err
	}
	stored, err := compress(content)
	if err != nil {
		return err
	}
	judged := nanoseconds(db.Now())
	return db.write(ctx, func(w *writer) error {
		var version int64
		var before []byte
		found, err := w.row("SELECT version, content FROM reports WHERE project = ? AND run = ?", []any{r.Project, r.Run},
			&version, &before)
		if err != nil {
			return err
		}
		if found && bytes.Equal(before, stored) {
			_, err = w.exec("UPDATE reports SET judged = ? WHERE version = ?", judged, version)
			return err
		}
		_, err = w.exec("REPLACE INTO reports (project, run, judged, content) VALUES (?, ?, ?, ?)", r.Project, r.Run, judged, stored)
		return err
	})
}

// Report implements [monitor.ReportStore].
func (db *DB) Report(ctx context.Context, project, run string) (*monitor.Report, error) {
	content, err := db.reportContent(ctx, project, run)
	switch {
	case err != nil:
		return nil, err
	case content == nil:
		return nil, monitor.Errorf(monitor.ENotFound, "there is no report on run %q of project %q", run, project)
	}
	return decodeReport(content)
}

// reportContent returns the JSON of a report, nil where there is none.
func (db *DB) reportContent(ctx context.Context, project, run string) ([]byte, error) {
	var stored []byte
	err := db.read(ctx, func(q querier) error {
		return each(ctx, q, "SELECT content FROM reports WHERE project = ? AND run = ?", []any{project, run},
			func(row scanner) error { return row.Scan(&stored) })
	})
	if err != nil || stored == nil {
		return nil, err
	}
	content, err := decompress(stored)
	if err != nil {
		return nil, db.readError(err)
	}
	return content, nil
}

// judging is how long a report may take to make: what arrived within that time before it was kept may not be in it.
const judging = time.Minute

// Unjudged implements [monitor.ReportStore]. What arrived within a minute before a report was kept counts as measured
// after it.
func (db *DB) Unjudged(ctx context.Context, from, to time.Time, max int) ([]*monitor.RunInfo, error) {
	var heads []*monitor.RunInfo
	err := db.readFrom(ctx, db.listers, func(q querier) error {
		var runs []*monitor.RunInfo
		err := each(ctx, q, `SELECT project, run FROM (
				SELECT s.project, s.run, min(s.utc_ns) AS started, max(y.received) AS measured
				FROM tallies y JOIN sessions s ON s.hash = y.session GROUP BY s.project, s.run) r
			WHERE measured > ?1 AND measured <= ?4 AND NOT EXISTS (SELECT 1 FROM reports k
				WHERE k.project = r.project AND k.run = r.run AND k.judged - ?2 >= r.measured)
			ORDER BY started DESC, run, project LIMIT ?3`,
			[]any{nanoseconds(from), judging.Nanoseconds(), max, nanoseconds(to)}, func(row scanner) error {
				r := new(monitor.RunInfo)
				err := row.Scan(&r.Project, &r.ID)
				runs = append(runs, r)
				return err
			})
		for _, r := range runs {
			var found []*monitor.RunInfo
			if err == nil {
				found, err = runHeads(ctx, q, monitor.RunInfoQuery{Project: r.Project, Run: r.ID})
				heads = append(heads, found...)
			}
		}
		return err
	})
	return heads, err
}
