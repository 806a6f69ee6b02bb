package sqlite

import (
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// stay says why a run stays. These are all the reasons; docs/operations.md has them for operators. Some follow from the other runs and
// the clock. They are found while a plan is made ([planned.stays]). Others follow from what the file has of the run
// ([retaining.stays]). They are looked for twice: beside the writing, since counting takes long, and in the transaction that hides the run.
type stay int

const (
	mayGo stay = iota

	// Found for a plan.
	young   // it is not too old (see [ages]), and no room is needed
	newest  // it is among the newest of its branch, class of machine and selection (see [monitor.NewestRuns])
	decided // another plan of the round had it, and it stayed

	// Found before the run goes.
	everyRun    // no run may go now: see [retaining.waits], and [retaining.doubtsClock] for the beginning of a round
	roomy       // it is not too old, and the file has room again
	undelivered // the destination lacks something of it: see [retaining.owed]
	underWay    // it got something a moment ago
	mixed       // one of its sessions has the hash of a context too
)

// count counts a run that stays although it is old, or in the way.
func (r *retaining) count(why stay) {
	switch why {
	case newest:
		r.round.Newest++
	case undelivered:
		r.round.Undelivered++
	case underWay:
		r.round.UnderWay++
	case mixed:
		r.round.Mixed++
	}
}

// planned decides which runs are planned.
type planned struct {
	ages
	need   bool // the file needs room
	newest *monitor.NewestRuns
	held   map[heldRun]bool
}

// stays says why a run is not planned. It has to be asked about each run, from the newest on.
func (p *planned) stays(run *groupedRun) stay {
	isNewest := p.newest.Add(run.groups, run.commit, time.Unix(0, run.last))
	run.tooOld = p.tooOld(run.oldRun)
	switch {
	case !run.tooOld && !p.need:
		return young
	case p.held[heldRun{run.project, run.run}]:
		return decided
	case isNewest:
		return newest
	}
	return mayGo
}

// runContent is what the file had of a run when it was counted.
type runContent struct {
	sessions string // their hashes, as a list in JSON
	records  uint64
	last     uint64 // number of the last record
}

// stays says why a planned run has to stay in what q sees.
func (r *retaining) stays(q querier, run oldRun, of runContent) (why stay, err error) {
	if r.round.Waits, err = r.waits(q); err != nil || r.round.Waits != "" {
		return everyRun, err
	}
	if !run.tooOld {
		size, err := usedBytes(r.ctx, q)
		if err != nil || r.policy.HasRoom(size) {
			return roomy, err
		}
	}
	if owed, err := r.owed(q, run, of); err != nil || owed {
		return undelivered, err
	}
	if of.last > r.policy.UpTo {
		return underWay, nil
	}
	var records uint64
	var isMixed bool
	err = q.QueryRowContext(r.ctx, `SELECT (SELECT coalesce(sum(metrics), 0) FROM tallies WHERE session`+inList+`) +
		(SELECT coalesce(sum(outcomes), 0) FROM outcome_tallies WHERE session`+inList+`) +
		(SELECT count(*) FROM sessions WHERE project = ?2 AND run = ?3) + (SELECT count(*) FROM ends WHERE session`+inList+`),
		EXISTS (SELECT 1 FROM contexts WHERE hash`+inList+`) OR EXISTS (SELECT 1 FROM tallies WHERE context`+inList+`)
		OR EXISTS (SELECT 1 FROM outcome_tallies WHERE context`+inList+`)`, of.sessions, run.project, run.run).Scan(&records, &isMixed)
	switch {
	case err != nil || isMixed:
		return mixed, err
	case records != of.records:
		return underWay, nil
	}
	return mayGo, nil
}

// waits says why no run may go now, empty for no reason. A round begins with it too.
func (r *retaining) waits(q querier) (why string, err error) {
	if r.policy.Dest == "" {
		return "", nil
	}
	replays, err := openCommands(r.ctx, q, commandReplay)
	if err != nil {
		return "", err
	}
	if len(replays) > 0 {
		why = "a replay is under way, or asked for"
	}
	err = each(r.ctx, q, "SELECT 1 FROM destinations WHERE name = ? AND lost <> ''", []any{string(r.policy.Dest)}, func(scanner) error {
		why = "the destination has lost what it had, so the file may be the only copy until everything was delivered again"
		return nil
	})
	return why, err
}

// doubtsClock says why no run may go where nothing arrived for longer than runs are kept, empty for no reason. The clock may be years
// ahead then, and would make all runs old. A round asks at its beginning, when it finds out which runs are old.
func (r *retaining) doubtsClock(q querier) (why string, err error) {
	if r.policy.Keep <= 0 {
		return "", nil
	}
	const newest = "SELECT * FROM (SELECT received FROM metrics ORDER BY seq DESC LIMIT 1)"
	var last int64
	err = q.QueryRowContext(r.ctx, "SELECT coalesce(max(received), 0) FROM ("+newest+" UNION ALL "+
		strings.Replace(newest, "metrics", "outcomes", 1)+" UNION ALL "+strings.Replace(newest, "metrics", "sessions", 1)+
		" UNION ALL "+strings.Replace(newest, "metrics", "sessions WHERE imported = 0", 1)+")").Scan(&last) // imported records may have arrived long ago elsewhere
	if err == nil && last > 0 && last < nanoseconds(r.policy.Before(r.db.Now())) {
		why = "nothing arrived for longer than --keep, or the clock of this machine is wrong"
	}
	return why, err
}

// owed says whether the destination lacks a record of a run, or the report on it. Dead letters are owed: nobody else has them.
// So is all of a project that the destination has yet to delete. What is new of it is then delivered again from the file.
func (r *retaining) owed(q querier, run oldRun, of runContent) (owed bool, err error) {
	if r.policy.Dest == "" {
		return false, nil
	}
	owed = true // by a destination that got nothing yet
	var dest, dead, parked int64
	var cursor uint64
	err = each(r.ctx, q, `SELECT id, cursor, dead, EXISTS (SELECT 1 FROM parked p WHERE p.dest = d.id),
		EXISTS (SELECT 1 FROM reports k WHERE k.project = ? AND k.run = ? AND k.version > d.reports)
		OR EXISTS (SELECT 1 FROM undeleted u WHERE u.dest = d.id AND u.project = ?) FROM destinations d WHERE name = ?`,
		[]any{run.project, run.run, run.project, string(r.policy.Dest)},
		func(row scanner) error { return row.Scan(&dest, &cursor, &dead, &parked, &owed) })
	if owed = owed || of.last > cursor; err != nil || owed || dead == 0 && parked == 0 {
		return owed, err
	}
	err = q.QueryRowContext(r.ctx, `SELECT EXISTS (SELECT 1 FROM `+ofSessions+` r WHERE EXISTS (SELECT 1 FROM parked p WHERE p.dest = ?2 AND p.seq = r.seq)
		OR EXISTS (SELECT 1 FROM dead_letters l WHERE l.dest = ?2 AND l.seq = r.seq))`, of.sessions, dest).Scan(&owed)
	return owed, err
}
