package sqlite

import (
	"context"
	"fmt"
	"time"
)

// BreakCommits makes every commit fail with err, or work again if err is nil.
func (db *DB) BreakCommits(err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.commit = (*writer).commit
	if err != nil {
		db.commit = func(*writer) error { return err }
		db.delay = time.Millisecond
	}
}

// LimitPages makes SQLite report a full disk above so many pages more than there are, none below 0.
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

// AddSchema makes db a program that knows a later version.
func (db *DB) AddSchema(schema string) { db.schemas = append(db.schemas, schema) }

// MeasureSpace takes the size of the file and the room on its disk now.
func (db *DB) MeasureSpace() { db.space.measure(db) }

// InSmallParts makes db read lists in parts of a few rows, and walk through indexes where files that fit a test do not need
// it.
func (db *DB) InSmallParts() *DB {
	db.scale = scale{firstPart: 90, laterPart: 200, bytes: 4000, few: 2, pruned: 60, zonesAtFirst: 2, zonesAhead: 5}
	return db
}

// SamplesAtOnce is how many metrics [DB.Samples] reads at a time.
const SamplesAtOnce = samplesAtOnce

// ZoneSize is how many numbers of the sequence a zone has.
const ZoneSize = zoneSize
