package sqlite

import (
	"context"
	"iter"
	"sync"

	"pymon-bridge/monitor"
)

// Samples implements [monitor.HistoryStore]. It reads one part ahead of its consumer. While it waits for the consumer,
// it holds no transaction and no connection.
func (db *DB) Samples(ctx context.Context, of monitor.Sort, runs []*monitor.RunInfo) iter.Seq2[monitor.Sample, error] {
	return db.SampleReader().Samples(ctx, of, runs)
}

// SampleReader implements [monitor.SampleReaders].
func (db *DB) SampleReader() monitor.SampleReader {
	return &sampleReader{db: db, series: map[monitor.Sort]*byID[*monitor.Series]{monitor.Tests: {}, monitor.Modules: {}},
		locations: &byID[string]{}}
}

// sampleReader keeps the rows of dictionaries by ID, since every run has the same tests and files.
type sampleReader struct {
	db        *DB
	series    map[monitor.Sort]*byID[*monitor.Series] // nil for metrics of another sort
	locations *byID[string]
}

// Samples implements [monitor.SampleReader].
func (r *sampleReader) Samples(ctx context.Context, of monitor.Sort, runs []*monitor.RunInfo) iter.Seq2[monitor.Sample, error] {
	return func(yield func(monitor.Sample, error) bool) {
		reading, stop := context.WithCancel(ctx)
		parts := make(chan samplePart)
		var reader sync.WaitGroup
		defer reader.Wait()
		defer stop()
		reader.Go(func() {
			defer close(parts)
			newSampling(reading, r, of, parts).run(runs)
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

// samplePart has the samples of one transaction, or the error that ended the reading.
type samplePart struct {
	samples []monitor.Sample
	err     error
}

// sampling reads samples and sends them in parts.
type sampling struct {
	ctx   context.Context
	db    *DB
	of    monitor.Sort
	parts chan<- samplePart
	// Two parts take turns. When one part is sent, the consumer has finished with the other part.
	samples, others []monitor.Sample

	series    *byID[*monitor.Series] // nil for metrics of another sort
	locations *byID[string]
	contexts  map[int64]*monitor.Context // nil for unknown contexts; only the fields that determine the class of machine
}

func newSampling(ctx context.Context, r *sampleReader, of monitor.Sort, parts chan<- samplePart) *sampling {
	return &sampling{ctx: ctx, db: r.db, of: of, parts: parts, series: r.series[of], locations: r.locations,
		contexts: make(map[int64]*monitor.Context)}
}

// run reads some runs. It stops at the first error, or when the consumer has gone.
func (s *sampling) run(runs []*monitor.RunInfo) {
	for _, run := range runs {
		of := &sampled{run: run}
		for complete := false; !complete; {
			err := s.db.readFrom(s.ctx, s.db.listers, func(q querier) (err error) {
				complete, err = s.readPart(q, of)
				return err
			})
			if !s.send(err) {
				return
			}
		}
	}
}

// send sends the part that was read. It returns false when the reading has to stop.
func (s *sampling) send(err error) bool {
	select {
	case s.parts <- samplePart{s.samples, err}:
	case <-s.ctx.Done():
		return false
	}
	s.samples, s.others = s.others[:0], s.samples
	return err == nil
}
