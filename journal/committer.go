package journal

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

const (
	// maxGroup and maxGroupBytes bound one commit, and with it the time that its callers wait.
	maxGroup      = 512
	maxGroupBytes = 1 << 20
)

// Committer appends records to a journal on behalf of any number of callers, many in one commit. While one group is
// being committed the next one gathers, so that a commit costs everybody little under load and waits for nobody
// without. It is safe for concurrent use.
type Committer struct {
	// OnCommit, if set before Open, is told of every commit: its records, how long it took and how it ended.
	// It delays the next commit.
	OnCommit func(records int, took time.Duration, err error)

	journal monitor.Journal
	logger  *slog.Logger

	mu        sync.RWMutex
	requests  chan request   // nil unless open
	handovers sync.WaitGroup // callers that may still send to requests
	done      chan struct{}
}

type request struct {
	rec    *monitor.Record
	result chan<- error // has room for the one answer, so that a caller who left blocks nobody
}

// NewCommitter returns a committer in front of j. It accepts between Open and Close.
func NewCommitter(j monitor.Journal, logger *slog.Logger) *Committer {
	return &Committer{journal: j, logger: logger}
}

// Open starts to accept.
func (c *Committer) Open() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests != nil {
		return monitor.Errorf(monitor.EInternal, "the committer is open already")
	}
	c.requests = make(chan request, maxGroup)
	c.done = make(chan struct{})
	go c.run(c.requests, c.done)
	return nil
}

// Close commits what was accepted and returns when all callers have their answers.
func (c *Committer) Close() error {
	c.mu.Lock()
	requests := c.requests
	c.requests = nil
	c.mu.Unlock()
	if requests != nil {
		c.handovers.Wait()
		close(requests)
		<-c.done
	}
	return nil
}

// Append stores one record and returns when it is on stable storage, with the fields set that [monitor.Journal]
// sets. The errors are the journal's; EUnavailable when the committer is not open.
//
// When ctx ends first Append returns its error, while the record may still be committed: it then belongs to the
// committer and must not be used any more.
func (c *Committer) Append(ctx context.Context, rec *monitor.Record) error {
	result := make(chan error, 1)
	if err := c.handOver(ctx, request{rec, result}); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Committer) handOver(ctx context.Context, r request) error {
	requests := c.enter()
	if requests == nil {
		return &monitor.Error{Code: monitor.EUnavailable, Message: "the bridge is stopping", RetryAfter: time.Second}
	}
	defer c.handovers.Done()
	select {
	case requests <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// enter registers a handover, unless the committer is not open: then it returns nil.
func (c *Committer) enter() chan<- request {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.requests != nil {
		c.handovers.Add(1)
	}
	return c.requests
}

func (c *Committer) run(requests <-chan request, done chan<- struct{}) {
	defer close(done)
	for first := range requests {
		c.commit(gather(first, requests))
	}
}

// gather takes what is waiting, without waiting for more.
func gather(first request, requests <-chan request) []request {
	group := []request{first}
	for bytes := first.rec.Size(); len(group) < maxGroup && bytes < maxGroupBytes; {
		select {
		case r, ok := <-requests:
			if !ok {
				return group
			}
			group = append(group, r)
			bytes += r.rec.Size()
		default:
			return group
		}
	}
	return group
}

// commit stores a group and answers its callers. Where the fault may lie with some of the records, each gets its own
// chance, so that it does not take its neighbours down: a full journal still takes what it has already.
func (c *Committer) commit(group []request) {
	recs := make([]*monitor.Record, len(group))
	for i, r := range group {
		recs[i] = r.rec
	}
	err := c.append(recs)
	code := monitor.ErrorCode(err)
	single := len(group) > 1 && (code == monitor.EInvalid || code == monitor.EInternal || code == monitor.EFull)
	for i, r := range group {
		if single {
			err = c.append(recs[i : i+1])
		}
		r.result <- err
	}
}

// append is one commit. Nobody's context bounds it, since it is everybody's.
func (c *Committer) append(recs []*monitor.Record) error {
	start := time.Now()
	err := c.guard(recs)
	if c.OnCommit != nil {
		c.OnCommit(len(recs), time.Since(start), err)
	}
	return err
}

// guard makes a panic of the journal an error: loud, but not the end of accepting.
func (c *Committer) guard(recs []*monitor.Record) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.logger.Error("panic while committing", "panic", fmt.Sprint(p), "records", len(recs),
				"stack", string(debug.Stack()))
			err = monitor.Errorf(monitor.EInternal, "panic while committing: %v", p)
		}
	}()
	return c.journal.Append(context.Background(), recs)
}
