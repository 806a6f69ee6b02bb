package sqlite

import (
	"context"
	"fmt"
	"math"
	"slices"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// records reads each record, in the order of acceptance. At the end it compares what is kept beside the records.
func (v *verification) records(ctx context.Context) error {
	var last uint64
	load := func(q querier) (err error) {
		last, err = greatest(ctx, q, recordTables...)
		return err
	}
	err := v.read(ctx, "file", func(q querier) (err error) {
		if v.removal, err = lastRemoval(ctx, q); err != nil {
			return err
		}
		return load(q)
	})
	if err != nil {
		return err
	}
	from := uint64(0)
	for ; from+censusPart <= last && !v.full(); from += censusPart {
		if err := v.readPart(ctx, from, from+censusPart-1); err != nil {
			return err
		}
		if v.progress(int64(from), int64(last)); from+2*censusPart > last {
			if err := v.read(ctx, "file", load); err != nil { // a bridge may have added more
				return err
			}
		}
	}
	if v.full() {
		return nil
	}
	var rest error
	// The rest is read in the transaction that compares, so that nothing is added in between.
	err = v.read(ctx, "file", func(q querier) error {
		if err := load(q); err != nil {
			return err
		}
		rest = v.part(ctx, q, from, last)
		v.progress(int64(last), int64(last))
		if rest != nil || v.partial {
			return nil
		}
		return v.compare(ctx, q, last)
	})
	if err == nil && rest != nil {
		err = v.readPart(ctx, from, last) // for what cannot be read
	}
	return err
}

// readPart reads the records with the numbers from first to last. Where some cannot be read, it reads halves, until it
// knows which.
func (v *verification) readPart(ctx context.Context, first, last uint64) error {
	before := v.result.Records
	err := v.attempt(ctx, func(q querier) error { return v.part(ctx, q, first, last) })
	if err == nil || ctx.Err() != nil || v.full() {
		return ctx.Err()
	}
	v.partial, v.result.Records = true, before
	if first == last {
		v.found(fmt.Sprintf("record %d", first), "it cannot be read: %v", err)
		return nil
	}
	middle := first + (last-first)/2
	if err := v.readPart(ctx, first, middle); err != nil {
		return err
	}
	return v.readPart(ctx, middle+1, last)
}

// part reads the records of a range.
func (v *verification) part(ctx context.Context, q querier, first, last uint64) error {
	if err := v.references(ctx, q, first, last); err != nil {
		return err
	}
	in := newClause("seq BETWEEN ? AND ?", first, last)
	for query, scan := range map[string]func(scanner) (*monitor.Record, error){
		"SELECT " + contextColumns + contextTables:                       scanContext,
		"SELECT * FROM (SELECT " + endColumns + endTables + ") ":         scanSession,
		"SELECT * FROM (SELECT " + sessionColumns + sessionTables + ") ": v.session(ctx, q),
	} {
		err := each(ctx, q, query+"WHERE "+in.sql, in.args, func(row scanner) error {
			_, err := scan(row)
			v.result.Records++
			return err
		})
		if err != nil {
			return err
		}
	}
	s := selection{where: in.sql, args: in.args, limit: -1}
	if _, err := readOrigins(ctx, q, s); err != nil {
		return err
	}
	return v.census.add(ctx, q, first, last, func(metricRow) error {
		v.result.Records++
		return nil
	}, func(z zoneMap) error { return v.zoneMap(ctx, q, z) })
}

// references finds rows that refer to texts which are not there.
func (v *verification) references(ctx context.Context, q querier, first, last uint64) error {
	const measured = ` WHERE seq BETWEEN ?1 AND ?2 AND (NOT EXISTS (SELECT 1 FROM series WHERE id = m.series) OR
		NOT EXISTS (SELECT 1 FROM hashes WHERE id = m.session) OR NOT EXISTS (SELECT 1 FROM hashes WHERE id = m.context) OR
		NOT EXISTS (SELECT 1 FROM locations WHERE id = m.location))`
	const hash = " WHERE seq BETWEEN ?1 AND ?2 AND NOT EXISTS (SELECT 1 FROM hashes WHERE id = m.hash)"
	return each(ctx, q, "SELECT seq FROM metrics m"+measured+" UNION ALL SELECT seq FROM outcomes m"+measured+
		" UNION ALL SELECT seq FROM contexts m"+hash+" UNION ALL SELECT seq FROM sessions m"+hash+
		" UNION ALL SELECT seq FROM ends m WHERE seq BETWEEN ?1 AND ?2 AND NOT EXISTS (SELECT 1 FROM sessions WHERE hash = m.session) LIMIT 1",
		[]any{first, last}, func(row scanner) error {
			var seq uint64
			if err := row.Scan(&seq); err != nil {
				return err
			}
			return fmt.Errorf("record %d refers to a text or a session that is not in the file", seq)
		})
}

// session returns a function that reads a session and compares its tags with its description.
func (v *verification) session(ctx context.Context, q querier) func(scanner) (*monitor.Record, error) {
	return func(row scanner) (*monitor.Record, error) {
		rec, err := scanSession(row)
		if err != nil {
			return nil, err
		}
		var tags []monitor.Tag
		err = each(ctx, q, "SELECT name, value FROM tags WHERE session = (SELECT hash FROM sessions WHERE seq = ?) ORDER BY position",
			[]any{rec.Seq}, func(row scanner) error {
				var t monitor.Tag
				err := row.Scan(&t.Name, nullable{&t.Value})
				tags = append(tags, t)
				return err
			})
		if err == nil && !slices.Equal(tags, wire.ParseDescription(rec.Session.Description)) {
			v.found(fmt.Sprintf("record %d", rec.Seq), "the tags of the session are not those of its description")
		}
		return rec, err
	}
}

// contents reads what the program wrote into single values.
func (v *verification) contents(ctx context.Context) error {
	for _, kind := range contents {
		for after, more := int64(math.MinInt64), true; more && !v.full(); {
			more = false
			err := v.read(ctx, kind.table, func(q querier) error {
				return kind.each(ctx, q, "> ? ORDER BY 1 LIMIT 100", after, func(key int64, bad error) {
					after, more = key, true
					if bad != nil {
						v.found(fmt.Sprintf(kind.where, key), "%v", bad)
					}
				})
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
