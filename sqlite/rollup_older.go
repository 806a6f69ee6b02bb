package sqlite

import (
	"context"
	"time"

	"pymon-bridge/monitor"
)

// RollupsBegin implements [monitor.RollupStore].
func (db *DB) RollupsBegin(ctx context.Context, q monitor.RollupQuery) (began time.Time, runs int, err error) {
	err = db.read(ctx, func(from querier) error {
		known, err := rollupOf(ctx, from, q)
		began, runs = time.Time{}, 0
		for i, s := range known.stretches {
			if i == 0 || s.First.Started.Before(began) {
				began = s.First.Started
			}
			runs += s.Runs
		}
		return err
	})
	return began, runs, err
}

// AddOlder implements [monitor.RollupStore]. The runs become one stretch.
func (db *DB) AddOlder(ctx context.Context, q monitor.RollupQuery, runs []*monitor.RunValues) error {
	if err := db.requireOwner(); err != nil || len(runs) == 0 {
		return err
	}
	db.keeping.Lock()
	defer db.keeping.Unlock()
	began, known, err := db.RollupsBegin(ctx, q)
	s := monitor.Stretch{First: runs[0].RunMark, Last: runs[len(runs)-1].RunMark, Runs: len(runs)}
	if err != nil || known > 0 && !s.Last.Started.Before(began) {
		return err
	}
	var contents []*rollupContent
	for _, run := range runs {
		c, _, err := db.newContent(ctx, q.Project, run)
		if err != nil {
			return err
		}
		contents = append(contents, c)
	}
	made := medians(contents)
	return db.write(ctx, func(w *writer) error {
		id, err := w.rollupID(q)
		if err != nil {
			return err
		}
		return w.addStretch(id, s, false, made)
	})
}
