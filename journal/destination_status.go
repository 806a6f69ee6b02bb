package journal

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// mode says whether a destination accepts deliveries, and why not.
type mode struct {
	level   slog.Level
	message string // is logged when the mode begins
	health  string // format for people: destination, begin of the mode, its last words, number of records kept
}

var (
	fine        = &mode{}
	unavailable = &mode{slog.LevelWarn, "the destination is not available; records are kept and delivered later",
		"%s has not been available since %s: %s; %d records kept at the last try"}
	denied = &mode{slog.LevelError, "the destination denies access; records are kept until its operator acts",
		"%s denies access since %s: %s; %d records kept at the last try, until its operator acts"}
	// refusing: the destination refuses the probe too.
	refusing = &mode{slog.LevelError, "the destination refuses everything; nothing is buried, records are kept until its operator acts",
		"%s refuses everything since %s, a harmless point too: %s; nothing is buried, %d records kept at the last try, " +
			"until its operator acts"}
)

// status derives the mode of a destination from its replies, and logs each change.
type status struct {
	journal monitor.Journal
	dest    monitor.Destination
	logger  *slog.Logger
	keeping sync.Mutex // serialises keepLosses

	mu        sync.Mutex
	mode      *mode
	said      string    // the destination's words
	since     time.Time // when the mode began
	asked     time.Time // when the request under way began; zero when there is none
	down      time.Time // when the mode last changed from fine to another
	kept      int64     // records not delivered, at the last count
	waitUntil time.Time // before this time no missing context or session counts as lost
	dead      int64     // dead letters in the journal
	aside     int64     // records that were set aside
	gone      []string  // what the destination lost, as the journal has it
	unkept    []unkept  // what it lost, and the journal was not told yet
}

// unkept is a loss that the journal may have to note.
type unkept struct {
	what string
	had  []monitor.Class
}

// silentAfter is how long a request may take before the destination counts as silent.
const silentAfter = 5 * time.Second

// asking notes that a request is under way until done is called.
func (s *status) asking() (done func()) {
	note := func(at time.Time) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = at
	}
	note(time.Now())
	return func() { note(time.Time{}) }
}

// silent says that the request under way has no answer for too long. The caller holds mu.
func (s *status) silent() bool { return !s.asked.IsZero() && time.Since(s.asked) >= silentAfter }

// replied notes a reply. pause is the wait before the request is repeated, 0 when it is not.
func (s *status) replied(ctx context.Context, reply monitor.Reply, pause time.Duration) {
	switch {
	case reply.Kind == monitor.Unavailable, reply.Kind == monitor.Failed && pause > 0:
		s.trouble(ctx, unavailable, reply, pause)
	case reply.Kind == monitor.Denied:
		s.trouble(ctx, denied, reply, pause)
	default:
		s.answered(reply)
	}
}

// trouble notes a reply that stops delivery. It logs above the debug level only when the mode changes.
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
	level, message := m.level, m.message
	if m == before {
		level, message = slog.LevelDebug, "delivery still fails"
	}
	s.logger.Log(ctx, level, message, "reply", reply.Kind.String(), "said", said, "retry_in", pause.Round(time.Millisecond),
		"kept", kept)
}

// answered notes a reply about points. A refusal shows that the destination can be reached, but does not end the mode
// refusing.
func (s *status) answered(reply monitor.Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mode == fine || s.mode == refusing && reply.Kind != monitor.Delivered {
		return
	}
	now := time.Now()
	// Only a longer outage counts: an occasional status 429 must not keep metrics waiting for ever.
	if now.Sub(s.down) >= parkFor/10 {
		s.waitUntil = now.Add(parkFor)
	}
	s.logger.Info("the destination answers again", "after", now.Sub(s.since).Round(time.Millisecond))
	s.mode, s.since = fine, now
}

// keepWaiting lets no missing context or session count as lost before a time.
func (s *status) keepWaiting(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waitUntil = until
}

// setAside notes how many records are set aside.
func (s *status) setAside(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aside = n
}

// recreated notes that a part of the destination was created anew.
func (s *status) recreated(ctx context.Context, part string, had []monitor.Class) error {
	gone := fmt.Sprintf("%s was missing and was created again at %s: the records delivered before are not all there, and "+
		"pymon-bridge replay delivers again what the file has of them", part, time.Now().UTC().Format(time.RFC3339))
	s.mu.Lock()
	s.unkept = append(s.unkept, unkept{gone, had})
	s.mu.Unlock()
	return s.keepLosses(ctx)
}

// keepLosses gives the journal what the destination lost, so that a restart does not forget it.
func (s *status) keepLosses(ctx context.Context) error {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	s.mu.Lock()
	unkept := s.unkept
	s.mu.Unlock()
	for _, loss := range unkept {
		noted, err := s.journal.NoteLoss(ctx, s.dest, loss.what, loss.had)
		if err != nil {
			return fmt.Errorf("note what the destination lost: %w", err)
		}
		s.mu.Lock()
		if s.unkept = s.unkept[1:]; noted {
			s.gone = append(s.gone, loss.what)
		}
		s.mu.Unlock()
		if noted {
			s.logger.Error("the destination has lost delivered records", "lost", loss.what)
		}
	}
	return nil
}

// count notes the dead letters and losses that the journal has.
func (s *status) count(stats monitor.JournalStats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead, s.gone = stats.DeadLetters, nil
	for _, l := range stats.Lost {
		s.gone = append(s.gone, l.What)
	}
}

// buried counts new dead letters.
func (s *status) buried(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead += n
}

func (s *status) healthy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode == fine && !s.silent()
}

// givesUp says whether a missing context or session counts as lost. It does not while the destination is unavailable:
// another bridge may have it, cannot deliver it now, and needs a while afterwards.
func (s *status) givesUp(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode == fine && !now.Before(s.waitUntil)
}

// health returns the state of delivery for people. err is the journal's last failure, nil if it works.
func (s *status) health(err error) monitor.Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := monitor.Health{Component: "delivery", Detail: fmt.Sprintf("delivering to %s", s.dest)}
	switch {
	case err != nil:
		h.Detail = line(err.Error())
	case s.mode != fine:
		h.Detail = fmt.Sprintf(s.mode.health, s.dest, s.since.UTC().Format(time.RFC3339), s.said, s.kept)
	case s.silent():
		h.Detail = fmt.Sprintf("%s has given no answer since %s", s.dest, s.asked.UTC().Format(time.RFC3339))
	default:
		h.OK = len(s.gone)+len(s.unkept) == 0
	}
	if s.dead > 0 {
		h.Detail += fmt.Sprintf("; %d records are dead letters", s.dead)
	}
	gone := slices.Clone(s.gone)
	for _, loss := range s.unkept {
		gone = append(gone, loss.what)
	}
	for _, what := range gone[max(0, len(gone)-2):] {
		h.Detail += "; " + what
	}
	if s.aside > 0 {
		h.Detail += fmt.Sprintf("; %d records are set aside and tried again, because the destination does not take them now", s.aside)
	}
	return h
}

// inWords returns the destination's words in one line.
func inWords(reply monitor.Reply) string {
	if reply.Status == 0 {
		return line(reply.Message)
	}
	return line(fmt.Sprintf("%d %s", reply.Status, reply.Message))
}

// line makes a text fit into one line of a page or a log.
func line(s string) string {
	const most = 300
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
