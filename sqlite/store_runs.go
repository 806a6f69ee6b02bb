package sqlite

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// Runs implements [monitor.Store].
func (db *DB) Runs(ctx context.Context, q monitor.RunQuery, p monitor.Page) iter.Seq2[*monitor.Run, error] {
	return stream(ctx, db, p, func() lister[runPosition, *monitor.Run] {
		var last *runPosition
		return lister[runPosition, *monitor.Run]{func(from querier, skip, max int64, left *budget) ([]runPosition, error) {
			query := newClause("SELECT project, run, min(utc_ns) AS start FROM sessions")
			query.join(runsWhere(q).where())
			query.add(" GROUP BY project, run")
			if last != nil {
				query.add(" HAVING (min(utc_ns), run, project) > (?, ?, ?)", last.start, last.run, last.project)
			}
			query.add(" ORDER BY start, run, project")
			return rowsOf(ctx, from, query, skip, max, func(row scanner) (runPosition, error) {
				var at runPosition
				if err := row.Scan(&at.project, &at.run, &at.start); err != nil {
					return at, err
				}
				last = &at
				return at, left.spend(len(at.run))
			})
		}, func(from querier, positions []runPosition, left *budget) ([]*monitor.Run, error) {
			return runsAt(ctx, from, positions, left)
		}}
	})
}

// runPosition is where a run stands in a list.
type runPosition struct {
	project, run string
	start        int64
}

// CountRuns implements [monitor.Store].
func (db *DB) CountRuns(ctx context.Context, q monitor.RunQuery) (int64, error) {
	query := newClause("SELECT count(*) FROM (SELECT DISTINCT project, run FROM sessions")
	query.join(runsWhere(q).where())
	query.add(")")
	return part(ctx, db, func(from querier) (int64, error) { return countOf(ctx, from, query) })
}

func runsWhere(q monitor.RunQuery) (where clause) {
	if q.Project != "" {
		where.and("project = ?", q.Project)
	}
	if q.Run != "" {
		where.and("run = ?", q.Run)
	}
	return where
}

// runsAtOnce bounds the values of one query, of which SQLite takes 32,766.
const runsAtOnce = 500

// runsAt reads the runs at some positions within a budget.
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
	}
	return runs, nil
}

// chosen returns the beginning of a query that reads from n runs, as chosen with their index i.
func chosen(n int, run func(i int) (project, id string)) clause {
	query := newClause("WITH chosen (i, project, run) AS (VALUES " + strings.Repeat("(?, ?, ?), ", n-1) + "(?, ?, ?)) ")
	for i := range n {
		project, id := run(i)
		query.args = append(query.args, i, project, id)
	}
	return query
}

// named names the runs of a list.
func named(runs []*monitor.Run) func(i int) (project, id string) {
	return func(i int) (project, id string) { return runs[i].Project, runs[i].ID }
}

const chosenSessions = " FROM chosen CROSS JOIN sessions s ON s.project = chosen.project AND s.run = chosen.run"

// fillSessions reads the sessions of runs, and puts them in order when they are read: SQLite would hold all that it sorts.
func fillSessions(ctx context.Context, q querier, runs []*monitor.Run, left *budget) error {
	query := chosen(len(runs), named(runs))
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

// withMore scans columns after those that are asked for.
type withMore struct {
	scanner
	more []any
}

// Scan implements scanner.
func (m withMore) Scan(dest ...any) error { return m.scanner.Scan(append(dest, m.more...)...) }

// fillTallies sums up what was measured.
func fillTallies(ctx context.Context, q querier, runs []*monitor.Run, left *budget) error {
	query := chosen(len(runs), named(runs))
	query.add(`SELECT chosen.i, s.machine, s.method, c.env, coalesce(c.python_info, ''), y.kind, y.metrics, y.total_time,
		y.user_time, y.kernel_time, y.first_ns, y.first_offset, y.end_ns, y.end_offset` + chosenSessions + `
		CROSS JOIN tallies y ON y.session = s.hash LEFT JOIN contexts c ON c.seq = ` + contextOf("y.context"))
	ended := make([]bool, len(runs)) // by a metric
	return each(ctx, q, query.sql, query.args, func(row scanner) error {
		var i int
		var session monitor.Session
		var machine monitor.Context
		var env *string
		var kind string
		var metrics int64
		var total, user, kernel float64
		var first, end monitor.Instant
		err := row.Scan(&i, &session.Machine, &session.Method, &env, &machine.PythonInfo, &kind, &metrics, &total, &user,
			&kernel, &first.UTC, &first.Offset, &end.UTC, &end.Offset)
		if err != nil {
			return err
		}
		r := runs[i]
		if kind == kindFunction {
			r.Tests += metrics
			r.TotalTime, r.UserTime, r.KernelTime = r.TotalTime+total, r.UserTime+user, r.KernelTime+kernel
		} else {
			r.Modules += metrics
		}
		if first.UTC < r.Started.UTC {
			r.Started = first
		}
		if !ended[i] || end.UTC > r.Ended.UTC {
			ended[i], r.Ended = true, end
		}
		known := &machine
		if machine.Env = deref(env); env == nil {
			known = nil
		}
		return addEnvironment(r, monitor.OriginOf("", known, &session).Env, left)
	})
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// addEnvironment keeps the classes of machine sorted and each of them once.
func addEnvironment(r *monitor.Run, env string, left *budget) error {
	i, found := slices.BinarySearch(r.Environments, env)
	if found {
		return nil
	}
	r.Environments = slices.Insert(r.Environments, i, env)
	return left.spend(len(env))
}
