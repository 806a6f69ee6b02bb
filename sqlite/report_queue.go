package sqlite

import (
	"context"

	"pymon-bridge/monitor"
)

// NextReports implements [monitor.ReportQueue]. What a destination is about to be told is noted first, so that it is
// taken back later even where nobody learned whether it arrived. It returns fewer reports where they are large.
func (db *DB) NextReports(ctx context.Context, dest monitor.Destination, max int) ([]monitor.PendingReport, error) {
	if err := db.owned(); err != nil {
		return nil, err
	}
	var rows []reportRow
	err := db.read(ctx, func(q querier) (err error) {
		rows, err = reportRows(ctx, q, dest, max)
		return err
	})
	if err != nil {
		return nil, err
	}
	var pending []monitor.PendingReport
	var notes []note
	for _, row := range rows {
		p, n, err := row.open()
		if err != nil {
			return nil, db.readError(err)
		}
		pending = append(pending, p)
		if n != nil {
			notes = append(notes, *n)
		}
	}
	if err := db.tellAll(ctx, dest, notes); err != nil {
		return nil, err
	}
	return pending, nil
}

// tellAll keeps notes.
func (db *DB) tellAll(ctx context.Context, dest monitor.Destination, notes []note) error {
	if len(notes) == 0 {
		return nil
	}
	return db.write(ctx, func(w *writer) error {
		for _, n := range notes {
			if err := w.tell(dest, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// reportRow is a report that a destination is to be told, with what it was told of the run before.
type reportRow struct {
	version, settled int64
	content, told    []byte
}

func reportRows(ctx context.Context, q querier, dest monitor.Destination, max int) (rows []reportRow, err error) {
	left := maxRead
	err = each(ctx, q, `SELECT r.version, coalesce(t.version, 0), r.content, t.content FROM reports r LEFT JOIN told t
			ON t.dest = (SELECT id FROM destinations WHERE name = ?1) AND t.project = r.project AND t.run = r.run
		WHERE r.version > coalesce((SELECT reports FROM destinations WHERE name = ?1), 0) AND
			r.version > coalesce(t.version, 0) ORDER BY r.version LIMIT ?2`,
		[]any{string(dest), max}, func(row scanner) error {
			var r reportRow
			if err := row.Scan(&r.version, &r.settled, &r.content, &r.told); err != nil {
				return err
			}
			rows = append(rows, r)
			if left -= unpacked * (len(r.content) + len(r.told)); left <= 0 {
				return errEnough
			}
			return nil
		})
	if err == errEnough {
		err = nil
	}
	return rows, err
}

// unpacked is about how much more a report takes in memory than in the file.
const unpacked = 20

// resultKey is what a result is about.
type resultKey struct {
	monitor.TestID
	metric string
}

func keyOf(r *monitor.Result) resultKey { return resultKey{r.TestID, r.Metric} }

// open decodes a report, adds as ok what the destination was told and is no longer there, and returns what has to be
// noted before it is told, nil when that is noted already.
func (r reportRow) open() (monitor.PendingReport, *note, error) {
	p := monitor.PendingReport{Version: r.version}
	var err error
	if p.Report, err = openReport(r.content); err != nil {
		return p, nil, err
	}
	known := &monitor.Report{}
	if r.told != nil {
		if known, err = openReport(r.told); err != nil {
			return p, nil, err
		}
	}
	now, before := make(map[resultKey]bool), make(map[resultKey]bool)
	for i := range p.Results {
		now[keyOf(&p.Results[i])] = true
	}
	fresh := p.Results[:len(p.Results):len(p.Results)]
	for _, result := range known.Results {
		before[keyOf(&result)] = true
		if !now[keyOf(&result)] {
			p.Results = append(p.Results, takenBack(result))
		}
	}
	told := known.Results
	for _, result := range fresh {
		if !before[keyOf(&result)] {
			told = append(told, result)
		}
	}
	if len(told) == len(before) {
		return p, nil, nil
	}
	n, err := newNote(p.Report, r.settled, told)
	return p, n, err
}

// takenBack is a result that no longer holds, with the numbers that it had.
func takenBack(r monitor.Result) monitor.Result {
	r.Status, r.Level, r.Reason, r.LastGood, r.FirstBad = monitor.StatusOK, "", "", "", ""
	return r
}

func openReport(stored []byte) (*monitor.Report, error) {
	content, err := decompress(stored)
	if err != nil {
		return nil, err
	}
	return decodeReport(content)
}

// note is a row of told.
type note struct {
	project, run string
	version      int64
	content      []byte
}

func newNote(r *monitor.Report, version int64, results []monitor.Result) (*note, error) {
	content, err := encodeReport(&monitor.Report{Project: r.Project, Run: r.Run, Results: results})
	if err != nil {
		return nil, err
	}
	n := &note{project: r.Project, run: r.Run, version: version}
	n.content, err = compress(content)
	return n, err
}

// tell keeps a note.
func (w *writer) tell(dest monitor.Destination, n note) error {
	id, err := w.moveCursor(dest, 0)
	if err != nil {
		return err
	}
	_, err = w.exec("REPLACE INTO told (dest, project, run, version, content) VALUES (?, ?, ?, ?, ?)",
		id, n.project, n.run, n.version, n.content)
	return err
}

// AckReport implements [monitor.ReportQueue].
func (db *DB) AckReport(ctx context.Context, dest monitor.Destination, p monitor.PendingReport) error {
	if err := db.owned(); err != nil {
		return err
	}
	n, err := newNote(p.Report, p.Version, p.Results)
	if err != nil {
		return err
	}
	return db.write(ctx, func(w *writer) error {
		if err := w.tell(dest, *n); err != nil {
			return err
		}
		_, err := w.exec(`UPDATE destinations SET reports = coalesce(
			(SELECT r.version - 1 FROM reports r LEFT JOIN told t
					ON t.dest = destinations.id AND t.project = r.project AND t.run = r.run
				WHERE r.version > destinations.reports AND r.version > coalesce(t.version, 0) ORDER BY r.version LIMIT 1),
			(SELECT max(version) FROM reports), 0) WHERE name = ?`, string(dest))
		return err
	})
}
