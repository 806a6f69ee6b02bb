package sqlite

import (
	"context"
	"time"

	"pymon-bridge/monitor"
)

// AskStatus asks the bridge that serves the file how it is. [DB.StatusAnswer] has the answer.
func (db *DB) AskStatus(ctx context.Context) (id int64, err error) {
	return db.addCommand(ctx, commandStatus, struct{}{})
}

// StatusAnswer returns the answer to a question of AskStatus. ok is false while there is none.
func (db *DB) StatusAnswer(ctx context.Context, id int64) (s monitor.BridgeStatus, ok bool, err error) {
	ended, err := db.commandState(ctx, id, &s)
	return s, ended != 0, err
}

// AnswerStatus answers all questions of AskStatus.
func (db *DB) AnswerStatus(ctx context.Context, status func() monitor.BridgeStatus) error {
	return db.answerAll(ctx, commandStatus, func() any {
		s := status()
		s.Checked = db.checkedAt()
		return s
	})
}

// checkedAt returns when the file last passed its check, zero while it has not.
func (db *DB) checkedAt() time.Time {
	if ns := db.checked.Load(); ns != 0 {
		return time.Unix(0, ns).UTC()
	}
	return time.Time{}
}

// Destinations returns all destinations that got something, or were asked for something.
func (db *DB) Destinations(ctx context.Context) (all []monitor.Destination, err error) {
	return db.destinations(ctx, "SELECT name FROM destinations ORDER BY id")
}

func (db *DB) destinations(ctx context.Context, query string) (all []monitor.Destination, err error) {
	err = db.read(ctx, func(q querier) error {
		all, err = columnOf[monitor.Destination](ctx, q, query)
		return err
	})
	return all, err
}

// ProjectStatus says what the file has of each project, the one with the last session first. today is when the day began.
func (db *DB) ProjectStatus(ctx context.Context, today time.Time) (all []monitor.ProjectStatus, err error) {
	err = db.readFrom(ctx, db.listers, func(q querier) error {
		all = nil
		err := each(ctx, q, `SELECT project, count(*), sum(utc_ns >= ?), max(utc_ns) AS last FROM sessions GROUP BY project
			ORDER BY last DESC, project`, []any{nanoseconds(today)}, func(row scanner) error {
			var p monitor.ProjectStatus
			err := row.Scan(&p.Project, &p.Sessions, &p.Today, instant{&p.Started})
			if !hidden(p.Project) {
				all = append(all, p)
			}
			return err
		})
		for i := range all {
			p := &all[i]
			if err == nil {
				err = q.QueryRowContext(ctx, "SELECT run FROM sessions WHERE project = ? AND utc_ns = ? ORDER BY seq DESC LIMIT 1",
					p.Project, nanoseconds(p.Started)).Scan(&p.LastRun)
			}
			if err == nil {
				p.Tests, err = countOf(ctx, q, newClause(`SELECT coalesce(sum(y.metrics), 0) FROM sessions s JOIN tallies y
					ON y.session = s.hash WHERE s.project = ? AND s.run = ? AND y.kind = ?`, p.Project, p.LastRun, monitor.KindFunction))
			}
		}
		return err
	})
	return all, err
}
