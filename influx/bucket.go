package influx

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"pymon-bridge/monitor"
)

const (
	// refreshAfter is how long a bucket's retention is believed. Points outside of it are not even sent.
	refreshAfter = time.Minute
	// refreshAtLeast is how long it is believed even when InfluxDB refuses points for it.
	refreshAtLeast = 10 * time.Second

	// unknownRetention is the retention of a bucket that the token may not read about.
	unknownRetention = time.Duration(-1)
)

var influxID = regexp.MustCompile(`^[0-9a-f]{16}$`)

// bucket makes sure that points have somewhere to go, and knows how long they stay there.
type bucket struct {
	name string
	org  string
	rest rest
	now  func() time.Time

	onCreated func() // may be nil

	retention atomic.Int64 // a time.Duration; 0 keeps for ever
	ahead     atomic.Int64 // a time.Duration by which the clock of this machine is ahead of that of InfluxDB
	believed  atomic.Int64 // Unix nanoseconds until which both hold

	mu      sync.Mutex // held while InfluxDB is asked
	ready   bool
	missing bool      // it was not there, and onCreated has not been called for that
	id      string    // empty when it is not known
	learned time.Time // when retention was last asked for
}

func newBucket(name string, has []monitor.Class, cfg Config, rest rest) *bucket {
	b := &bucket{name: name, org: cfg.Org, rest: rest, now: cfg.Now}
	if cfg.OnCreated != nil {
		b.onCreated = func() { cfg.OnCreated(name, has) }
	}
	b.retention.Store(int64(unknownRetention))
	return b
}

// ensure finds or creates the bucket, unless that has succeeded before. Once a minute it asks for the bucket's retention
// again.
func (b *bucket) ensure(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ready {
		if err := b.open(ctx); err != nil {
			return err
		}
		if b.ready = true; b.missing {
			b.id = "" // it has another one now
		}
		if rand.IntN(2) == 0 { // else a proxy that fails each n-th request could always fail the write that follows
			b.learned = time.Time{}
		}
	}
	if now := b.now(); now.Sub(b.learned) >= refreshAfter {
		b.retention.Store(int64(b.findRetention(ctx)))
		b.believed.Store(now.Add(refreshAfter).UnixNano())
		b.learned = now
	}
	if b.missing && b.onCreated != nil {
		b.onCreated()
	}
	b.missing = false
	return nil
}

// doubt makes the next ensure look for the bucket again. missing says that it is not there.
func (b *bucket) doubt(missing bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready, b.missing = false, b.missing || missing
}

// forgetRetention makes the next ensure ask for the retention again, unless it was asked for just now.
func (b *bucket) forgetRetention() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now().Sub(b.learned) >= refreshAtLeast {
		b.learned = time.Time{}
	}
}

// knowRetention asks for the retention, if it was asked for before a time or is not believed any more. When InfluxDB does
// not answer, all points are sent.
func (b *bucket) knowRetention(ctx context.Context, since time.Time) {
	b.mu.Lock()
	if b.learned.Before(since) {
		b.learned = time.Time{}
		b.believed.Store(0)
	}
	b.mu.Unlock()
	_ = b.ensure(ctx) // the delivery that follows says what is wrong
}

// oldest returns the time before which InfluxDB refuses points, and the retention. ok is false if there is none, or if
// it is not known or was asked for too long ago. Points are then sent, and InfluxDB is asked for it on the way. A clock of this machine
// that is ahead makes no point old.
func (b *bucket) oldest() (t time.Time, retention time.Duration, ok bool) {
	retention = time.Duration(b.retention.Load())
	now := b.now()
	if retention <= 0 || now.UnixNano() >= b.believed.Load() {
		return time.Time{}, 0, false
	}
	return now.Add(-time.Duration(b.ahead.Load())).Add(-retention), retention, true
}

// open asks whether the token may write to the bucket, by writing nothing, and creates the bucket if there is none.
// A token that may write and nothing else is enough that way.
func (b *bucket) open(ctx context.Context) error {
	err := b.writeNothing(ctx)
	if monitor.ErrorCode(err) != monitor.ENotFound {
		return b.explainWrite(err)
	}
	refused, err := b.create(ctx, err)
	if err != nil {
		return err
	}
	err = b.writeNothing(ctx)
	if refused != nil && monitor.ErrorCode(err) == monitor.ENotFound { // otherwise someone else has just created it
		return wrap(err, "create bucket %q: %v", b.name, refused)
	}
	return b.explainWrite(err)
}

func (b *bucket) writeNothing(ctx context.Context) error {
	query := url.Values{"org": {b.org}, "bucket": {b.name}, "precision": {"ns"}}
	return b.rest.call(ctx, http.MethodPost, "write", query, "", nil)
}

func (b *bucket) explainWrite(err error) error {
	switch monitor.ErrorCode(err) {
	case "", monitor.EInvalid: // EInvalid: InfluxDB 2.0 and 3 want points, but the bucket was reached
		return nil
	case monitor.EUnauthorized:
		return monitor.Errorf(monitor.EUnauthorized, "InfluxDB does not accept the token: %w", err)
	case monitor.EForbidden:
		return monitor.Errorf(monitor.EForbidden,
			"the token may not write to bucket %q in organisation %q: give it write access to that bucket (%w)",
			b.name, b.org, err)
	default:
		return wrap(err, "bucket %q", b.name)
	}
}

