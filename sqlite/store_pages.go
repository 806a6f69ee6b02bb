package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// Projects implements [monitor.PageStore]. It looks up one project after the other, since there are few projects and many
// sessions.
func (db *DB) Projects(ctx context.Context) ([]string, error) {
	return readPart(ctx, db, func(q querier) ([]string, error) {
		names, err := columnOf[string](ctx, q, `WITH RECURSIVE p (name) AS (SELECT min(project) FROM sessions
			UNION ALL SELECT (SELECT min(project) FROM sessions WHERE project > p.name) FROM p WHERE p.name IS NOT NULL)
			SELECT name FROM p WHERE name IS NOT NULL`)
		return slices.DeleteFunc(names, hidden), err
	})
}

// RunSums implements [monitor.PageStore].
func (db *DB) RunSums(ctx context.Context, infos []*monitor.RunInfo) ([]*monitor.Run, error) {
	positions := make([]runPosition, len(infos))
	for i, info := range infos {
		positions[i] = runPosition{project: info.Project, run: info.ID}
	}
	return readPart(ctx, db, func(q querier) ([]*monitor.Run, error) { return runsAt(ctx, q, positions, nil) })
}

// Activities implements [monitor.PageStore].
func (db *DB) Activities(ctx context.Context, project string, runs []string) (map[string]*monitor.Activity, error) {
	found := map[string]*monitor.Activity{}
	return found, db.ofRuns(ctx, `SELECT run, sum(completion = ''), max(coalesce(max(received), 0), coalesce(max(ended), 0), coalesce(max(arrived), 0)),
			coalesce(sum(metrics), 0) + coalesce(sum(outcomes), 0), max(seq)
		FROM (SELECT s.run, s.seq, s.completion, s.received, s.ended,
			(SELECT max(y.received) FROM tallies y WHERE y.session = s.hash) AS arrived,
			(SELECT sum(y.metrics) FROM tallies y WHERE y.session = s.hash) AS metrics,
			(SELECT sum(o.outcomes) FROM outcome_tallies o WHERE o.session = s.hash) AS outcomes
			FROM sessions s WHERE s.project = ? AND s.run IN (%s)) GROUP BY run`, project, runs, func(row scanner) error {
		var run string
		var last int64
		a := new(monitor.Activity)
		err := row.Scan(&run, &a.Open, &last, &a.Records, &a.Newest)
		a.Last = time.Unix(0, last).UTC()
		found[run] = a
		return err
	})
}

// measuredTest has what a test of a run has in common in the tables metrics and outcomes. m is one of them.
const measuredTest = classColumns + `, r.project, r.component, r.item_path, r.item, r.item_variant, r.kind, l.item_fs_loc, m.utc_ns,
	m.total_time, m.user_time + m.kernel_time, m.mem_usage`

// measuredJoins are the tables of measuredTest. The context is read where it is needed, since it costs a search for each row.
var measuredJoins = ` JOIN series r ON r.id = m.series JOIN locations l ON l.id = m.location
	LEFT JOIN sessions s ON s.hash = m.session LEFT JOIN contexts c ON c.seq = ` + contextOf("m.context")

// scanTest reads the columns of measuredTest, and more columns behind them.
func scanTest(row scanner, t *monitor.RunTest, more ...any) error {
	var of classRow
	r := &t.Series
	err := row.Scan(slices.Concat(of.columns(), []any{&r.Project, &r.Component, &r.ItemPath, &r.Item, &r.ItemVariant, &r.Kind, &t.Location,
		&t.Start, float{&t.TotalTime}, float{&t.CPUTime}, float{&t.MemUsage}}, more)...)
	t.Env = of.env()
	return err
}

