package sqlite

import (
	"context"

	"pymon-bridge/monitor"
)

// lettersAtOnce is how many dead letters are read or dropped in one transaction.
const lettersAtOnce = 1000

// EachLetter calls do for each dead letter that a query chooses, in the order of acceptance. It reads some at a time, so
// that the log does not grow.
func (db *DB) EachLetter(ctx context.Context, q monitor.LetterQuery, do func(monitor.Letter) error) error {
	var part []monitor.Letter
	for after, dest := uint64(0), int64(0); ; {
		query := newClause("SELECT d.id, d.name, l.seq, l.class, l.status, l.reason, l.buried, " + letterProject + ", " +
			letterName + " FROM dead_letters l JOIN destinations d ON d.id = l.dest WHERE ")
		query.join(lettersAre(q))
		query.add(" AND (l.seq, l.dest) > (?, ?) ORDER BY l.seq, l.dest LIMIT ?", after, dest, lettersAtOnce)
		part = part[:0]
		err := db.readFrom(ctx, db.listers, func(from querier) error {
			return each(ctx, from, query.sql, query.args, func(row scanner) error {
				var l monitor.Letter
				err := row.Scan(&dest, &l.Dest, &l.Seq, &l.Class, &l.Status, &l.Reason, instant{&l.At}, &l.Project, &l.Name)
				part = append(part, l)
				return err
			})
		})
		if err != nil || len(part) == 0 {
			return err
		}
		for _, l := range part {
			if hidden(l.Project) {
				continue
			}
			if err := do(l); err != nil {
				return err
			}
		}
		after = part[len(part)-1].Seq
	}
}

// Record returns the record with a number. It fails with ENotFound when there is none.
func (db *DB) Record(ctx context.Context, seq uint64) (rec *monitor.Record, err error) {
	err = db.read(ctx, func(q querier) error {
		found, _, err := next(ctx, q, newClause("seq = ?", seq), 1)
		if err == nil && len(found) == 0 {
			err = monitor.Errorf(monitor.ENotFound, "there is no record %d", seq)
		}
		if err == nil {
			rec = found[0].Record
		}
		return err
	})
	return rec, err
}

// DropLetters removes the dead letters that a query chooses, some at a time, and returns their number. Their records stay.
// It works beside the bridge that serves the file.
func (db *DB) DropLetters(ctx context.Context, q monitor.LetterQuery) (dropped int64, err error) {
	query := newClause("DELETE FROM dead_letters WHERE rowid IN (SELECT l.rowid FROM dead_letters l " +
		"JOIN destinations d ON d.id = l.dest WHERE ")
	query.join(lettersAre(q))
	query.add(" LIMIT ?)", lettersAtOnce)
	for {
		var n int64
		err := db.write(ctx, func(w *writer) error {
			if err := db.acceptsCommands(); err != nil {
				return err
			}
			result, err := w.conn.ExecContext(ctx, query.sql, query.args...)
			if err == nil {
				n, err = result.RowsAffected()
			}
			return err
		})
		if dropped += n; err != nil || n < lettersAtOnce {
			return dropped, err
		}
	}
}

// lettersAre is the condition on rows l of dead_letters and d of destinations that a query chooses them.
func lettersAre(q monitor.LetterQuery) clause {
	c := newClause("1")
	if q.Dest != "" {
		c.and("d.name = ?", string(q.Dest))
	}
	if len(q.Seqs) > 0 {
		c.and("l.seq IN (SELECT value FROM json_each(?))", jsonList(q.Seqs))
	}
	if q.Class != "" {
		c.and("l.class = ?", string(q.Class))
	}
	if q.Project != "" {
		c.and(letterProject+" = ?", q.Project)
	}
	if q.Reason != "" {
		c.match("l.reason", monitor.Contains, q.Reason)
	}
	return c
}

// letterProject and letterName say what the dead letter l is. A repaired file may lack the record.
const (
	letterProject = `coalesce((SELECT r.project FROM metrics m JOIN series r ON r.id = m.series WHERE m.seq = l.seq),
		(SELECT r.project FROM outcomes o JOIN series r ON r.id = o.series WHERE o.seq = l.seq),
		(SELECT h.project FROM contexts c JOIN hashes h ON h.id = c.hash WHERE c.seq = l.seq),
		(SELECT s.project FROM sessions s WHERE s.seq = l.seq),
		(SELECT s.project FROM ends e JOIN sessions s ON s.hash = e.session WHERE e.seq = l.seq), '')`
	letterName = `coalesce((SELECT r.item_variant FROM metrics m JOIN series r ON r.id = m.series WHERE m.seq = l.seq),
		(SELECT o.node_id FROM outcomes o WHERE o.seq = l.seq),
		(SELECT h.h FROM contexts c JOIN hashes h ON h.id = c.hash WHERE c.seq = l.seq),
		(SELECT h.h FROM sessions s JOIN hashes h ON h.id = s.hash WHERE s.seq = l.seq),
		(SELECT h.h FROM ends e JOIN hashes h ON h.id = e.session WHERE e.seq = l.seq), '')`
)
