package sqlite

import (
	"errors"
	"time"

	"pymon-bridge/monitor"
)

// pauseCounts is the part of --keep that a time without any arrival counts for, at most. Such a time is a pause of all clients, or the
// clock of this machine has jumped: nobody can tell.
const pauseCounts = 10

// ages says how old runs are.
type ages struct {
	// before is the time before which runs are too old.
	before int64
	// young is a number of the sequence. What arrived behind it is young, although a clock that was behind then dates it before.
	young uint64
	// now is the time at which branches count as ended, or not.
	now time.Time
}

var errAgesKnown = errors.New("the rest is older")

// ages goes back through the arrivals of sessions until so much time has passed between them as runs are kept. A clock that jumps ahead by
// years makes runs older by a tenth of this time, not by years. Then arrivals show the time that passes, also where the clock stays wrong.
func (r *retaining) ages() (a ages, err error) {
	const rests = int64(monitor.BranchRests)
	now, keep := r.db.Now(), int64(r.policy.Keep)
	a.before, a.now = nanoseconds(r.policy.Before(now)), now
	later, passed, rested := nanoseconds(now), int64(0), int64(0)
	err = r.db.readFrom(r.ctx, r.db.listers, func(q querier) error {
		return each(r.ctx, q, "SELECT seq, received FROM sessions ORDER BY seq DESC", nil, func(row scanner) error {
			var seq uint64
			var received int64
			if err := row.Scan(&seq, &received); err != nil {
				return err
			}
			pause := later - received
			if pause > rests && rested < rests { // runs of a wrong clock end no branch
				a.now = time.Unix(0, received)
			}
			rested += max(0, min(pause, rests/pauseCounts))
			counted := max(0, min(pause, keep/pauseCounts))
			switch {
			case passed >= keep:
			case passed+counted >= keep:
				a.before, a.young = min(a.before, later-(keep-passed)), seq
			default:
				a.before = min(a.before, received-(keep-passed-counted))
			}
			later, passed = received, passed+counted
			if passed >= keep && rested >= rests {
				return errAgesKnown
			}
			return nil
		})
	})
	if errors.Is(err, errAgesKnown) {
		err = nil
	}
	return a, err
}

// tooOld says whether a run is older than runs are kept.
func (a ages) tooOld(run oldRun) bool {
	misdated := run.seq > a.young && run.received < a.before
	return run.last < a.before && !misdated
}
