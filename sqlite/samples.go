package sqlite

import (
	"context"
	"iter"
	"sync"

	"pymon-bridge/monitor"
)

// Samples implements [monitor.HistoryStore]. It reads ahead of its consumer by one part, and holds nothing of the file
// while it waits for it.
func (db *DB) Samples(ctx context.Context, runs []*monitor.RunInfo) iter.Seq2[monitor.Sample, error] {
	return func(yield func(monitor.Sample, error) bool) {
		reading, stop := context.WithCancel(ctx)
		parts := make(chan samplePart)
		var reader sync.WaitGroup
		defer reader.Wait()
		defer stop()
		reader.Go(func() {
			defer close(parts)
			newSampling(reading, db, parts).run(runs)
		})
		for part := range parts {
			for i := range part.samples {
				if err := ctx.Err(); err != nil {
					yield(monitor.Sample{}, err)
					return
				}
				if !yield(part.samples[i], nil) {
					return
				}
			}
			if part.err != nil {
				yield(monitor.Sample{}, part.err)
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(monitor.Sample{}, err)
		}
	}
}

// samplePart is what was read at a time, or why no more is.
type samplePart struct {
	samples []monitor.Sample
	err     error
}

// sampling reads parts and hands them over. It remembers the dictionaries by ID, since the same tests, files and machines
// come in every run.
type sampling struct {
	ctx   context.Context
	db    *DB
	parts chan<- samplePart
	// Two parts take turns: once one is handed over, the consumer has done with the other.
	samples, others []monitor.Sample
	rows            []sampleRow

	series    map[int64]*monitor.Series // nil where it is no test
	locations map[int64]string
	contexts  map[int64]*monitor.Context // nil where it is unknown; only what tells the class of machine
}

func newSampling(ctx context.Context, db *DB, parts chan<- samplePart) *sampling {
	return &sampling{ctx: ctx, db: db, parts: parts, series: make(map[int64]*monitor.Series),
		locations: make(map[int64]string), contexts: make(map[int64]*monitor.Context)}
}

// run reads the sessions of some runs, until there are no more, the consumer has gone, or one cannot be read.
func (s *sampling) run(runs []*monitor.RunInfo) {
	for _, run := range runs {
		for _, hash := range run.Sessions {
			of := newSampled(run, hash)
			for !of.complete {
				err := s.db.readFrom(s.ctx, s.db.listers, func(q querier) error { return s.part(q, of) })
				if !s.send(err) {
					return
				}
			}
		}
	}
}

// send hands over what was read, and says whether to go on.
func (s *sampling) send(err error) bool {
	select {
	case s.parts <- samplePart{s.samples, err}:
	case <-s.ctx.Done():
		return false
	}
	s.samples, s.others = s.others[:0], s.samples
	return err == nil
}
