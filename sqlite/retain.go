package sqlite

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

const (
	// retainStep is how many rows one transaction of retention removes, or how many pages it gives back. Posts wait for the
	// transaction, so it is short.
	retainStep = 50
	// retainRest times the duration of a transaction is the rest after it. So retention takes a tenth of the time for writing at
	// most, and commits of records go first.
	retainRest = 9
	// plannedRuns bounds how many runs a plan has, as long as one of them goes.
	plannedRuns = 1000
)

// errDeletion ends a round early: a person waits for the deletion of a project.
var errDeletion = errors.New("a deletion waits")

// Retain removes old runs. It removes each run in small transactions. From the first of them on nobody sees the run, and a record of it
// that arrives again is a new one. After an interruption the next call goes on. removed is called each time that something can no
// longer be seen. No other call of Retain and no deletion may run at the same time.
func (db *DB) Retain(ctx context.Context, policy monitor.Retention, removed func()) (monitor.RetentionRound, error) {
	if err := db.requireOwner(); err != nil {
		return monitor.RetentionRound{}, err
	}
	r := &retaining{db: db, ctx: ctx, policy: policy, removed: removed, most: plannedRuns, held: map[heldRun]bool{}}
	r.round.Began = db.Now()
	err := r.run()
	if r.round.Early = errors.Is(err, errDeletion); r.round.Early {
		err = nil
	}
	r.round.Ended = db.Now()
	return r.round, err
}

// retaining is a round of retention.
type retaining struct {
	db      *DB
	ctx     context.Context
	policy  monitor.Retention
	removed func()
	round   monitor.RetentionRound
	most    int              // runs of a plan
	held    map[heldRun]bool // runs that stay, although they are planned; no further plan has them
}

type heldRun struct{ project, run string }

func (r *retaining) run() error {
	again, err := r.finish() // what an interrupted round left
	if err != nil {
		return err
	}
	var need bool
	if r.policy.Active() {
		if !again && r.db.Now().Sub(r.db.swept) >= unusedFor { // a context was too young the last time
			went, _, err := r.db.Removed(r.ctx)
			if err != nil {
				return err
			}
			again = went > 0
		}
		if need, err = r.needsRoom(); err != nil {
			return err
		}
	}
	err = r.db.readFrom(r.ctx, r.db.listers, func(q querier) error {
		if r.round.Waits, err = r.waits(q); err == nil && r.round.Waits == "" {
			r.round.Waits, err = r.doubtsClock(q)
		}
		return err
	})
	if err != nil {
		return err
	}
	if r.round.Waits == "" && (need || r.policy.Keep > 0) {
		if err := r.removeRuns(need); err != nil {
			return err
		}
	}
	if again || r.round.Runs > 0 {
		if err := r.sweep(); err != nil {
			return err
		}
		if err := r.db.shrink(r.ctx, retainStep, r.gently); err != nil {
			return err
		}
	}
	r.round.Full, err = r.needsRoom()
	return err
}

// needsRoom gives free pages and the log back to the disk when the file is near its limit, and then says whether it still is.
func (r *retaining) needsRoom() (bool, error) {
	if !r.policy.MakesRoom(r.db.Size()) {
		return false, nil
	}
	if err := r.db.shrink(r.ctx, retainStep, r.gently); err != nil {
		return false, err
	}
	var size int64
	err := r.db.read(r.ctx, func(q querier) (err error) { size, err = usedBytes(r.ctx, q); return err })
	return r.policy.MakesRoom(size), err
}

// removeRuns removes the runs of plans, the oldest first.
func (r *retaining) removeRuns(need bool) error {
	for {
		if err := r.yield(); err != nil { // a plan reads all sessions
			return err
		}
		plan, more, err := r.plan(need)
		if err != nil {
			return err
		}
		went := int64(0)
		for _, run := range plan {
			if err := r.yield(); err != nil {
				return err
			}
			switch why, err := r.remove(run); {
			case err != nil || why == everyRun || why == roomy:
				return err
			case why == mayGo:
				went++
			}
		}
		if !more {
			return nil
		}
		if went == 0 {
			r.most *= 2
		}
	}
}

// yield ends the round where a person waits for a deletion.
func (r *retaining) yield() error {
	waiting, err := r.db.numbersFrom(r.ctx, "SELECT id FROM commands WHERE kind = ? AND ended = 0", commandDelete)
	if err == nil && len(waiting) > 0 {
		err = errDeletion
	}
	return err
}

// gently runs fn in a transaction, and rests.
func (r *retaining) gently(fn func(w *writer) error) error {
	var took time.Duration
	err := r.db.write(r.ctx, func(w *writer) error {
		began := time.Now()
		defer func() { took = time.Since(began) }()
		return fn(w)
	})
	if err != nil {
		return err
	}
	select {
	case <-time.After(retainRest * took):
	case <-r.ctx.Done():
	}
	return r.ctx.Err()
}

// inSteps calls do in a transaction for each few numbers of a list.
func (r *retaining) inSteps(numbers []uint64, do func(w *writer, some []uint64) error) error {
	for some := range slices.Chunk(numbers, retainStep) {
		if err := r.gently(func(w *writer) error { return do(w, some) }); err != nil {
			return err
		}
	}
	return nil
}

// Size is the size of the file and its log in bytes.
func (db *DB) Size() int64 {
	bytes, _ := usage(db.path)
	return bytes
}

// usedBytes is the size of the file without its free pages.
func usedBytes(ctx context.Context, q querier) (bytes int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT (p.page_count - f.freelist_count) * s.page_size
		FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s`).Scan(&bytes)
	return bytes, err
}

// Removed returns how many runs retention has removed since the file was made, and how many records they had.
func (db *DB) Removed(ctx context.Context) (runs, records int64, err error) {
	_, err = db.row(ctx, "SELECT coalesce(sum(runs), 0), coalesce(sum(records), 0) FROM retention", nil, &runs, &records)
	return runs, records, err
}

// ArrivedBefore returns the number of the sequence up to which all records arrived before a time. It reads what arrived later.
func (db *DB) ArrivedBefore(ctx context.Context, t time.Time) (last uint64, err error) {
	var later []string
	for _, table := range []string{"contexts", "sessions", "metrics", "outcomes"} {
		later = append(later, "SELECT min(seq) AS seq FROM "+table+" WHERE seq > coalesce((SELECT seq FROM "+table+
			" WHERE received < ?1 ORDER BY seq DESC LIMIT 1), 0)")
	}
	err = db.readFrom(ctx, db.listers, func(q querier) error {
		return q.QueryRowContext(ctx, "SELECT coalesce(min(seq) - 1, (SELECT last FROM sequence)) FROM ("+strings.Join(later, " UNION ALL ")+")",
			nanoseconds(t)).Scan(&last)
	})
	return last, err
}