// ShardGroup returns how much time each shard of a bucket covers. retention is how long the bucket keeps points, 0 for ever.
// InfluxDB writes the tags and an index of each series into each of its shards. By itself it makes shards of a week, or of a
// day where points stay for less than half a year. A test has few points a week on a class of machine, so such shards are mostly
// tags. Points go when all of their shard is older than the retention.
func ShardGroup(retention time.Duration) time.Duration {
	const day, longest = 24 * time.Hour, 28 * 24 * time.Hour
	switch {
	case retention == 0:
		return longest
	case retention < day:
		return time.Hour
	default:
		return min(max((retention/4).Truncate(day), day), longest)
	}
}

// create makes the bucket without expiry. missing is what InfluxDB said to the write. refused is what it says against such a bucket, or that
// the bucket is there by now.
func (b *bucket) create(ctx context.Context, missing error) (refused, err error) {
	orgID, err := b.orgID(ctx)
	if err != nil {
		return nil, err
	}
	if orgID == "" {
		return nil, monitor.Errorf(monitor.ENotFound, "bucket %q in organisation %q cannot be written to (%w), and the token"+
			" may not see that organisation: create the bucket, correct the organisation, or give the token read:orgs"+
			" and write:buckets", b.name, b.org, missing)
	}
	err = b.post(ctx, orgID, map[string]any{"type": "expire", "everySeconds": 0, "shardGroupDurationSeconds": int64(ShardGroup(0) / time.Second)})
	if monitor.ErrorCode(err) == monitor.EInvalid { // such as an InfluxDB that takes no length of shards, or no rule that keeps for ever
		err = b.post(ctx, orgID)
	}
	switch monitor.ErrorCode(err) {
	case "", monitor.EInvalid:
		b.missing = true
		return err, nil
	case monitor.EUnauthorized, monitor.EForbidden:
		return nil, monitor.Errorf(monitor.EForbidden, "the token may not create buckets: create bucket %q in organisation %q"+
			" or give the token write:buckets (%w)", b.name, b.org, err)
	default:
		return nil, wrap(err, "create bucket %q", b.name)
	}
}

// post asks InfluxDB to create the bucket. Without rules it keeps points for ever, or as long as InfluxDB Cloud's plan allows.
func (b *bucket) post(ctx context.Context, orgID string, rules ...any) error {
	body, err := json.Marshal(map[string]any{"orgID": orgID, "name": b.name, "description": "written by pymon-bridge",
		"retentionRules": append([]any{}, rules...)})
	if err != nil {
		return monitor.Errorf(monitor.EInternal, "create bucket %q: %w", b.name, err)
	}
	return b.rest.call(ctx, http.MethodPost, "buckets", nil, string(body), nil)
}

// orgID returns the ID of the organisation, "" where there is none that the token may see.
func (b *bucket) orgID(ctx context.Context) (string, error) {
	var found struct {
		Orgs []struct{ ID, Name string }
	}
	_, err := b.rest.getJSON(ctx, "orgs", url.Values{"org": {b.org}}, &found)
	if monitor.ErrorCode(err) == monitor.EUnavailable {
		return "", wrap(err, "find organisation %q", b.org)
	}
	for _, o := range found.Orgs {
		if o.Name == b.org {
			return o.ID, nil
		}
	}
	if influxID.MatchString(b.org) {
		return b.org, nil
	}
	return "", nil
}

// findRetention asks how long the bucket keeps points, so that points that it would refuse are not sent. It notes how far the clock of
// this machine is ahead, and notices that others have deleted the bucket and made one with its name. Delivery does not depend on it: an error
// counts as an unknown retention.
func (b *bucket) findRetention(ctx context.Context) time.Duration {
	var found struct {
		Buckets []struct {
			ID, Name       string
			RetentionRules []struct{ EverySeconds int64 }
		}
	}
	query := url.Values{"name": {b.name}, "org": {b.org}}
	if influxID.MatchString(b.org) {
		query = url.Values{"name": {b.name}, "orgID": {b.org}}
	}
	date, err := b.rest.getJSON(ctx, "buckets", query, &found)
	if err != nil {
		return unknownRetention
	}
	b.ahead.Store(0)
	if !date.IsZero() { // InfluxDB whose own clock is ahead refuses all points, the probe too, and so nothing is buried
		b.ahead.Store(max(0, int64(b.now().Sub(date))))
	}
	for _, bucket := range found.Buckets {
		if bucket.Name != b.name {
			continue
		}
		if bucket.ID != "" {
			b.missing = b.missing || b.id != "" && b.id != bucket.ID
			b.id = bucket.ID
		}
		if len(bucket.RetentionRules) == 0 {
			return 0
		}
		return time.Duration(bucket.RetentionRules[0].EverySeconds) * time.Second
	}
	return unknownRetention
}

// wrap says before err what was being done, and keeps its code and its advice on when to try again.
func wrap(err error, format string, args ...any) error {
	wrapped := monitor.Errorf(monitor.ErrorCode(err), format+": %w", append(args, err)...)
	if e, ok := errors.AsType[*monitor.Error](err); ok {
		wrapped.RetryAfter = e.RetryAfter
	}
	return wrapped
}
