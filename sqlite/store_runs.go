package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// Runs implements [monitor.Store].
func (db *DB) Runs(ctx context.Context, query monitor.RunQuery, p monitor.Page) iter.Seq2[*monitor.Run, error] {
	return stream(ctx, db, p, lister[runPosition, *monitor.Run]{
		func(ctx context.Context, q querier, w wanted[runPosition]) ([]runPosition, error) {
			list := newClause("SELECT project, run, min(utc_ns) AS start FROM sessions")
			list.join(runsWhere(query).where())
			list.add(" GROUP BY project, run")
			if w.after != nil {
				list.add(" HAVING (min(utc_ns), run, project) > (?, ?, ?)", w.after.start, w.after.run, w.after.project)
			}
			list.add(" ORDER BY start, run, project")
			return rowsOf(ctx, q, list, w.skip, w.max, w.left, func(row scanner) (at runPosition, bytes int, err error) {
				err = row.Scan(&at.project, &at.run, &at.start)
				return at, len(at.run), err
			})
		}, runsAt})
}

// runPosition is the position of a run in a list.
type runPosition struct {
	project, run string
	start        int64
}

// CountRuns implements [monitor.Store].
func (db *DB) CountRuns(ctx context.Context, q monitor.RunQuery) (int64, error) {
	query := newClause("SELECT count(*) FROM (SELECT DISTINCT project, run FROM sessions")
	query.join(runsWhere(q).where())
	query.add(")")
	return db.count(ctx, query)
}

func runsWhere(q monitor.RunQuery) (where clause) {
	where.seen("project", q.Project)
	if q.Run != "" {
		where.and("run = ?", q.Run)
	}
	return where
}

// runsAtOnce bounds the number of values in a query. SQLite allows 32,766.
const runsAtOnce = 500