// LatestTests implements [monitor.PageStore]. It reads the last tests of each session, since a session's tests are in the
// order of time.
func (db *DB) LatestTests(ctx context.Context, project, run string, max int) ([]monitor.RunTest, error) {
	return readPart(ctx, db, func(q querier) ([]monitor.RunTest, error) {
		var tests []monitor.RunTest
		sessions, err := columnOf[int64](ctx, q, "SELECT hash FROM sessions WHERE project = ? AND run = ?", project, run)
		for _, id := range sessions {
			for _, list := range []string{
				", '', 0, '' FROM metrics m INDEXED BY metrics_session" + measuredJoins + " WHERE m.session = ?",
				", m.outcome, m.attempts, m.node_id FROM outcomes m INDEXED BY outcomes_session" + measuredJoins +
					" WHERE m.session = ? AND m.outcome IN ('failed', 'error')",
			} {
				if err == nil {
					err = addTests(ctx, q, &tests, "SELECT "+measuredTest+list+" ORDER BY m.utc_ns DESC LIMIT ?", id, max)
				}
			}
		}
		slices.SortStableFunc(tests, func(a, b monitor.RunTest) int { return cmp.Compare(b.Start, a.Start) })
		return tests[:min(max, len(tests))], err
	})
}

func addTests(ctx context.Context, q querier, tests *[]monitor.RunTest, query string, args ...any) error {
	return each(ctx, q, query, args, func(row scanner) error {
		var t monitor.RunTest
		err := scanTest(row, &t, &t.Outcome, &t.Attempts, &t.NodeID)
		*tests = append(*tests, t)
		return err
	})
}

// UnusualTests implements [monitor.PageStore].
func (db *DB) UnusualTests(ctx context.Context, project, run string, max int) ([]monitor.RunTest, error) {
	return readPart(ctx, db, func(q querier) (tests []monitor.RunTest, err error) {
		return tests, addTests(ctx, q, &tests, "SELECT "+measuredTest+`, m.outcome, m.attempts, m.node_id
			FROM sessions of CROSS JOIN outcomes m INDEXED BY outcomes_session ON m.session = of.hash`+measuredJoins+`
			WHERE of.project = ? AND of.run = ? AND (m.outcome IN ('failed', 'error') OR m.attempts > 1 AND m.outcome IN ('passed', 'xpassed'))
			ORDER BY m.utc_ns LIMIT ?`, project, run, max)
	})
}

// seriesIs finds a series by its index.
const seriesIs = `(SELECT id FROM series WHERE project = ? AND item_path = ? AND item = ? AND item_variant = ? AND kind = ? AND component = ?)`

// TestHistory implements [monitor.PageStore]. The branch is compared after the rows are found by the test: a test has few
// rows beside those of a branch. SQLite compiles a query a second time when its limit is a parameter.
func (db *DB) TestHistory(ctx context.Context, query monitor.TestQuery) ([]monitor.TestPoint, error) {
	t, branch := query.Test, ""
	if query.Branch != nil {
		branch = " AND s.branch = ?"
	}
	const more = `, coalesce(s.run, h.h), coalesce(s.scm_ref, ''), coalesce(s.branch, ''), coalesce(s.build, ''),
		coalesce(c.machine_node, ''), coalesce(c.system_info, ''), coalesce(c.python_info, '')`
	return readPart(ctx, db, func(q querier) (points []monitor.TestPoint, err error) {
		for _, of := range []struct{ outcome, from, unusual string }{
			{"'', 0, ''", " FROM metrics m INDEXED BY metrics_point", ""},
			{"m.outcome, m.attempts, m.node_id", " FROM outcomes m INDEXED BY outcomes_point",
				" AND (m.outcome IN ('failed', 'error') OR m.attempts > 1)"},
		} {
			args := []any{t.Project, t.ItemPath, t.Item, t.ItemVariant, t.Kind, t.Component}
			if query.Branch != nil {
				args = append(args, *query.Branch)
			}
			err := each(ctx, q, "SELECT "+measuredTest+", "+of.outcome+more+of.from+measuredJoins+" JOIN hashes h ON h.id = m.session WHERE m.series = "+
				seriesIs+" AND "+notRemoving+branch+of.unusual+fmt.Sprintf(" ORDER BY m.utc_ns DESC LIMIT %d", query.Limit), args, func(row scanner) error {
				var p monitor.TestPoint
				err := scanTest(row, &p.RunTest, &p.Outcome, &p.Attempts, &p.NodeID, &p.Run, &p.ScmRef, &p.Branch, &p.Build, &p.Host, &p.System, &p.Python)
				points = append(points, p)
				return err
			})
			if err != nil {
				return nil, err
			}
		}
		slices.SortStableFunc(points, func(a, b monitor.TestPoint) int { return cmp.Compare(b.Start, a.Start) })
		return points[:min(query.Limit, len(points))], nil
	})
}

