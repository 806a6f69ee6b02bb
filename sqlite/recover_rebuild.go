package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"

	"pymon-bridge/monitor"
)

// rebuild builds the tables that follow from others.
func (r *recovery) rebuild(ctx context.Context) error {
	last, err := r.lastRecord(ctx)
	if err != nil {
		return err
	}
	c := newCensus()
	a := appender{writer: r.w, tallies: c.tallies, outcomes: c.outcomes}
	a.zone, a.open = zoneMap{}, zoneMap{}
	for from := uint64(0); from <= last; from += censusPart {
		err := c.add(ctx, r.w.conn, from, min(from+censusPart-1, last), a.keepClock, func(z zoneMap) error {
			a.open = z
			return a.writeZoneMap()
		})
		if err == nil {
			err = r.wrote(censusPart * rowBytes)
		}
		if err != nil {
			return err
		}
	}
	if err := r.rebuildTags(ctx, &a); err != nil {
		return err
	}
	return a.writeTallies()
}

// rebuildTags builds the tags of sessions from their descriptions, of which it has few in memory.
func (r *recovery) rebuildTags(ctx context.Context, a *appender) error {
	for last, more := int64(math.MinInt64), true; more; {
		var sessions []int64
		var descriptions []string
		left := budget(bytesAtOnce)
		err := each(ctx, r.w.conn, "SELECT seq, hash, description FROM sessions WHERE seq > ? ORDER BY seq LIMIT ?", []any{last, censusPart},
			func(row scanner) error {
				var session int64
				var description string
				err := row.Scan(&last, &session, &description)
				sessions, descriptions = append(sessions, session), append(descriptions, description)
				return cmp.Or(err, left.spend(len(description)))
			})
		if err != nil && err != errEnough {
			return err
		}
		for i, session := range sessions {
			err := errors.Join(a.addTags(session, descriptions[i]), r.wrote(2*len(descriptions[i]))) // an index has the values again
			if err != nil {
				return err
			}
		}
		more = len(sessions) > 0
	}
	return nil
}

// keepClock notes that a metric does not stand at its own nanosecond.
func (a *appender) keepClock(row metricRow) error {
	m := row.rec.Metric
	if m == nil {
		return nil
	}
	start, err := monitor.ParseTime(m.ItemStartTime)
	r := &newRow{hash: monitor.RecordHash(row.rec.Project, m)}
	if err != nil || m.At.UTC == ownTime(r, start.At(m.At.Offset)) {
		return nil // a text that is no time came from elsewhere
	}
	_, err = a.exec("INSERT INTO clocks (hash, seq) VALUES (?, ?)", r.shortHash(), row.rec.Seq)
	return err
}

// setNumbers makes sure that no number is given out again: of records, tokens, reports and acceptances.
func (r *recovery) setNumbers(ctx context.Context) error {
	last, err := r.lastNumber(ctx)
	if err != nil {
		return err
	}
	var most uint64
	if err := r.w.conn.QueryRowContext(ctx, "SELECT coalesce(max(cursor), 0) FROM destinations").Scan(&most); err != nil {
		return err
	}
	last = max(last, most)
	tokens := int64(1) // nobody may use a bridge without a token that had some
	counted := map[string]int64{}
	for _, row := range r.rowsOf("sqlite_sequence") {
		if name, ok := row[0].(string); ok && len(row) == 2 {
			n, _ := row[1].(int64)
			counted[name] = n
		}
	}
	if n, ok := counted["tokens"]; ok && n > 0 {
		tokens = n
	} else if !r.found.hurt["tokens"] && !r.found.hurt["sqlite_sequence"] {
		tokens = 0
	}
	for _, q := range []struct {
		query string
		args  []any
	}{
		{"UPDATE sequence SET last = ?", []any{last}},
		{"UPDATE destinations SET dead = (SELECT count(*) FROM dead_letters l WHERE l.dest = id)", nil},
		{"DELETE FROM sqlite_sequence WHERE name IN ('tokens', 'reports', 'acceptances')", nil},
		{"INSERT INTO sqlite_sequence (name, seq) SELECT 'tokens', n FROM (SELECT max(?, coalesce(max(id), 0)) AS n FROM tokens) WHERE n > 0",
			[]any{tokens}},
		{`INSERT INTO sqlite_sequence (name, seq) SELECT 'reports', max(?, (SELECT coalesce(max(version), 0) FROM reports),
			(SELECT coalesce(max(reports), 0) FROM destinations))`, []any{counted["reports"]}},
		{"INSERT INTO sqlite_sequence (name, seq) SELECT 'acceptances', max(?, coalesce(max(id), 0)) FROM acceptances", []any{counted["acceptances"]}},
	} {
		if _, err := r.w.exec(q.query, q.args...); err != nil {
			return fmt.Errorf("%s: %w", q.query, err)
		}
	}
	return nil
}

// rowsOf returns the rows of a small table as they are in the damaged file.
func (r *recovery) rowsOf(table string) (all [][]any) {
	for _, f := range r.found.found[table] {
		rows, _, _ := r.src.file.Rows(r.src.file.Read(f.number))
		for _, row := range rows {
			if len(row.Values) > 0 {
				all = append(all, row.Values)
			}
		}
	}
	return all
}
