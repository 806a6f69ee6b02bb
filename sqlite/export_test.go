package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"time"

	"pymon-bridge/monitor"
)

// BreakCommits makes every commit fail with err. Commits work again after BreakCommits(nil).
func (db *DB) BreakCommits(err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.commit = (*writer).commit
	if err != nil {
		db.commit = func(*writer) error { return err }
		db.delay = time.Millisecond
	}
}

// BreakCommitsUntilReopen does the same. The file is not opened again before [DB.Reopen].
func (db *DB) BreakCommitsUntilReopen(err error) {
	db.BreakCommits(err)
	db.mu.Lock()
	defer db.mu.Unlock()
	db.delay = 24 * time.Hour
}

// Reopen checks a failed file and opens it again, now.
func (db *DB) Reopen() error { return db.reopen() }

// LimitPages lets the file grow by the given number of pages before SQLite reports a full disk. A number below 0 removes the limit.
func (db *DB) LimitPages(more int) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	var pages int
	if err := db.writer.conn.QueryRowContext(context.Background(), "PRAGMA page_count").Scan(&pages); err != nil {
		return err
	}
	if more < 0 {
		pages, more = 1<<30, 0
	}
	_, err := db.writer.conn.ExecContext(context.Background(), fmt.Sprintf("PRAGMA max_page_count = %d", pages+more))
	return err
}

// AddSchema makes db a program that knows one version more.
func (db *DB) AddSchema(schema string) { db.schemas = append(db.schemas, schema) }

// KnowVersions makes db a program that knows the first n versions only.
func (db *DB) KnowVersions(n int) { db.schemas = db.schemas[:n] }

// MeasureSpace measures the size of the file and the free space on its disk now.
func (db *DB) MeasureSpace() { db.space.measure(db) }

// InSmallParts makes db read lists in parts of a few rows. So a small file is read in the ways that a large file is
// read.
func (db *DB) InSmallParts() *DB {
	db.scale = scale{part: 60, bytes: 4000, few: 2, pruned: 30, zonesAtFirst: 1, zonesAhead: 3, samples: 30, names: 1000}
	return db
}

// ReadSamples sets how many metrics [DB.Samples] reads at a time.
func (db *DB) ReadSamples(atOnce int) { db.scale.samples = atOnce }

// LimitNames sets how many names of tests the rollups of a project may have, and from which number on they lose unused ones.
func (db *DB) LimitNames(most, swept int) { db.scale.names, db.scale.namesSwept = most, swept }

// HoldBytes sets about how many bytes a list has in memory.
func (db *DB) HoldBytes(n int) { db.scale.bytes = budget(n) }

// EmptyLogAt sets at how many bytes trimLog empties the log.
func (db *DB) EmptyLogAt(bytes int64) { db.maxLog = bytes }

// CopyLargeLog copies the log, if it has a page, when it is looked at in the background.
func (db *DB) CopyLargeLog() error { return db.copyLargeLog(1) }

// CopyLog copies the log as it is copied in the background.
func (db *DB) CopyLog() error { return db.copyLog() }

// CopyLogWithoutCache does the same after the connection that writes has dropped its pages.
func (db *DB) CopyLogWithoutCache() error {
	if _, err := db.writer.conn.ExecContext(context.Background(), "PRAGMA shrink_memory"); err != nil {
		return err
	}
	return db.copyLog()
}

// FailToCopyLog is a copy of the log that fails.
func (db *DB) FailToCopyLog() error {
	db.copying.Lock()
	defer db.copying.Unlock()
	if _, err := db.failingCopy(); err == nil {
		return errors.New("a copy by a closed connection succeeded")
	}
	return nil
}

// FailToCopyLogAlone does the same while nobody writes, as when the log is emptied. It returns the error of the copy.
func (db *DB) FailToCopyLogAlone() error {
	db.copying.Lock()
	defer db.copying.Unlock()
	db.mu.Lock()
	defer db.mu.Unlock()
	_, err := db.copyAlone(nil, db.failingCopy)
	return err
}

