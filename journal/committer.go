package journal

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

const (
	// maxGroup and maxGroupBytes bound one commit, and so the time that its callers wait. The records of one caller are
	// never parted, so a commit may have a few more.
	maxGroup      = 512
	maxGroupBytes = 1 << 20
	// yields is how many times the committer lets its callers run before it closes a group: some are about to hand in records.
	// A caller that is alone waits for nobody.
	yields = 2
)

// Committer appends the records of many callers to a journal, many records in one commit. While one group of records is
// committed, the next group gathers. So a commit costs each caller little under load, and a single caller does not wait
// for others. A Committer is safe for concurrent use.
type Committer struct {
	// OnCommit, if set before Open, is called after each commit with its number of records, duration and error.
	// It delays the next commit.
	OnCommit func(records int, took time.Duration, err error)

	journal monitor.Journal
	logger  *slog.Logger

	mu       sync.RWMutex
	requests chan request   // nil unless open
	senders  sync.WaitGroup // callers that may still send to requests
	done     chan struct{}
}

type request struct {
	recs   []*monitor.Record
	result chan<- error // is buffered, so that the committer never waits for a caller
}

// NewCommitter returns a committer in front of j. It accepts records between Open and Close.
func NewCommitter(j monitor.Journal, logger *slog.Logger) *Committer {
	return &Committer{journal: j, logger: logger}
}

// Open starts to accept records. It fails when the committer is open already.
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

// Close commits all accepted records, and returns when each caller has its result.
func (c *Committer) Close() error {
	c.mu.Lock()
	requests := c.requests
	c.requests = nil
	c.mu.Unlock()
	if requests != nil {
		c.senders.Wait()
		close(requests)
		<-c.done
	}
	return nil
}

// Append stores records in one transaction, and returns when they are on stable storage. [monitor.Journal] says which
// fields are set then. The errors are those of the journal, and EUnavailable when the committer is not open.
//
// When ctx ends first, Append returns the error of ctx, and the records may still be committed. The caller must not use the
// records afterwards.
func (c *Committer) Append(ctx context.Context, recs ...*monitor.Record) error {
	result := make(chan error, 1)
	if err := c.submit(ctx, request{recs, result}); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Committer) submit(ctx context.Context, r request) error {
	c.mu.RLock()
	requests := c.requests
	if requests != nil {
		c.senders.Add(1)
	}
	c.mu.RUnlock()
	if requests == nil {
		return &monitor.Error{Code: monitor.EUnavailable, Message: "the bridge is stopping", RetryAfter: time.Second}
	}
	defer c.senders.Done()
	select {
	case requests <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Committer) run(requests <-chan request, done chan<- struct{}) {
	defer close(done)
	for first := range requests {
		for range yields {
			runtime.Gosched()
		}
		c.commit(gather(first, requests))
	}
}

// gather takes the requests that are waiting. It does not wait for more.
func gather(first request, requests <-chan request) []request {
	group := []request{first}
	for records, bytes := len(first.recs), first.size(); records < maxGroup && bytes < maxGroupBytes; {
		select {
		case r, ok := <-requests:
			if !ok {
				return group
			}
			group = append(group, r)
			records, bytes = records+len(r.recs), bytes+r.size()
		default:
			return group
		}
	}
	return group
}

func (r *request) size() (bytes int) {
	for _, rec := range r.recs {
		bytes += rec.Size()
	}
	return bytes
}

// commit stores a group, and sends each caller its result. When the records of a single caller may be at fault, commit tries
// those of each caller alone. So an invalid record fails no other caller, and a full journal still accepts a repeat of a
// stored record.
func (c *Committer) commit(group []request) {
	var recs []*monitor.Record
	for _, r := range group {
		recs = append(recs, r.recs...)
	}
	err := c.append(recs)
	code := monitor.ErrorCode(err)
	alone := len(group) > 1 && (code == monitor.EInvalid || code == monitor.EInternal || code == monitor.EFull)
	for _, r := range group {
		if alone {
			err = c.append(r.recs)
		}
		r.result <- err
	}
}

// append makes one commit. It uses no caller's context: when one caller gives up, the others must not fail. A panic of the
// journal becomes an error, so that the committer goes on.
func (c *Committer) append(recs []*monitor.Record) (err error) {
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			err = panicked(c.logger, "committing", p)
		}
		if c.OnCommit != nil {
			c.OnCommit(len(recs), time.Since(start), err)
		}
	}()
	return c.journal.Append(context.Background(), recs)
}
