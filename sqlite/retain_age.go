package sqlite

import (
	"math"
	"time"

	"pymon-bridge/monitor"
)

// longestPause is the longest time between two arrivals of sessions that counts as time that passed. A longer time, or as long a step
// back, means that the clock of this machine has jumped. Teams pause for weeks. Clocks jump by years, or by hours, which do no harm.
const longestPause = 45 * 24 * time.Hour

// ages says from when on runs are too old. The times are in UTC nanoseconds.
type ages struct {
	// keep is the date before which runs are too old by the present clock.
	keep int64
	// before is the date before which runs are too old when the time by which the clock has jumped does not count.
	before int64
	// young is a number of the sequence. What has a greater number arrived in the time for which runs are kept.
	young uint64
	// now is the present time without the jumps of the clock. It decides which branches have ended.
	now time.Time
}

// ages looks how far the clock has jumped in the time for which runs are kept, and in the time after which branches count as ended.
func (r *retaining) ages() (a ages, err error) {
	now := r.db.Now()
	a.before, a.keep = math.MinInt64, math.MinInt64
	if r.policy.Keep > 0 {
		var ahead time.Duration
		if ahead, a.young, err = r.jumped(now, r.policy.Keep); err != nil {
			return ages{}, err
		}
		a.keep = nanoseconds(r.policy.Before(now))
		a.before = a.keep - int64(ahead)
	}
	ahead, _, err := r.jumped(now, monitor.BranchRests)
	a.now = now.Add(-ahead)
	return a, err
}

// jumped goes back through the arrivals of sessions, until it is a span before now. It returns how far, at most, the clock is ahead of
// what it was in the span, and the number of the last session that arrived before the span, 0 for none. Imported sessions do not count:
// what comes from another bridge's file has the time of its arrival there.
func (r *retaining) jumped(now time.Time, span time.Duration) (most time.Duration, before uint64, err error) {
	later, at, ahead := nanoseconds(now), uint64(math.MaxInt64), time.Duration(0)
	for {
		arrivals, err := r.arrivals(at)
		if err != nil {
			return 0, 0, err
		}
		for _, of := range arrivals {
			if gap := time.Duration(later - of.received); gap.Abs() > longestPause {
				if ahead += gap; ahead.Abs() <= longestPause { // it has come back
					ahead = 0
				}
			}
			most = max(most, ahead)
			if time.Duration(nanoseconds(now)-of.received)-ahead >= span {
				return most, of.seq, nil
			}
			later, at = of.received, of.seq
		}
		if len(arrivals) < runsAtOnce {
			return most, 0, nil
		}
	}
}

// arrival is when a session arrived.
type arrival struct {
	seq      uint64
	received int64
}

// arrivals reads the arrivals of sessions before a number of the sequence, the last one first.
func (r *retaining) arrivals(before uint64) (list []arrival, err error) {
	return list, r.db.readFrom(r.ctx, r.db.listers, func(q querier) error {
		return each(r.ctx, q, "SELECT seq, received FROM sessions WHERE seq < ? AND imported = 0 ORDER BY seq DESC LIMIT ?",
			[]any{before, runsAtOnce}, func(row scanner) error {
				var of arrival
				err := row.Scan(&of.seq, &of.received)
				list = append(list, of)
				return err
			})
	})
}

// tooOld says whether a run is older than runs are kept. A run that arrived long ago is as old as its date says. Another run must have an
// old date, and the clock must not have been behind when it arrived.
func (a ages) tooOld(run oldRun) bool {
	longAgo := 0 < run.seq && run.seq <= a.young
	dated := run.orphan != 0 || run.imported || run.received >= a.before
	return longAgo && run.last < a.keep || dated && run.last < a.before
}