// runsAt reads the runs at some positions.
func runsAt(ctx context.Context, q querier, positions []runPosition, left *budget) ([]*monitor.Run, error) {
	runs := make([]*monitor.Run, len(positions))
	for i, at := range positions {
		runs[i] = &monitor.Run{Project: at.project, ID: at.run}
	}
	for part := range slices.Chunk(runs, runsAtOnce) {
		if err := fillSessions(ctx, q, part, left); err != nil {
			return nil, err
		}
		if err := fillTallies(ctx, q, part, left); err != nil {
			return nil, err
		}
		if err := fillOutcomes(ctx, q, part); err != nil {
			return nil, err
		}
		if err := fillBriefs(ctx, q, part); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// withRuns returns the beginning of a query. It makes the table chosen, with the index i, the project and the id of n
// runs.
func withRuns(n int, run func(i int) (project, id string)) clause {
	query := newClause("WITH chosen (i, project, run) AS (VALUES " + strings.Repeat("(?, ?, ?), ", n-1) + "(?, ?, ?)) ")
	for i := range n {
		project, id := run(i)
		query.args = append(query.args, i, project, id)
	}
	return query
}

// namesOf returns the function that [withRuns] needs.
func namesOf(runs []*monitor.Run) func(i int) (project, id string) {
	return func(i int) (project, id string) { return runs[i].Project, runs[i].ID }
}

const chosenSessions = " FROM chosen CROSS JOIN sessions s ON s.project = chosen.project AND s.run = chosen.run"

// fillSessions reads the sessions of runs. It sorts them itself, since SQLite would hold in memory everything that it
// sorts.
func fillSessions(ctx context.Context, q querier, runs []*monitor.Run, left *budget) error {
	query := withRuns(len(runs), namesOf(runs))
	query.add("SELECT " + sessionColumns + ", chosen.i" + chosenSessions + " CROSS JOIN hashes h ON h.id = s.hash")
	err := each(ctx, q, query.sql, query.args, func(row scanner) error {
		var i int
		rec, err := scanSession(withMore{row, []any{&i}})
		if err != nil {
			return err
		}
		runs[i].Sessions = append(runs[i].Sessions, rec.Session)
		return left.spend(sessionSize(rec))
	})
	for _, r := range runs {
		slices.SortFunc(r.Sessions, func(a, b *monitor.Session) int {
			return cmp.Or(cmp.Compare(a.Start.UTC, b.Start.UTC), cmp.Compare(a.SessionH, b.SessionH))
		})
		if len(r.Sessions) > 0 {
			r.Started, r.Ended = r.Sessions[0].Start, r.Sessions[0].Start
		}
	}
	return err
}

// withMore scans more columns after those of its caller.
type withMore struct {
	scanner
	more []any
}

// Scan implements scanner.
func (m withMore) Scan(dest ...any) error { return m.scanner.Scan(append(dest, m.more...)...) }

// fillTallies adds up the tallies of runs.
func fillTallies(ctx context.Context, q querier, runs []*monitor.Run, left *budget) error {
	query := withRuns(len(runs), namesOf(runs))
	query.add("SELECT " + classColumns + `, chosen.i, y.kind, y.metrics, y.total_time, y.user_time, y.kernel_time, y.end_ns, y.end_offset` +
		chosenSessions + ` CROSS JOIN tallies y ON y.session = s.hash LEFT JOIN contexts c ON c.seq = ` + contextOf("y.context"))
	ended := make([]bool, len(runs)) // r.Ended is the end of a metric
	return each(ctx, q, query.sql, query.args, func(row scanner) error {
		var i int
		var of classRow
		var kind string
		var metrics int64
		var total, user, kernel float64
		var end monitor.Instant
		err := row.Scan(append(of.columns(), &i, &kind, &metrics, &total, &user, &kernel, &end.UTC, &end.Offset)...)
		if err != nil {
			return err
		}
		r := runs[i]
		if kind == monitor.KindFunction {
			r.Tests += metrics
			r.TotalTime, r.UserTime, r.KernelTime = r.TotalTime+total, r.UserTime+user, r.KernelTime+kernel
		} else {
			r.Modules += metrics
		}
		if !ended[i] || end.UTC > r.Ended.UTC {
			ended[i], r.Ended = true, end
		}
		return addEnvironment(r, of.env(), left)
	})
}

// fillOutcomes counts the outcomes of runs.
func fillOutcomes(ctx context.Context, q querier, runs []*monitor.Run) error {
	query := withRuns(len(runs), namesOf(runs))
	query.add("SELECT chosen.i, y.outcome, y.outcomes" + chosenSessions + " CROSS JOIN outcome_tallies y ON y.session = s.hash")
	return each(ctx, q, query.sql, query.args, func(row scanner) error {
		var i int
		var outcome string
		var n int64
		err := row.Scan(&i, &outcome, &n)
		if runs[i].Outcomes == nil {
			runs[i].Outcomes = make(map[string]int64)
		}
		runs[i].Outcomes[outcome] += n
		return err
	})
}

// fillBriefs adds what the kept reports on runs say.
func fillBriefs(ctx context.Context, q querier, runs []*monitor.Run) error {
	query := withRuns(len(runs), namesOf(runs))
	query.add("SELECT chosen.i, k.brief FROM chosen CROSS JOIN reports k ON k.project = chosen.project AND k.run = chosen.run")
	return each(ctx, q, query.sql, query.args, func(row scanner) error {
		var i int
		var brief string
		if err := row.Scan(&i, &brief); err != nil {
			return err
		}
		runs[i].Report = new(monitor.Brief)
		return json.Unmarshal([]byte(brief), runs[i].Report)
	})
}

// addEnvironment adds a class of machine to a run. The classes are sorted, and each is there once.
func addEnvironment(r *monitor.Run, env string, left *budget) error {
	i, found := slices.BinarySearch(r.Environments, env)
	if found {
		return nil
	}
	r.Environments = slices.Insert(r.Environments, i, env)
	return left.spend(len(env))
}
