package main

import (
	"context"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
)

// restorer brings points from InfluxDB back into a file.
type restorer struct {
	dataTarget
	reader  *influx.Reader
	project string   // the one that is read now; empty for all
	partial bool     // only a span of time is read
	missing []string // projects of which nothing came
	resumed bool     // the beginning was read by an import that was interrupted
	now     time.Time
	origins map[originKey]foundOrigin
	result  restored
}

// batchBytes bounds a batch, since a record may have megabytes.
const batchBytes = 8 << 20

// part brings a part back. It reads ahead while it stores.
func (r *restorer) part(ctx context.Context, part *influx.Part, bar *progress) error {
	return readAhead(ctx, func(ctx context.Context, give func([]*monitor.Point) error) error {
		return inBatches(r.reader.Read(ctx, part), r.batch(), give)
	}, func(ctx context.Context, batch []*monitor.Point) error {
		n := len(batch)
		err := r.store(ctx, batch)
		bar.add(int64(n))
		return err
	})
}

// readAhead calls store with each batch that read gives away. Meanwhile read goes on.
func readAhead[T any](ctx context.Context, read func(ctx context.Context, give func(T) error) error, store func(ctx context.Context, batch T) error) error {
	batches := make(chan T, 1)
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		defer close(batches)
		return read(ctx, func(batch T) error {
			select {
			case batches <- batch:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	work.Go(func() error {
		for batch := range batches {
			if err := store(ctx, batch); err != nil {
				return err
			}
		}
		return nil
	})
	return work.Wait()
}

// inBatches gathers points.
func inBatches(points iter.Seq2[*monitor.Point, error], most int, give func([]*monitor.Point) error) error {
	var batch []*monitor.Point
	bytes := 0
	for p, err := range points {
		if err != nil {
			return err
		}
		batch, bytes = append(batch, p), bytes+p.Size()
		if len(batch) >= most || bytes >= batchBytes {
			if err := give(batch); err != nil {
				return err
			}
			batch, bytes = nil, 0
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return give(batch)
}

// store stores a batch, and counts what is no record.
func (r *restorer) store(ctx context.Context, batch []*monitor.Point) error {
	points := batch[:0]
	for _, p := range batch {
		if err := p.Restore(r.now); err != nil {
			r.result.skip(err)
			continue
		}
		points = append(points, p)
	}
	pins, err := r.findOrigins(ctx, points)
	if err != nil {
		return err
	}
	if err := r.append(ctx, points); err != nil {
		return err
	}
	origins := make(map[uint64]monitor.Origin, len(pins))
	for _, p := range pins {
		origins[p.Seq] = p.Origin
	}
	return r.db.PinOrigins(ctx, origins)
}

func (r *restorer) append(ctx context.Context, points []*monitor.Point) error {
	if len(points) == 0 {
		return nil
	}
	recs := make([]*monitor.Record, len(points))
	for i, p := range points {
		recs[i] = p.Record
	}
	if err := r.add(ctx, recs, &r.result.importCounts); err != nil {
		return err
	}
	r.result.countProjects(recs)
	return nil
}

// progress starts to tell how far the import is.
func (r *restorer) progress(ctx context.Context, m *Main, queries []influx.Query) (*progress, error) {
	total := int64(0)
	for _, q := range queries {
		n, err := r.reader.Count(ctx, q)
		if err != nil {
			return nil, err
		}
		total += n
	}
	return m.newProgress("Reading from InfluxDB", "points", total), nil
}