func (db *DB) failingCopy() (busy bool, err error) {
	broken, err := openPool(db.path, readerPragmas, 1)
	if err == nil {
		err = broken.Close()
	}
	if err != nil {
		return false, err
	}
	return db.checkpoint(broken, "PASSIVE")
}

// Readers are the connections for short reads.
func (db *DB) Readers() *sql.DB { return db.readers }

// ZoneSize is how many sequence numbers a zone has.
const ZoneSize = zoneSize

// DeadLetters returns up to max dead letters of dest in the order of acceptance. An empty dest means all destinations.
func (db *DB) DeadLetters(ctx context.Context, dest monitor.Destination, max int) ([]monitor.DeadLetter, error) {
	var letters []monitor.DeadLetter
	err := db.read(ctx, func(q querier) error {
		return each(ctx, q, `SELECT d.name, l.seq, l.class, l.status, l.reason, l.buried
			FROM destinations d JOIN dead_letters l ON l.dest = d.id WHERE ?1 = '' OR d.name = ?1
			ORDER BY l.seq, l.dest LIMIT ?2`, []any{string(dest), max}, func(row scanner) error {
			var l monitor.DeadLetter
			err := row.Scan(&l.Dest, &l.Seq, &l.Class, &l.Status, &l.Reason, instant{&l.At})
			letters = append(letters, l)
			return err
		})
	})
	return letters, err
}

// PlanOfRuns says how SQLite finds the runs of a query, step by step.
func (db *DB) PlanOfRuns(ctx context.Context, query monitor.RunInfoQuery) (steps []string, err error) {
	list := runInfoList(query)
	err = db.read(ctx, func(q querier) error {
		return each(ctx, q, "EXPLAIN QUERY PLAN "+list.sql+" LIMIT 1", list.args, func(row scanner) error {
			var step string
			err := row.Scan(new(int), new(int), new(int), &step)
			steps = append(steps, step)
			return err
		})
	})
	return steps, err
}

// Remind says in the log that the file is damaged, if it is time to do so.
func (db *DB) Remind(now time.Time) { db.remind(now) }

// PlansOfLists says how SQLite finds what lists of runs and tests ask for, step by step.
func (db *DB) PlansOfLists(ctx context.Context) (map[string][]string, error) {
	test := []any{"p", "p", "i", "v", "k", "c", "b", math.MaxInt64}
	plans := map[string][]string{}
	err := db.read(ctx, func(q querier) error {
		for question, query := range map[string]clause{"branches": newClause(branchesQuery, "p", 9), "commit": runsOfCommit("p", "c0ffee", 9),
			"find": findRuns("p", "c0ffee0", 9), "found": findRuns("p", "c0ffee0", 9),
			"metrics": newClause(fmt.Sprintf(recentMetrics, 60), test...), "outcomes": newClause(fmt.Sprintf(recentOutcomes, 60), test...)} {
			err := each(ctx, q, "EXPLAIN QUERY PLAN "+query.sql, query.args, func(row scanner) error {
				var step string
				err := row.Scan(new(int), new(int), new(int), &step)
				plans[question] = append(plans[question], step)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return plans, err
}

// Compared returns how many stored metrics were compared with new ones.
func (db *DB) Compared() int { return db.writer.compared }

// KeepStatements makes connections that keep the compiled statements of questions of MaxTexts bytes.
func KeepStatements(c driver.Connector) driver.Connector { return keeping{c} }

// MaxTexts is the size of the questions whose statements a connection keeps.
const MaxTexts = maxTexts

// Listers are the connections for lists.
func (db *DB) Listers() *sql.DB { return db.listers }

// Kept returns how many statements a connection of these keeps.
func Kept(conn any) int { return len(conn.(*keepingConn).idle) }

// SayLogGrows makes the readiness say that SQLite's log grows, as after an attempt to empty it that failed.
func (db *DB) SayLogGrows(why error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.state.note(why)
	db.trimAt = 1 << 40
}
