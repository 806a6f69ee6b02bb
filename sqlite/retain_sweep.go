package sqlite

import "time"

// unusedFor is how long a context stays that nothing refers to yet. Its run begins, perhaps.
const unusedFor = 24 * time.Hour

// unused are the rows of dictionaries that nothing refers to, and reports on runs that went. Each sum refers to what its rows refer to, so
// it is enough to look at the sums. The names of a project that is being deleted are left to its deletion.
var unused = []struct{ table, key, condition string }{
	{"contexts", "hash", `received < ?2 AND NOT EXISTS (SELECT 1 FROM hashes mine JOIN hashes theirs ON theirs.h = mine.h
		WHERE mine.id = x.hash AND (mine.project GLOB 'deleted *' OR EXISTS (SELECT 1 FROM tallies y WHERE y.context = theirs.id)
			OR EXISTS (SELECT 1 FROM outcome_tallies y WHERE y.context = theirs.id)))
		AND (?1 = '' OR EXISTS (SELECT 1 FROM destinations d WHERE d.name = ?1 AND x.seq <= d.cursor
			AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.dest = d.id AND p.seq = x.seq)
			AND NOT EXISTS (SELECT 1 FROM dead_letters l WHERE l.dest = d.id AND l.seq = x.seq)))`},
	{"reports", "version", `NOT EXISTS (SELECT 1 FROM sessions s WHERE s.project = x.project AND s.run = x.run)
		AND (?1 = '' OR EXISTS (SELECT 1 FROM destinations d WHERE d.name = ?1 AND x.version <= d.reports))`}, // judging was late
	{"hashes", "id", `project NOT GLOB 'deleted *' AND NOT EXISTS (SELECT 1 FROM contexts c WHERE c.hash = x.id)
		AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.hash = x.id)
		AND NOT EXISTS (SELECT 1 FROM tallies y WHERE y.session = x.id) AND NOT EXISTS (SELECT 1 FROM tallies y WHERE y.context = x.id)
		AND NOT EXISTS (SELECT 1 FROM outcome_tallies y WHERE y.session = x.id)
		AND NOT EXISTS (SELECT 1 FROM outcome_tallies y WHERE y.context = x.id)`},
	{"components", "id", `project NOT GLOB 'deleted *' AND NOT EXISTS (SELECT 1 FROM tallies y WHERE y.component = x.id)
		AND NOT EXISTS (SELECT 1 FROM outcome_tallies y WHERE y.component = x.id)`},
	{"series", "id", `project NOT GLOB 'deleted *' AND NOT EXISTS (SELECT 1 FROM metrics m INDEXED BY metrics_point WHERE m.series = x.id)
		AND NOT EXISTS (SELECT 1 FROM outcomes o INDEXED BY outcomes_point WHERE o.series = x.id)`},
}

// sweep removes what only removed runs referred to. A context or report that the destination lacks stays.
func (r *retaining) sweep() error {
	r.db.swept = r.db.Now()
	for _, u := range unused {
		var args []any
		switch u.table {
		case "contexts":
			args = []any{string(r.policy.Dest), nanoseconds(r.db.Now().Add(-unusedFor))}
		case "reports":
			args = []any{string(r.policy.Dest)}
		}
		find := "SELECT " + u.key + " FROM " + u.table + " AS x WHERE " + u.condition
		ids, err := r.db.numbersFrom(r.ctx, find, args...)
		if err != nil {
			return err
		}
		err = r.inSteps(ids, func(w *writer, some []uint64) error {
			// Something may refer to them meanwhile.
			still, err := columnOf[uint64](r.ctx, w.conn, find+" AND "+u.key+" IN (SELECT value FROM json_each(?))", append(args, jsonList(some))...)
			if err != nil {
				return err
			}
			if u.table == "contexts" {
				return w.removeMetadata(r.ctx, still)
			}
			for _, c := range w.caches {
				c.drop()
			}
			_, err = w.exec("DELETE FROM "+u.table+" WHERE "+u.key+inList, jsonList(still))
			return err
		})
		if err != nil {
			return err
		}
		if u.table == "contexts" && len(ids) > 0 {
			r.removed()
		}
	}
	return r.db.removeLocations(r.ctx, r.inSteps)
}