// Siblings implements [monitor.PageStore].
func (db *DB) Siblings(ctx context.Context, test monitor.Series, max int) ([]monitor.Series, error) {
	query := newClause(`SELECT component, item_path, item, item_variant, kind FROM series WHERE project = ? AND item_path = ?
		AND NOT (item = ? AND item_variant = ? AND kind = ? AND component = ?)
		ORDER BY item <> ?, item, item_variant, kind, component LIMIT ?`, test.Project, test.ItemPath, test.Item, test.ItemVariant,
		test.Kind, test.Component, test.Item, max)
	return db.seriesList(ctx, test.Project, query)
}

func (db *DB) seriesList(ctx context.Context, project string, query clause) ([]monitor.Series, error) {
	return readPart(ctx, db, func(q querier) (all []monitor.Series, err error) {
		return all, each(ctx, q, query.sql, query.args, func(row scanner) error {
			s := monitor.Series{Project: project}
			err := row.Scan(&s.Component, &s.ItemPath, &s.Item, &s.ItemVariant, &s.Kind)
			all = append(all, s)
			return err
		})
	})
}

// leastDigits is how many digits of a commit find it.
const leastDigits = 7

// findRuns returns the query for the runs of [DB.Find]. It searches by run and by commit apart, since each has its index.
func findRuns(project, text string, max int) clause {
	query := newClause("SELECT run, max(utc_ns) AS latest FROM (SELECT run, utc_ns FROM sessions INDEXED BY sessions_run WHERE project = ? AND run = ?",
		project, text)
	if len(text) >= leastDigits {
		query.add(" UNION ALL SELECT run, utc_ns FROM sessions INDEXED BY sessions_scm")
		where := newClause("project = ?", project)
		where.prefix("scm_ref", text)
		query.join(where.where())
	}
	query.add(") GROUP BY run ORDER BY latest DESC, run LIMIT ?", max)
	return query
}

// lowerASCII returns a text in the lower case of SQLite's function lower, which knows no other letters than those of ASCII.
func lowerASCII(text string) string {
	b := []byte(text)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// Find implements [monitor.PageStore].
func (db *DB) Find(ctx context.Context, project, text string, max int) (runs []string, tests []monitor.Series, err error) {
	query := findRuns(project, text, max)
	runs, err = readPart(ctx, db, func(q querier) (runs []string, err error) {
		return runs, each(ctx, q, query.sql, query.args, func(row scanner) error {
			var run string
			var latest int64
			err := row.Scan(&run, &latest)
			runs = append(runs, run)
			return err
		})
	})
	if err != nil {
		return nil, nil, err
	}
	query = newClause("SELECT component, item_path, item, item_variant, kind FROM series WHERE project = ?", project)
	for word := range strings.FieldsSeq(strings.ReplaceAll(strings.TrimSuffix(lowerASCII(text), ".py"), "/", ".")) {
		query.add(` AND instr(CAST(lower(item_path || '::' || item || ' ' || item_variant) AS BLOB), CAST(? AS BLOB)) > 0`,
			strings.ReplaceAll(word, ".py::", "::"))
	}
	query.add(" ORDER BY item_path, item, item_variant LIMIT ?", max)
	tests, err = db.seriesList(ctx, project, query)
	return runs, tests, err
}
