package sqlite

import (
	"cmp"
	"context"
	"hash/maphash"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// oldRun is a run that may go. The times are in UTC nanoseconds.
type oldRun struct {
	project, run string
	last         int64  // start of its last session
	seq          uint64 // number of its last session
	received     int64  // arrival of its last session
	imported     bool   // its last session is imported
	tooOld       bool   // it goes for its age; else it goes to make room
	orphan       uint64 // hash of a session that nobody knows, which is a run of its own; 0 for none
}

// plan returns the oldest runs that may go as far as [planned] knows, the oldest first. more says that there are others. It reads all sessions from the newest on, some in each transaction.
func (r *retaining) plan(need bool) (plan []oldRun, more bool, err error) {
	a, err := r.ages()
	if err != nil {
		return nil, false, err
	}
	r.round.Newest = 0
	rules := planned{a, need, r.policy.NewestRuns(a.now), r.held}
	seen, seed := map[uint64]bool{}, maphash.MakeSeed()
	add := func(run oldRun) {
		if plan = append(plan, run); len(plan) >= 2*r.most { // those that came last are the oldest
			plan, more = slices.Delete(plan, 0, len(plan)-r.most), true
		}
	}
	for at := (pageEnd{math.MaxInt64, math.MaxInt64}); ; {
		runs, end, err := r.olderRuns(at, func(run oldRun) bool {
			key := maphash.Comparable(seed, heldRun{run.project, run.run})
			known := seen[key]
			seen[key] = true
			return !known
		})
		if err != nil {
			return nil, false, err
		}
		for _, run := range runs {
			why := rules.stays(&run)
			if r.count(why); why == mayGo {
				add(run.oldRun)
			}
		}
		if end == at {
			break
		}
		at = end
	}
	slices.Reverse(plan)
	orphans, err := r.orphans(r.most + len(r.held) + 1)
	for _, run := range orphans {
		if of := (groupedRun{oldRun: run}); rules.stays(&of) == mayGo {
			plan = append(plan, of.oldRun)
		}
	}
	slices.SortStableFunc(plan, func(a, b oldRun) int { return cmp.Compare(a.last, b.last) })
	return plan[:min(r.most, len(plan))], more || len(plan) > r.most, err
}

// pageEnd is where a page of sessions ends, from the newest on.
type pageEnd struct{ utc, seq int64 }

// groupedRun is a run with what it has in common with others.
type groupedRun struct {
	oldRun
	groups []monitor.RunGroup
	commit string // or what stands for it
}

// olderRuns reads a page of sessions, and returns their runs that are new, with the end of the page, which is at when there are no more.
func (r *retaining) olderRuns(at pageEnd, isNew func(oldRun) bool) (runs []groupedRun, end pageEnd, err error) {
	end = at
	err = r.db.readFrom(r.ctx, r.db.listers, func(q querier) error {
		err := each(r.ctx, q, `SELECT seq, utc_ns, received, imported, project, run FROM sessions INDEXED BY sessions_time WHERE (utc_ns, seq) < (?, ?)
			ORDER BY utc_ns DESC, seq DESC LIMIT ?`, []any{at.utc, at.seq, runsAtOnce}, func(row scanner) error {
			var run oldRun
			err := row.Scan(&end.seq, &end.utc, &run.received, &run.imported, &run.project, &run.run)
			run.last, run.seq = end.utc, uint64(end.seq)
			if err == nil && !hidden(run.project) && isNew(run) {
				runs = append(runs, groupedRun{oldRun: run})
			}
			return err
		})
		if err != nil || len(runs) == 0 {
			return err
		}
		return addGroups(r.ctx, q, runs)
	})
	return runs, end, err
}

// addGroups adds the commits and the groups of runs: one for each branch of their sessions and each class of machine.
func addGroups(ctx context.Context, q querier, runs []groupedRun) error {
	infos := make([]*monitor.RunInfo, len(runs))
	for i, run := range runs {
		infos[i] = &monitor.RunInfo{Project: run.project, ID: run.run}
	}
	if err := addSessions(ctx, q, infos); err != nil {
		return err
	}
	if err := addSums(ctx, q, infos); err != nil {
		return err
	}
	query := withRuns(len(runs), func(i int) (project, run string) { return runs[i].project, runs[i].run })
	query.add("SELECT DISTINCT chosen.i, s.branch, coalesce(s.scm_ref, ''), s.build" + chosenSessions)
	return each(ctx, q, query.sql, query.args, func(row scanner) error {
		var i int
		var branch, commit, build, selection string
		err := row.Scan(&i, &branch, &commit, &build)
		runs[i].commit = cmp.Or(commit, build, runs[i].run) // as judging has it
		if !infos[i].Whole {
			selection = cmp.Or(infos[i].Partial, "not known")
		}
		envs := infos[i].Environments
		if len(envs) == 0 {
			envs = []string{""}
		}
		for _, env := range envs {
			runs[i].groups = append(runs[i].groups, monitor.RunGroup{Project: runs[i].project, Branch: branch, Env: env, Selection: selection})
		}
		return err
	})
}

// orphans returns what was measured in sessions that nobody knows, up to a limit. Nothing is compared with it.
func (r *retaining) orphans(limit int) (runs []oldRun, err error) {
	const unknown = "NOT EXISTS (SELECT 1 FROM sessions s WHERE s.hash = y.session)"
	return runs, r.db.readFrom(r.ctx, r.db.listers, func(q querier) error {
		return each(r.ctx, q, `SELECT h.id, h.project, h.h, max(coalesce((SELECT max(utc_ns) FROM metrics m WHERE m.session = h.id), 0),
			coalesce((SELECT max(utc_ns) FROM outcomes o WHERE o.session = h.id), 0)) AS last
			FROM (SELECT y.session FROM tallies y WHERE `+unknown+` UNION SELECT y.session FROM outcome_tallies y WHERE `+unknown+`) u
			JOIN hashes h ON h.id = u.session ORDER BY last LIMIT ?`, []any{limit}, func(row scanner) error {
			var run oldRun
			err := row.Scan(&run.orphan, &run.project, &run.run, &run.last)
			if !hidden(run.project) {
				runs = append(runs, run)
			}
			return err
		})
	})
}
