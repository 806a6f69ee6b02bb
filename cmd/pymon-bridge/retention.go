package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

const (
	// retainEvery is how often runs that are too old go.
	retainEvery = time.Hour
	// retainAgain is the least time between two rounds, which a file without room has, and the time after a round that failed.
	retainAgain = time.Minute
	// retainRests is the most time between two rounds that a file without room has.
	retainRests = 10 * time.Minute
)

// retainer removes old runs from the file of a serving bridge.
type retainer struct {
	db      *sqlite.DB
	logger  *slog.Logger
	policy  monitor.Retention
	quiet   time.Duration // after it a run has ended
	forget  func()        // drops what is cached of the file
	removed func(runs, records int64)

	done  bool          // the last round came to its end, also with what was interrupted before
	due   time.Time     // of the next round for age
	after time.Time     // no round is before
	wait  time.Duration // between rounds for size

	mu   sync.Mutex // guards policy until openRetention is done, and says
	says monitor.RetentionStatus
}

func newRetainer(config *serveCmd, logger *slog.Logger) *retainer {
	policy := monitor.Retention{Keep: time.Duration(config.Keep), MaxBytes: int64(config.MaxBytes)}
	if config.URL != "" {
		policy.Dest = "not connected yet"
	}
	return &retainer{logger: logger, policy: policy, quiet: config.QuietAfter,
		says: monitor.RetentionStatus{Keep: policy.Keep, MaxBytes: policy.MaxBytes}}
}

// openRetention finishes what an interrupted round left, in the background, and looks for old runs from then on.
func (b *bridge) openRetention() {
	r := b.retention
	r.mu.Lock()
	defer r.mu.Unlock()
	r.db, r.forget, r.removed = b.db, b.cache.Clear, b.metrics.Removed
	if b.backend != nil {
		r.policy.Dest = b.backend.Destination()
	}
}

// next does a round if it is time for one.
func (r *retainer) next(ctx context.Context) {
	now := time.Now()
	if now.Before(r.after) || r.done && !r.policy.Active() {
		return
	}
	if r.done && now.Before(r.due) && !r.policy.MakesRoom(r.db.Size()) {
		return
	}
	round, err := r.round(ctx, now)
	r.done = err == nil && !round.Early
	switch {
	case round.Early: // the next round follows the deletion
		return
	case err != nil:
		if ctx.Err() == nil { // the bridge does not end
			r.logger.ErrorContext(ctx, "old runs cannot be removed now; the bridge tries again", "error", err)
		}
		r.after = now.Add(retainAgain)
		return
	}
	if r.wait = min(2*r.wait, retainRests); round.Runs > 0 || !round.Full || r.wait == 0 { // each round reads all sessions
		r.wait = retainAgain
	}
	r.after, r.due = now.Add(r.wait), now.Add(retainEvery)
	if round.UnderWay > 0 { // these can go soon
		r.after, r.due = now.Add(min(r.wait, r.quiet)), now.Add(min(retainEvery, r.quiet))
	}
}

// round removes what may go now.
func (r *retainer) round(ctx context.Context, now time.Time) (round monitor.RetentionRound, err error) {
	policy := r.policy
	if policy.UpTo, err = r.db.ArrivedBefore(ctx, now.Add(-r.quiet)); err != nil {
		return round, err
	}
	round, err = r.db.Retain(ctx, policy, r.forget)
	r.note(ctx, round)
	return round, err
}

// note says what a round did.
func (r *retainer) note(ctx context.Context, round monitor.RetentionRound) {
	r.removed(round.Runs, round.Records)
	if !round.Early {
		r.say(ctx, round)
	}
	if round.Runs > 0 {
		r.logger.InfoContext(ctx, "old runs were removed from the file", "runs", round.Runs, "records", round.Records,
			"kept_undelivered", round.Undelivered, "kept_newest", round.Newest, "took", round.Ended.Sub(round.Began).Round(time.Millisecond),
			"bytes", r.db.Size())
	}
}

// say keeps what the status says of a round that was not cut short.
func (r *retainer) say(ctx context.Context, round monitor.RetentionRound) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if round.Waits != "" && round.Waits != r.says.Last.Waits {
		r.logger.WarnContext(ctx, "no old run goes now", "why", round.Waits)
	}
	r.says.Last, r.says.Why = round, ""
	if round.Full {
		r.says.Why = r.whyNothingGoes(round)
	}
}

// status says which runs went, nil when none go. Without an answer of the file it says that none went.
func (r *retainer) status() *monitor.RetentionStatus {
	if !r.policy.Active() {
		return nil
	}
	runs, records, err := r.db.Removed(context.Background())
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.logger.Error("what went from the file cannot be counted", "error", err)
	}
	says := r.says
	says.Runs, says.Records = runs, records
	return &says
}

// whyFull says why the file has no room, and what helps.
func (r *retainer) whyFull() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.policy.Dest == "" && r.policy.Keep == 0:
		return "without InfluxDB no run goes unless --keep says how old runs may become; set it, raise --max-bytes, or remove a project"
	case r.policy.Dest == "":
		return "without InfluxDB only runs older than --keep go; shorten it, raise --max-bytes, or remove a project"
	case r.says.Why != "":
		return r.says.Why + "; raise --max-bytes, or remove a project"
	}
	return "the oldest runs that InfluxDB has are removed within a minute"
}

// whyNothingGoes says what holds runs that would have made room.
func (r *retainer) whyNothingGoes(round monitor.RetentionRound) string {
	if round.Waits != "" {
		return "no run goes now: " + round.Waits
	}
	return "no more runs can go: " + cmp.Or(strings.Join(staying(round), ", "), "none is left")
}

// staying says which runs stay, and why, although they are old or have to make room.
func staying(round monitor.RetentionRound) (all []string) {
	for _, held := range []struct {
		runs int
		why  string
	}{{round.Undelivered, "not delivered to InfluxDB yet, or dead letters"},
		{round.Newest, fmt.Sprintf("of the newest %d commits of their branch and class of machine", monitor.KeptRuns)},
		{round.UnderWay, "still under way"},
		{round.Mixed, "with the hash of a session for a machine"}} {
		if held.runs > 0 {
			all = append(all, fmt.Sprintf("%s %s", humanize.Comma(int64(held.runs)), held.why))
		}
	}
	return all
}
