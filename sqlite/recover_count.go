package sqlite

import (
	"context"
	"errors"
	"fmt"
)

// note tells what the numbers do not.
func (r *recovery) note(context.Context) error {
	note := func(format string, args ...any) {
		r.result.Notes = append(r.result.Notes, fmt.Sprintf(format, args...))
	}
	lost := r.found.hurt
	if w := r.src.walk; r.src.logLoss() != "" {
		note("The log of the file is damaged: %s. What its %d whole transactions and the file have is saved.", r.src.logLoss(), w.later)
	}
	if lost["tokens"] {
		note("Tokens may be missing. Only tokens that are surely valid are saved, since a revoked token must not come back: " +
			"see pymon-bridge token list, and add the others again with pymon-bridge token add.")
	}
	if lost["destinations"] {
		note("The cursor of a destination may be lost. Then everything is delivered to it again, which changes nothing there.")
	}
	if lost["parked"] || lost["dead_letters"] {
		note("Records that waited, or are dead letters, may be missing from these lists: pymon-bridge replay delivers records again.")
	}
	if lost["not_owed"] {
		note("The file may no longer know which records came from InfluxDB. They are delivered again, which changes nothing there.")
	}
	if lost["pinned_origins"] {
		note("Pinned origins may be missing. A metric that is delivered again may then get another class of machine or run.")
	}
	if lost["texts"] {
		note("Texts as sent are lost. Records that need them, or may need them, are counted as damaged.")
	}
	if r.deleting {
		note("A project was being deleted. The new file has nothing of it, and InfluxDB may have: ask for the deletion again.")
	}
	note("A bit that flipped inside a value cannot be seen, since SQLite keeps no checksums of pages. A saved record can have a wrong value.")
	return nil
}

// count counts what the new file has, after it was closed, opened and verified.
func (r *recovery) count(ctx context.Context) error {
	v, err := Verify(ctx, r.path, func(int64, int64) {})
	if err != nil {
		return err
	}
	for _, finding := range v.Findings {
		r.result.Notes = append(r.result.Notes, "The new file has a fault: "+finding.What)
	}
	pool, err := openPool(r.path, checkerPragmas, 1)
	if err != nil {
		return err
	}
	var records uint64
	for _, kind := range kinds {
		k := RecoveredKind{Kind: kind.name, Damaged: r.damaged[kind.table]}
		if err = pool.QueryRowContext(ctx, "SELECT count(*) FROM "+kind.table).Scan(&k.Saved); err != nil {
			break
		}
		r.result.Kinds = append(r.result.Kinds, k)
	}
	if err == nil {
		r.result.Last, err = lastSeq(ctx, pool)
	}
	if err == nil {
		err = pool.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT seq FROM metrics UNION SELECT seq FROM outcomes
			UNION SELECT seq FROM contexts UNION SELECT seq FROM sessions UNION SELECT seq FROM ends)`).Scan(&records)
	}
	r.result.Missing = r.result.Last - records
	return errors.Join(err, pool.Close())
}
