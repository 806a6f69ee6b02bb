package journal

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// mode is how things stand with the destination.
type mode int

const (
	fine        mode = iota
	unavailable      // it does not answer, or asks to wait
	denied           // the operator has to act: token, permission, bucket
	refusing         // the operator has to act: it answers, and takes nothing
)

// state is what Health tells. It changes with what the destination says.
type state struct {
	mu           sync.Mutex
	mode         mode
	words        string
	since        time.Time
	kept         int64     // records not delivered, when that was last counted
	down         time.Time // when it was last fine no more
	patient      time.Time // until then no metric goes out without its context or session
	read, settle error     // of the journal, which is asked by two goroutines
}

// change moves to a mode and returns the one before and since when that was.
func (s *state) change(m mode, words string, kept int64) (before mode, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, since = s.mode, s.since
	if m != before {
		s.since = time.Now()
	}
	if before == fine && m != fine {
		s.down = s.since
	}
	s.mode, s.words, s.kept = m, words, kept
	return before, since
}

// journal notes in one of read and settle how the journal did.
func (s *state) journal(which *error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*which = err
}

// wait makes metrics wait for what is missing until a moment at least.
func (s *state) wait(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.patient = until
}

// givesUp says whether what is missing now may be taken for lost. It is not while the destination is away: another
// bridge that has it cannot deliver it then either, and needs a while afterwards.
func (c *Courier) givesUp(now time.Time) bool {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	return c.state.mode == fine && !now.Before(c.state.patient)
}

// Healthy says whether the destination took, or would take, what it was last given. It is optimistic before the
// first delivery.
func (c *Courier) Healthy() bool {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	return c.state.mode == fine
}

// Health implements [monitor.HealthChecker]. Accepting does not depend on delivery.
func (c *Courier) Health() monitor.Health {
	s := &c.state
	s.mu.Lock()
	defer s.mu.Unlock()
	err := cmp.Or(s.read, s.settle)
	h := monitor.Health{Component: "delivery", OK: s.mode == fine && err == nil}
	if err != nil {
		h.Detail = line(err.Error())
		return h
	}
	since := s.since.UTC().Format(time.RFC3339)
	switch s.mode {
	case fine:
		h.Detail = fmt.Sprintf("delivering to %s", c.dest)
	case unavailable:
		h.Detail = fmt.Sprintf("%s is not available since %s: %s; %d records kept at the last try",
			c.dest, since, s.words, s.kept)
	case denied:
		h.Detail = fmt.Sprintf("%s denies access since %s: %s; %d records kept at the last try, until its operator acts",
			c.dest, since, s.words, s.kept)
	case refusing:
		h.Detail = fmt.Sprintf("%s refuses everything since %s, a harmless point too: %s; nothing is buried, "+
			"%d records kept at the last try, until its operator acts", c.dest, since, s.words, s.kept)
	}
	return h
}

// trouble takes note of an answer that keeps records from being delivered. It is loud when something changes.
func (c *Courier) trouble(m mode, class monitor.Class, v monitor.Reply, pause time.Duration) {
	var kept int64
	if stats, err := c.journal.Stats(c.hard, c.dest); err == nil {
		kept = stats.Depth
	}
	said := words(v)
	before, _ := c.state.change(m, said, kept)
	log := c.logger.With("outcome", v.Kind.String(), "said", said, "retry_in", pause.Round(time.Millisecond),
		"kept", kept)
	switch {
	case before == m:
		log.Debug("delivery still fails")
		return
	case m == unavailable:
		log.Warn("the destination is not available; records are kept and delivered later")
		return
	case m == denied:
		log.Error("the destination denies access; records are kept until its operator acts")
	case m == refusing:
		log.Error("the destination refuses everything; nothing is buried, records are kept until its operator acts")
	}
	if c.OnAlarm != nil {
		c.OnAlarm(class, v)
	}
}

// answered takes note of an answer about points. A refusal shows that the destination can be reached, but does not
// end the suspicion that it refuses everything.
func (c *Courier) answered(v monitor.Reply) {
	c.state.mu.Lock()
	now, down := c.state.mode, c.state.down
	c.state.mu.Unlock()
	if now == fine || now == refusing && v.Kind != monitor.Delivered {
		return
	}
	// Only an outage counts: an answer of 429 now and then must not keep metrics waiting for ever.
	if time.Since(down) >= c.ParkFor/10 {
		c.state.wait(time.Now().Add(c.ParkFor))
	}
	_, since := c.state.change(fine, "", 0)
	c.logger.Info("the destination answers again", "after", time.Since(since).Round(time.Millisecond))
}

// words is what the destination said, in one line.
func words(v monitor.Reply) string {
	if v.Status == 0 {
		return line(v.Message)
	}
	return line(fmt.Sprintf("%d %s", v.Status, v.Message))
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
