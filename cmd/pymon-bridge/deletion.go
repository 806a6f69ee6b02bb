package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// deleter carries out deletions, in a bridge or in a command when no bridge serves the file.
type deleter struct {
	db      *sqlite.DB
	backend monitor.Backend // nil without a destination
	logger  *slog.Logger
	// quiet calls do while nothing of the file is on the way to the destination.
	quiet func(ctx context.Context, do func() error) error
	// forget drops what is cached of the file.
	forget func()
}

// next carries out the next deletion, if there is one.
func (x *deleter) next(ctx context.Context) error {
	d, err := x.db.NextDeletion(ctx)
	if err != nil || d == nil {
		return err
	}
	if !d.State.FileDone {
		x.logger.InfoContext(ctx, "a project is removed", "project", d.Project)
		defer x.forget() // also after an error: what is hidden is not there
		if err := x.db.DeleteRecords(ctx, d); err != nil {
			return fmt.Errorf("remove project %s: %w", d.Project, err)
		}
	}
	x.forget()
	// A record that is on its way may arrive after the points were deleted. So nothing of what is removed is on its way then.
	err = x.quiet(ctx, func() error {
		if err := x.db.SweepDeletion(ctx, d); err != nil {
			return fmt.Errorf("remove the rest of project %s: %w", d.Project, err)
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	x.deletePoints(ctx, d) // may take minutes
	if err := ctx.Err(); err != nil {
		return err
	}
	if x.backend != nil { // it may have deleted some points before an error
		if err := x.restore(ctx, d.Project); err != nil {
			return err
		}
	}
	if d.State.Error != "" {
		x.logger.ErrorContext(ctx, "a project is removed from the file, but the destination still has its points; repeat the "+
			"deletion when this is solved", "project", d.Project, "records", d.State.Removed.Records(), "error", d.State.Error)
	} else {
		x.logger.InfoContext(ctx, "a project is removed completely", "project", d.Project, "records", d.State.Removed.Records())
	}
	return x.db.EndDeletion(ctx, d)
}

// deletePoints deletes the points of a project. An error is for the operator, who may repeat the command.
func (x *deleter) deletePoints(ctx context.Context, d *monitor.Deletion) {
	backend, ok := x.backend.(interface {
		DeleteProject(ctx context.Context, project string) error
	})
	if !ok {
		return
	}
	if err := backend.DeleteProject(ctx, d.Project); err != nil {
		d.State.Error = err.Error()
		return
	}
	d.State.Cleared = []string{string(x.backend.Destination())}
}

// restore delivers again what arrived of the project since the deletion began, since its points were deleted too.
func (x *deleter) restore(ctx context.Context, project string) error {
	size, err := x.db.SizeOf(ctx, project)
	if err == nil && size.Records() > 0 {
		_, err = x.db.AddReplay(ctx, monitor.Replay{Project: project, Imported: true})
	}
	if err != nil {
		return fmt.Errorf("deliver the new records of project %s again: %w", project, err)
	}
	return nil
}

// deleter returns the deleter of a serving bridge.
func (b *bridge) deleter() *deleter {
	return &deleter{db: b.db, backend: b.backend, logger: b.logger, quiet: b.quiet, forget: b.cache.Clear}
}

// quiet stops both couriers while do runs. They go on from the file.
func (b *bridge) quiet(ctx context.Context, do func() error) error {
	if b.courier == nil {
		return do()
	}
	now, cancel := context.WithCancel(ctx)
	cancel()
	err := errors.Join(b.courier.Close(now), b.reports.Close())
	if err == nil {
		err = do()
	}
	for ctx.Err() == nil {
		again := b.courier.Open(ctx)
		if again == nil {
			return errors.Join(err, b.reports.Open())
		}
		b.logger.ErrorContext(ctx, "delivery cannot go on yet", "error", again)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	return errors.Join(err, ctx.Err())
}

// unserved carries out a deletion on a file that no bridge serves, and earlier ones that wait.
func (c *deleteCmd) unserved(ctx context.Context, id int64, path string, logger *slog.Logger) (s monitor.DeletionState, err error) {
	db := sqlite.New(path, monitor.Zones{Server: time.Local}, logger)
	if err := db.Open(ctx); err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	x := &deleter{db: db, logger: logger, forget: func() {}, quiet: func(_ context.Context, do func() error) error { return do() }}
	if c.URL != "" {
		w, err := influx.Open(influx.Config{URL: c.URL, Token: c.Token, Org: c.Org, Bucket: c.Bucket, MetaBucket: c.MetaBucket}, logger)
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, w.Close()) }()
		x.backend = influxBackend{w, w.Reader()}
	}
	for {
		if s, err = db.DeletionState(ctx, id); err != nil || !s.Ended.IsZero() {
			return s, err
		}
		if err := x.next(ctx); err != nil {
			return s, err
		}
	}
}
