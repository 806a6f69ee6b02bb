package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"pymon-bridge/influx"
	"pymon-bridge/journal"
	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// deleter carries out deletions, in a bridge or in a command when no bridge serves the file.
type deleter struct {
	db     *sqlite.DB
	points pointDeleter // nil without a destination
	logger *slog.Logger
	// quiet calls do while nothing of the file is on the way to the destination.
	quiet func(ctx context.Context, do func() error) error
	// forget drops what is cached of the file.
	forget func()

	settled bool        // the destination is known to owe nothing
	tries   int         // that failed in a row
	after   time.Time   // when to ask the destination again
	now     atomic.Bool // ask it at once
}

// pointDeleter is a destination that can delete what it has of a project.
type pointDeleter interface {
	Destination() monitor.Destination
	DeleteProject(ctx context.Context, project string) error
}

// next carries out the next deletion, if there is one. Otherwise it asks the destination again for what it did not delete.
func (x *deleter) next(ctx context.Context) error {
	d, err := x.db.NextDeletion(ctx)
	if err != nil {
		return err
	}
	if d == nil {
		return x.askAgain(ctx)
	}
	if !d.State.FileDone {
		x.logger.InfoContext(ctx, "a project is removed", "project", d.Project)
		err := x.db.HideProject(ctx, d)
		x.forget() // also after an error: what is hidden is not there
		if err == nil {
			err = x.db.DeleteRecords(ctx, d)
		}
		if err != nil {
			return fmt.Errorf("remove project %s: %w", d.Project, err)
		}
	}
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
	x.logger.InfoContext(ctx, "a project is removed from the file", "project", d.Project, "records", d.State.Removed.Records())
	if x.points != nil {
		d.State.Dest = x.points.Destination()
		if d.State.Error, err = x.deletePoints(ctx, d.Project, ""); err != nil {
			return err
		}
	}
	return x.db.EndDeletion(ctx, d)
}

// deletePoints asks the destination to delete the points of a project, which may take minutes. It notes the answer, and returns
// why the destination still has them. before is what it said the last time.
func (x *deleter) deletePoints(ctx context.Context, project, before string) (refusal string, err error) {
	err = x.points.DeleteProject(ctx, project)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		x.tries = 0
		x.logger.InfoContext(ctx, "the destination has deleted the points of a project", "project", project)
		if err := x.restore(ctx, project); err != nil {
			return "", err
		}
	default:
		refusal = err.Error()
		x.settled, x.after = false, time.Now().Add(journal.PauseAfter(err, x.tries))
		x.tries++
		if monitor.Wording(refusal) != monitor.Wording(before) {
			x.logger.ErrorContext(ctx, "a project is removed from the file, but the destination still has its points; it is asked again "+
				"until it deletes them", "project", project, "error", err)
		}
	}
	return refusal, x.db.NoteDeleted(ctx, x.points.Destination(), project, refusal)
}

// askAgain asks the destination again to delete what it still has of removed projects. It waits longer after each failure, as
// the courier does.
func (x *deleter) askAgain(ctx context.Context) error {
	if x.points == nil || x.settled || !x.now.Swap(false) && time.Now().Before(x.after) {
		return nil
	}
	all, err := x.db.Undeleted(ctx)
	for _, u := range all {
		if u.Dest != x.points.Destination() {
			continue
		}
		if refusal, err := x.deletePoints(ctx, u.Project, u.Error); err != nil || refusal != "" {
			return err
		}
	}
	x.settled = err == nil
	return err
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
func (c *deleteCmd) unserved(ctx context.Context, id int64, logger *slog.Logger, result *deleteResult) (err error) {
	db := newDB(c.Data, logger)
	if err := db.Open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	x := &deleter{db: db, logger: logger, forget: func() {}, quiet: func(_ context.Context, do func() error) error { return do() }}
	if c.URL != "" {
		w, err := influx.Open(influx.Config{URL: c.URL, Token: c.Token, Org: c.Org, Bucket: c.Bucket, MetaBucket: c.MetaBucket}, logger)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.Close()) }()
		x.points = w
	}
	for {
		result.DeletionState, err = db.DeletionState(ctx, id)
		if err == nil && !result.Ended.IsZero() {
			return c.readLeft(ctx, db, result)
		}
		if err == nil {
			err = x.next(ctx)
		}
		if err != nil {
			return err
		}
	}
}
