package sqlite

import (
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// withoutAhead returns a function that skips the sessions that are dated ahead, and what they measured, and gives the others to do.
func withoutAhead(do func(recs []*monitor.Record) error, skip func(reason string)) func(recs []*monitor.Record) error {
	now, ahead := time.Now(), map[[2]string]bool{} // by project and session
	return func(recs []*monitor.Record) error {
		recs = slices.DeleteFunc(recs, func(rec *monitor.Record) bool {
			if m := rec.Measured(); m != nil {
				if !ahead[[2]string{rec.Project, m.SessionH}] {
					return false
				}
				skip(string(rec.Class()) + ": session_h: expected a session whose date is at most a day ahead")
				return true
			}
			err := rec.NotAhead(now)
			if err == nil {
				return false
			}
			ahead[[2]string{rec.Project, rec.Session.SessionH}] = true
			skip(reasonOf(rec.Class(), err))
			return true
		})
		if len(recs) == 0 {
			return nil
		}
		return do(recs)
	}
}
