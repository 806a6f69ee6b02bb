package journal

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// mode is how things stand with a destination.
type mode struct {
	level  slog.Level
	news   string // is logged when it begins
	health string // format with the destination, since when, what it said, and how many records are kept
}

var (
	fine        = &mode{}
	unavailable = &mode{slog.LevelWarn, "the destination is not available; records are kept and delivered later",
		"%s is not available since %s: %s; %d records kept at the last try"}
	denied = &mode{slog.LevelError, "the destination denies access; records are kept until its operator acts",
		"%s denies access since %s: %s; %d records kept at the last try, until its operator acts"}
	// refusing is when a harmless point is refused as well.
	refusing = &mode{slog.LevelError, "the destination refuses everything; nothing is buried, records are kept until its operator acts",
		"%s refuses everything since %s, a harmless point too: %s; nothing is buried, %d records kept at the last try, " +
			"until its operator acts"}
)

// status keeps how things stand with a destination, by what it replies, and logs what changes.
type status struct {
	journal monitor.Journal
	dest    monitor.Destination
	logger  *slog.Logger

	mu        sync.Mutex
	mode      *mode
	said      string    // the destination's words
	since     time.Time // when the mode began
	down      time.Time // when it was last fine no more
	kept      int64     // records not delivered, when that was last counted
	waitUntil time.Time // metrics wait for what is missing at least until then
}

// replied takes note of a reply to a request that is made again after the pause, if at all.
func (s *status) replied(ctx context.Context, reply monitor.Reply, pause time.Duration) {
	switch reply.Kind {
	case monitor.Unavailable:
		s.trouble(ctx, unavailable, reply, pause)
	case monitor.Denied:
		s.trouble(ctx, denied, reply, pause)
	default:
		s.answered(reply)
	}
}

// trouble takes note of a reply that keeps records from being delivered. It is loud only when something changes.
func (s *status) trouble(ctx context.Context, m *mode, reply monitor.Reply, pause time.Duration) {
	var kept int64
	if stats, err := s.journal.Stats(ctx, s.dest); err == nil {
		kept = stats.Depth
	}
	said := inWords(reply)
	s.mu.Lock()
	before := s.mode
	if m != before {
		s.since = time.Now()
	}
	if before == fine {
		s.down = s.since
	}
	s.mode, s.said, s.kept = m, said, kept
	s.mu.Unlock()
	level, news := m.level, m.news
	if m == before {
		level, news = slog.LevelDebug, "delivery still fails"
	}
	s.logger.Log(ctx, level, news, "reply", reply.Kind.String(), "said", said, "retry_in", pause.Round(time.Millisecond),
		"kept", kept)
}

// answered takes note of a reply about points. A refusal shows that the destination can be reached, but does not
// end the suspicion that it refuses everything.
func (s *status) answered(reply monitor.Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mode == fine || s.mode == refusing && reply.Kind != monitor.Delivered {
		return
	}
	now := time.Now()
	// Only an outage counts: a reply of 429 now and then must not keep metrics waiting for ever.
	if now.Sub(s.down) >= parkFor/10 {
		s.waitUntil = now.Add(parkFor)
	}
	s.logger.Info("the destination answers again", "after", now.Sub(s.since).Round(time.Millisecond))
	s.mode, s.since = fine, now
}

// keepWaiting lets metrics wait for what is missing at least until a moment.
func (s *status) keepWaiting(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waitUntil = until
}

func (s *status) healthy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode == fine
}

// givesUp says whether a context or session that is missing now may be taken for lost. It may not while the
// destination is away: another bridge that has it cannot deliver it then either, and needs a while afterwards.
func (s *status) givesUp(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode == fine && !now.Before(s.waitUntil)
}

// health is what people are told, where the journal last failed with err.
func (s *status) health(err error) monitor.Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := monitor.Health{Component: "delivery", Detail: fmt.Sprintf("delivering to %s", s.dest)}
	switch {
	case err != nil:
		h.Detail = line(err.Error())
	case s.mode != fine:
		h.Detail = fmt.Sprintf(s.mode.health, s.dest, s.since.UTC().Format(time.RFC3339), s.said, s.kept)
	default:
		h.OK = true
	}
	return h
}

// inWords is what the destination said, in one line.
func inWords(reply monitor.Reply) string {
	if reply.Status == 0 {
		return line(reply.Message)
	}
	return line(fmt.Sprintf("%d %s", reply.Status, reply.Message))
}

// line makes a text fit for one line of a page or log.
func line(s string) string {
	const most = 300
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
