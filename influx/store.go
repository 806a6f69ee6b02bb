package influx

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"pymon-bridge/monitor"
)

const (
	// patience is how long InfluxDB may work on a query before it is asked whether it is there at all.
	patience = 1500 * time.Millisecond
	// pulseTimeout is how long it has to say that it is. Together they are less than five seconds.
	pulseTimeout = 3 * time.Second
)

// Store answers questions from both buckets, whichever bridge delivered what is there. It implements
// [monitor.Store]; all its errors but those of ctx are EUnavailable, and come within five seconds where InfluxDB
// cannot be reached.
//
// Metrics are asked for session by session where a question is about sessions: from an hour before a session's start
// to seven days after it, which is a limit of this store. What has no session is found everywhere.
//
// InfluxDB stores by series and has no order across them, and sorting there costs minutes where there are a million
// points. Lists are therefore cut into spans of time, which are counted, as InfluxDB does fast, unless few points are
// expected there, then read, and put in order here. What is in memory at a time is one such span, and a small entry for
// each session or context.
type Store struct {
	writer *Writer
	hints  hints
}

var _ monitor.Store = (*Store)(nil)

// Store returns a reader of the buckets that the Writer writes to. It works after Close, too.
func (w *Writer) Store() *Store { return &Store{writer: w} }

// ask runs a query and hands each row of its answer to visit. A bucket that is not there yet is made, and empty.
func (s *Store) ask(ctx context.Context, flux string, p params, visit func(*record) error) error {
	err := s.watched(ctx, flux, p, visit)
	if monitor.ErrorCode(err) == monitor.ENotFound && s.writer.Ensure(ctx) == nil {
		err = s.watched(ctx, flux, p, visit)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case monitor.ErrorCode(err) == monitor.EUnavailable:
		return wrap(err, "read from InfluxDB at %s", s.writer.cfg.URL)
	default:
		// What the token may not do, say, is not the fault of who asked.
		return monitor.Errorf(monitor.EUnavailable, "read from InfluxDB at %s: %w", s.writer.cfg.URL, err)
	}
}

// watched runs a query, and gives it up when InfluxDB shows no sign of life meanwhile.
func (s *Store) watched(ctx context.Context, flux string, p params, visit func(*record) error) error {
	return s.Pulsed(ctx, func(ctx context.Context) error { return s.run(ctx, flux, p, visit) })
}

// Pulsed calls f with a context that ends when InfluxDB shows no sign of life, within five seconds, and returns that as
// the error then.
func (s *Store) Pulsed(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.watch(ctx, cancel)
	}()
	defer func() { cancel(nil); <-done }()
	err := f(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// watch asks for a sign of life again and again until ctx is done, and cancels it when there is none.
func (s *Store) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if err := s.pulse(ctx); err != nil {
			cancel(wrap(err, "InfluxDB does not answer"))
			return
		}
		timer.Reset(patience)
	}
}

// pulse fails when InfluxDB does not answer anything.
func (s *Store) pulse(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pulseTimeout)
	defer cancel()
	err := s.writer.rest.call(ctx, http.MethodGet, "", nil, "", nil)
	if monitor.ErrorCode(err) == monitor.EUnavailable {
		return err
	}
	return nil
}

func (s *Store) run(ctx context.Context, flux string, p params, visit func(*record) error) error {
	body, err := json.Marshal(node{"query": flux, "extern": p.extern(), "type": "flux", "dialect": flatDialect})
	if err != nil {
		return monitor.Errorf(monitor.EInternal, "make a query: %w", err)
	}
	return s.writer.rest.call(ctx, http.MethodPost, "query", url.Values{"org": {s.writer.cfg.Org}}, string(body),
		func(body io.Reader) error { return decodeCSV(body, visit) })
}
