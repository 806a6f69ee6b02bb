package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"

	"pymon-bridge/monitor"
)

// Branches implements [monitor.ListStore]. It looks up one branch after the other, since there are few branches and many
// sessions.
func (db *DB) Branches(ctx context.Context, project string, max int) ([]string, error) {
	return readPart(ctx, db, func(q querier) ([]string, error) { return columnOf[string](ctx, q, branchesQuery, project, max) })
}

const branchesQuery = `WITH RECURSIVE b (name) AS (SELECT min(branch) FROM sessions WHERE project = ?1
	UNION ALL SELECT (SELECT min(branch) FROM sessions WHERE project = ?1 AND branch > b.name) FROM b WHERE b.name IS NOT NULL)
	SELECT name FROM b WHERE name IS NOT NULL
	ORDER BY (SELECT max(utc_ns) FROM sessions s WHERE s.project = ?1 AND s.branch = b.name) DESC, name LIMIT ?2`

// RunsOfCommit implements [monitor.ListStore].
func (db *DB) RunsOfCommit(ctx context.Context, project, commit string, max int) ([]string, error) {
	query := runsOfCommit(project, commit, max)
	return readPart(ctx, db, func(q querier) ([]string, error) { return columnOf[string](ctx, q, query.sql, query.args...) })
}

func runsOfCommit(project, commit string, max int) clause {
	query := newClause("SELECT run FROM sessions INDEXED BY sessions_scm")
	where := newClause("project = ?", project)
	where.prefix("scm_ref", commit)
	query.join(where.where())
	query.add(" GROUP BY run ORDER BY max(utc_ns) DESC, run LIMIT ?", max)
	return query
}

// KeptReports implements [monitor.ListStore]. It decodes the results of the reports that have one of the statuses, since
// decoding takes twenty times as long as looking for a word.
func (db *DB) KeptReports(ctx context.Context, project string, runs []string, statuses ...monitor.Status) (map[string]*monitor.Report, error) {
	found := map[string]*monitor.Report{}
	return found, db.ofRuns(ctx, keptContent, project, runs, func(row scanner) (err error) {
		var run string
		var stored []byte
		if err = row.Scan(&run, &stored); err == nil {
			found[run], err = reportWith(stored, statuses)
		}
		return err
	})
}

// reportWith decodes a stored report: as a whole if it has a result of one of the statuses, else its numbers.
func reportWith(stored []byte, statuses []monitor.Status) (*monitor.Report, error) {
	content, err := decompress(stored)
	if err != nil {
		return nil, err
	}
	for _, status := range statuses {
		if bytes.Contains(content, []byte(`"status":"`+status+`"`)) || bytes.Contains(content, []byte(`"accepted":[`)) {
			return decodeReport(content)
		}
	}
	var numbers struct {
		Summary monitor.Summary
		Suite   monitor.Suite
		Started json.RawMessage
	}
	if err := json.Unmarshal(content, &numbers); err != nil {
		return nil, err
	}
	r := &monitor.Report{Summary: numbers.Summary, Suite: numbers.Suite}
	return r, json.Unmarshal(numbers.Started, &r.Started)
}

// The last rows of a test on a branch. The branch is compared after the rows are found by the test: a test has few rows
// beside those of a branch. SQLite compiles a query a second time when its limit is a parameter.
const recentWhere = ` WHERE m.series = ` + seriesIs + ` AND s.branch = ? AND m.utc_ns < ? ORDER BY m.utc_ns DESC LIMIT %d`

var (
	recentMetrics = "SELECT " + classColumns + `, s.run, coalesce(s.scm_ref, ''), m.total_time, m.user_time + m.kernel_time, m.mem_usage
		FROM metrics m INDEXED BY metrics_point JOIN sessions s ON s.hash = m.session
		LEFT JOIN contexts c ON c.seq = ` + contextOf("m.context") + recentWhere
	recentOutcomes = `SELECT m.outcome, m.attempts FROM outcomes m INDEXED BY outcomes_point JOIN sessions s ON s.hash = m.session` +
		recentWhere
)

// RecentTests implements [monitor.ListStore].
func (db *DB) RecentTests(ctx context.Context, query monitor.RecentQuery) ([]monitor.RecentTest, error) {
	return readPart(ctx, db, func(q querier) ([]monitor.RecentTest, error) {
		all := make([]monitor.RecentTest, len(query.Tests))
		err := recentOf(ctx, q, recentMetrics, query, func(i int, row scanner) error { return addPoint(row, &all[i]) })
		if err == nil && query.Outcomes {
			err = recentOf(ctx, q, recentOutcomes, query, func(i int, row scanner) error { return addOutcome(row, &all[i]) })
		}
		return all, err
	})
}

// recentOf calls scan for the last rows of each test.
func recentOf(ctx context.Context, q querier, sql string, query monitor.RecentQuery, scan func(i int, row scanner) error) error {
	sql = fmt.Sprintf(sql, query.Limit)
	before := cmp.Or(query.Before, math.MaxInt64)
	for i, t := range query.Tests {
		args := []any{t.Project, t.ItemPath, t.Item, t.ItemVariant, t.Kind, t.Component, query.Branch, before}
		if err := each(ctx, q, sql, args, func(row scanner) error { return scan(i, row) }); err != nil {
			return err
		}
	}
	return nil
}

func addPoint(row scanner, to *monitor.RecentTest) error {
	var p monitor.RecentPoint
	var of classRow
	err := row.Scan(append(of.columns(), &p.Run, &p.ScmRef, float{&p.TotalTime}, float{&p.CPUTime}, float{&p.MemUsage})...)
	p.Env = of.env()
	to.Points = append(to.Points, p)
	return err
}

func addOutcome(row scanner, to *monitor.RecentTest) error {
	var outcome string
	var attempts int64
	err := row.Scan(&outcome, &attempts)
	if outcome != "skipped" {
		to.Ended++
		if attempts <= 1 && outcome != monitor.OutcomeFailed && outcome != monitor.OutcomeError {
			to.Passed++
		}
	}
	return err
}
