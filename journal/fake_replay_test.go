package journal_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// fakeReplays are the replays of a fake journal. They outlive the couriers, too.
type fakeReplays struct {
	*fakeJournal
	all     []monitor.Replay        // as kept
	reports []monitor.PendingReport // of the kept runs
}

// ask asks for a replay and returns its ID.
func (f *fakeReplays) ask(r monitor.Replay) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.ID = int64(len(f.all) + 1)
	f.all = append(f.all, r)
	return r.ID
}

// atBegin returns the replay that has sent nothing yet, 0 for none. The caller holds mu.
func (f *fakeReplays) atBegin() int64 {
	for _, r := range f.all {
		if r.State.Ended.IsZero() && !r.State.Began.IsZero() && r.State.Position == 0 {
			return r.ID
		}
	}
	return 0
}

func (f *fakeReplays) state(id int64) monitor.ReplayState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all[id-1].State
}

// ended says that no replay is open.
func (f *fakeReplays) ended() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.all {
		if r.State.Ended.IsZero() {
			return false
		}
	}
	return true
}

func (f *fakeReplays) NextReplay(_ context.Context, d monitor.Destination) (*monitor.Replay, error) {
	if err := f.fail("replay"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.all {
		r := &f.all[i]
		if r.State.Ended.IsZero() {
			if r.State.Began.IsZero() {
				r.State.Dest, r.State.Began, r.State.UpTo = d, time.Now(), f.cursor
				f.keep(*r)
			}
			return new(*r), nil
		}
	}
	return nil, nil
}

// keep keeps a replay. The caller holds mu.
func (f *fakeReplays) keep(r monitor.Replay) {
	if r.State.RecordsDone() && r.State.Reports >= r.State.ReportsUpTo {
		r.State.Ended = time.Now()
		f.lost = slices.DeleteFunc(f.lost, func(l monitor.Loss) bool { return l.MendedBy(&r) })
	}
	f.all[r.ID-1] = r
}

func (f *fakeReplays) ReplayRecords(_ context.Context, r *monitor.Replay, max int) (recs []monitor.Pending, position uint64, err error) {
	if err := f.fail("replay"); err != nil {
		return nil, 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for position = r.State.Position; position < r.State.UpTo && len(recs) < max; {
		position++
		rec := f.recs[position-1]
		_, dead := f.dead[position]
		_, parked := f.parked[position]
		if !parked && (r.Dead == nil || dead) && (r.Project == "" || rec.Measured() == nil || rec.Project == r.Project) {
			recs = append(recs, f.pending(position))
		}
	}
	return recs, position, nil
}

func (f *fakeReplays) AckReplay(_ context.Context, r *monitor.Replay, step monitor.ReplayStep) error {
	if err := f.fail("replay"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &r.State
	for _, seq := range step.Delivered {
		if delete(f.dead, seq); !f.stored(seq) {
			f.wrong = append(f.wrong, fmt.Sprintf("%d is replayed, but the destination never had it", seq))
		}
	}
	for _, l := range step.Refused {
		if _, dead := f.dead[l.Seq]; dead {
			f.dead[l.Seq] = l
			s.StillDead++
		} else {
			s.Refused++
		}
	}
	for _, l := range step.SetAside {
		_, dead := f.dead[l.Seq]
		f.parked[l.Seq], f.aside[l.Seq], f.again[l.Seq] = time.Now(), true, !dead
		delete(f.dead, l.Seq)
		if _, pinned := f.pins[l.Seq]; !pinned && f.recs[l.Seq-1].Measured() != nil {
			f.wrong = append(f.wrong, fmt.Sprintf("%d is set aside without its origin", l.Seq))
		}
	}
	s.Position, s.Sent, s.Incomplete = step.Position, s.Sent+int64(len(step.Delivered)), s.Incomplete+step.Incomplete
	s.SetAside += int64(len(step.SetAside))
	for words, n := range step.Reasons {
		s.Reasons = s.Reasons.Plus(words, n)
	}
	f.keep(*r)
	*r = f.all[r.ID-1]
	return nil
}

func (f *fakeReplays) ReplayReports(_ context.Context, r *monitor.Replay, max int) (some []monitor.PendingReport, err error) {
	for _, p := range f.reports {
		if p.Version > r.State.Reports && p.Version <= r.State.ReportsUpTo && len(some) < max {
			some = append(some, p)
		}
	}
	return some, f.fail("replay")
}

func (f *fakeReplays) AckReplayReport(_ context.Context, r *monitor.Replay, p monitor.PendingReport, refusal string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch s := &r.State; {
	case refusal != "":
		s.Refused++
		s.Reasons = s.Reasons.Plus(refusal, 1)
	case p.Report != nil:
		s.SentReports++
	}
	r.State.Reports = p.Version
	f.keep(*r)
	*r = f.all[r.ID-1]
	return nil
}
