package sqlite

import (
	"context"
	"fmt"
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

// LimitPages lets the file grow by so many pages before SQLite reports a full disk. A number below 0 removes the limit.
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
	db.scale = scale{firstPart: 90, laterPart: 200, bytes: 4000, few: 2, pruned: 60, zonesAtFirst: 2, zonesAhead: 5}
	return db
}

// SamplesAtOnce is how many metrics [DB.Samples] reads at a time.
const SamplesAtOnce = samplesAtOnce

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
