package sqlite

import (
	"context"
	"maps"
	"time"

	"pymon-bridge/monitor"
)

// flakySearch finds flaky tests in three steps: the chosen runs, the tests that failed or were retried in them, and what these
// tests did in the sessions with the same circumstances. Sessions are read in the order of an index, a few in each
// transaction.
type flakySearch struct {
	ctx context.Context
	db  *DB

	runs     []chosenRun
	from     int64            // no outcome of the runs is earlier
	places   map[visit]*place // of the outcomes of the runs
	groups   map[circumstances]*group
	sessions map[int64]*ofRun // the sessions of the runs

	tests map[testKey]*flaky
	found []*flaky
}

func newFlakySearch(ctx context.Context, db *DB) *flakySearch {
	return &flakySearch{ctx: ctx, db: db, places: make(map[visit]*place), groups: make(map[circumstances]*group),
		sessions: make(map[int64]*ofRun), tests: make(map[testKey]*flaky)}
}

// ofRun is a session of a chosen run.
type ofRun struct {
	run         int  // index
	contradicts bool // its outcomes can contradict those of another session
}

type chosenRun struct {
	project, id string
}

// visit is a session in a context, by the IDs of their hashes.
type visit struct{ session, context int64 }

// place is what the outcomes of a visit have in common.
type place struct {
	run         int // index
	scmRef, env string
	job         string // the branch, if it is in truth a job
	dirty       bool   // the files were not those of the commit
	group       *group // nil without a commit, and where dirty
}

// circumstances are what outcomes have to share to contradict each other. Outcomes without a commit, and of files that are not
// those of the commit, contradict no others.
// Jobs run different commands, so they do not contradict each other.
type circumstances struct{ project, scmRef, env, job string }

// group is the sessions with the same circumstances.
type group struct {
	sessions []int64          // the IDs
	failed   map[testKey]bool // the tests that failed
}

// worksOrNot is a list of the outcomes that say whether a test works, in SQL.
const worksOrNot = "('" + monitor.Passed + "', '" + monitor.OutcomeFailed + "', '" + monitor.OutcomeError + "')"

// chooseRuns reads the chosen runs. The branch and the start are those of the first session.
func (s *flakySearch) chooseRuns(q querier, query monitor.FlakyQuery) error {
	projects := []string{query.Project}
	if query.Project == "" {
		var err error
		if projects, err = columnOf[string](s.ctx, q, "SELECT DISTINCT project FROM sessions"); err != nil {
			return err
		}
	}
	for _, project := range projects {
		if err := s.chooseRunsOf(q, project, query); err != nil {
			return err
		}
	}
	return nil
}

func (s *flakySearch) chooseRunsOf(q querier, project string, query monitor.FlakyQuery) error {
	where := newClause("s.project = ?", project)
	if query.Branch != nil {
		where.and("s.branch = ?", *query.Branch)
	}
	if query.Since != 0 {
		where.and("s.utc_ns >= ?", query.Since)
	}
	where.and(`NOT EXISTS (SELECT 1 FROM sessions e WHERE e.project = s.project AND e.run = s.run AND
		(e.utc_ns, e.seq) < (s.utc_ns, s.seq))`)
	where.and(`EXISTS (SELECT 1 FROM sessions o JOIN outcome_tallies y ON y.session = o.hash
		WHERE o.project = s.project AND o.run = s.run)`)
	limit := query.Last
	if limit <= 0 {
		limit = -1
	}
	list := newClause("SELECT s.run, s.utc_ns FROM sessions s INDEXED BY sessions_project")
	list.join(where.where())
	list.add(" ORDER BY s.utc_ns DESC, s.seq DESC LIMIT ?", limit)
	return each(s.ctx, q, list.sql, list.args, func(row scanner) error {
		run := chosenRun{project: project}
		var start int64
		err := row.Scan(&run.id, &start)
		// A clock may be changed between the start of a session and that of a test.
		if start -= int64(24 * time.Hour); len(s.runs) == 0 || start < s.from {
			s.from = start
		}
		s.runs = append(s.runs, run)
		return err
	})
}

// brokenAt is how many tests fail at least in a broken session.
const brokenAt = 20

// balance has the numbers of tests that passed and failed in a session.
type balance struct{ passed, failed int64 }

// broken says that not the tests are at fault. The machine was out of order, say, or a server that all tests need.
func (b *balance) broken() bool { return b.failed >= brokenAt && b.failed > b.passed }

// readPlaces reads the sessions of the runs, and in which contexts they have outcomes. It leaves out broken sessions.
func (s *flakySearch) readPlaces(q querier) error {
	balances := make(map[int64]*balance)
	for first := 0; first < len(s.runs); first += runsAtOnce {
		part := s.runs[first:min(len(s.runs), first+runsAtOnce)]
		query := withRuns(len(part), func(i int) (project, id string) { return part[i].project, part[i].id })
		query.add("SELECT " + classColumns + `, chosen.i, s.hash, coalesce(s.scm_ref, ''), s.branch,
			EXISTS (SELECT 1 FROM tags t WHERE t.session = s.hash AND t.name = '` + monitor.TagDirty + `' AND t.value <> ''), y.context, iif(y.outcome = '` + monitor.Passed + `', y.outcomes, 0),
			iif(y.outcome IN ('` + monitor.OutcomeFailed + "', '" + monitor.OutcomeError + "'), y.outcomes, 0)" + chosenSessions +
			" CROSS JOIN outcome_tallies y ON y.session = s.hash LEFT JOIN contexts c ON c.seq = " + contextOf("y.context"))
		err := each(s.ctx, q, query.sql, query.args, func(row scanner) error {
			at := &place{}
			var of classRow
			var branch string
			var v visit
			var b balance
			err := row.Scan(append(of.columns(), &at.run, &v.session, &at.scmRef, &branch, &at.dirty, &v.context, &b.passed, &b.failed)...)
			at.run += first
			at.env = of.env()
			if monitor.IsJob(branch) {
				at.job = branch
			}
			s.places[v] = at
			if balances[v.session] == nil {
				balances[v.session] = &balance{}
			}
			balances[v.session].passed += b.passed
			balances[v.session].failed += b.failed
			return err
		})
		if err != nil {
			return err
		}
	}
	maps.DeleteFunc(s.places, func(v visit, _ *place) bool { return balances[v.session].broken() })
	for v, at := range s.places {
		s.join(v, at)
	}
	for _, g := range s.groups {
		for _, session := range g.sessions {
			s.sessions[session].contradicts = s.sessions[session].contradicts || len(g.sessions) > 1
		}
	}
	return nil
}

// join adds a visit to its group.
func (s *flakySearch) join(v visit, at *place) {
	if s.sessions[v.session] == nil {
		s.sessions[v.session] = &ofRun{run: at.run}
	}
	if at.scmRef == "" || at.dirty {
		return
	}
	same := circumstances{s.runs[at.run].project, at.scmRef, at.env, at.job}
	if at.group = s.groups[same]; at.group == nil {
		at.group = &group{failed: make(map[testKey]bool)}
		s.groups[same] = at.group
	}
	at.group.sessions = append(at.group.sessions, v.session)
}
